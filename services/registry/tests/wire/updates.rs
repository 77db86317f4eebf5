//! What can be described anew, and what stays as it is.

use lineal_proto::{
    lineal::registry::v1 as pb,
    pbjson_types::{ListValue, Struct, Value, value::Kind},
};
use tonic::Code;

use crate::fixture::{Bench, Refusal, create_run, create_version, labels, reason};

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.into())) }
}

fn number(number: f64) -> Value {
    Value { kind: Some(Kind::NumberValue(number)) }
}

fn object(members: &[(&str, Value)]) -> Struct {
    Struct { fields: members.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect() }
}

fn nested(members: &[(&str, Value)]) -> Value {
    Value { kind: Some(Kind::StructValue(object(members))) }
}

fn update(number: u64) -> pb::UpdateVersionRequest {
    pb::UpdateVersionRequest { model: "churn".into(), number, ..Default::default() }
}

#[tokio::test]
async fn metadata_is_equal_when_read_back_and_found_by_its_keys() {
    // F25
    let bench = Bench::start().await;
    let list = vec![number(0.1 + 0.2), text("ü\u{202e}"), Value { kind: Some(Kind::NullValue(0)) }];
    let list = Value { kind: Some(Kind::ListValue(ListValue { values: list })) };
    let owner = nested(&[("team", text("growth")), ("a.b", number(-1e300))]);
    let metadata = object(&[("owner", owner), ("list", list), ("live", Value { kind: Some(Kind::BoolValue(true)) })]);
    let request = pb::CreateVersionRequest {
        metadata: Some(metadata.clone()),
        source: "s3://models/churn?x=%2e%2e".into(),
        run_link: "https://runs.example/1".into(),
        ..create_version("churn", bench.bundle("1").await)
    };
    let made = bench.version_service().create_version(request).await.unwrap().into_inner().version.unwrap();
    assert_eq!(made.metadata, Some(metadata));
    let read = bench.version("churn", 1).await;
    assert_eq!(read, made);
    assert_eq!(
        (read.source.as_str(), read.run_link.as_str()),
        ("s3://models/churn?x=%2e%2e", "https://runs.example/1")
    );
    let filter = "metadata.owner.team = 'growth' and metadata.owner.\"a.b\" < 0 and metadata.live = true";
    let search = pb::SearchVersionsRequest { filter: filter.into(), ..Default::default() };
    let found = bench.version_service().search_versions(search).await.unwrap().into_inner().versions;
    assert_eq!(found, [pb::Version { usage: None, blocks: None, ..made }], "searches leave out what became of it");
}

#[tokio::test]
async fn a_version_is_described_anew_and_everything_else_stays() {
    // F25
    let bench = Bench::start().await;
    let made = bench.register("churn").await;
    let mut service = bench.version_service();
    let request = pb::UpdateVersionRequest {
        description: Some("monthly".into()),
        tags: labels(&[("team", "growth"), ("tier", "1")]),
        metadata: Some(object(&[("a", number(1.0))])),
        etag: made.etag.clone(),
        request_id: "update-1".into(),
        ..update(1)
    };
    let changed = service.update_version(request.clone()).await.unwrap().into_inner().version.unwrap();
    let expected = pb::Version {
        description: "monthly".into(),
        tags: labels(&[("team", "growth"), ("tier", "1")]),
        metadata: request.metadata.clone(),
        etag: "r2".into(),
        ..made.clone()
    };
    assert_eq!(changed, expected);
    let again = service.update_version(request.clone()).await.unwrap().into_inner().version.unwrap();
    assert_eq!(again, expected, "the same request is the same change");
    let reused = pb::UpdateVersionRequest { description: Some("weekly".into()), ..request.clone() };
    assert_eq!(reason(service.update_version(reused).await).1, "REQUEST_ID_REUSED");
    let stale = pb::UpdateVersionRequest { request_id: "update-2".into(), ..request };
    let stale = Refusal::of(service.update_version(stale).await);
    assert_eq!((stale.code, stale.reason.as_str()), (Code::Aborted, "STALE_ETAG"));
    assert_eq!((stale.value("expected"), stale.value("found")), ("r1", "r2"));
    let removal = pb::UpdateVersionRequest { remove_tags: vec!["team".into(), "none".into()], ..update(1) };
    let left = service.update_version(removal.clone()).await.unwrap().into_inner().version.unwrap();
    assert_eq!((left.tags, left.etag.as_str()), (labels(&[("tier", "1")]), "r3"));
    service.update_version(removal).await.unwrap();
    let lines = bench.audit().await;
    let lines: Vec<_> = lines.iter().filter(|line| line.action == "update_version").collect();
    let told: Vec<_> = lines.iter().map(|line| (line.done, line.number)).collect();
    assert_eq!(told, [(true, 1), (false, 0), (false, 0), (true, 1)], "what changes nothing leaves no line");
    assert_eq!(reason(service.update_version(update(9)).await).1, "VERSION_NOT_FOUND");
}

#[tokio::test]
async fn a_model_is_described_anew() {
    let bench = Bench::start().await;
    let mut service = bench.model_service();
    let request = pb::CreateModelRequest { name: "churn".into(), tags: labels(&[("a", "1")]), ..Default::default() };
    let made = service.create_model(request).await.unwrap().into_inner().model.unwrap();
    let request = pb::UpdateModelRequest {
        name: "churn".into(),
        description: Some("who leaves".into()),
        tags: labels(&[("b", "2")]),
        remove_tags: vec!["a".into()],
        etag: made.etag.clone(),
        request_id: "update-1".into(),
    };
    let changed = service.update_model(request.clone()).await.unwrap().into_inner().model.unwrap();
    let expected =
        pb::Model { description: "who leaves".into(), tags: labels(&[("b", "2")]), etag: "r2".into(), ..made };
    assert_eq!(changed, expected);
    assert_eq!(service.update_model(request.clone()).await.unwrap().into_inner().model, Some(expected));
    let stale = pb::UpdateModelRequest { request_id: String::new(), ..request };
    assert_eq!(reason(service.update_model(stale.clone()).await), (Code::Aborted, "STALE_ETAG".into()));
    let unknown = pb::UpdateModelRequest { name: "nobody".into(), ..stale };
    assert_eq!(reason(service.update_model(unknown).await).1, "MODEL_NOT_FOUND");
}

#[tokio::test]
async fn bad_fields_of_descriptions_are_named() {
    let bench = Bench::start().await;
    bench.register("churn").await;
    let long = "x".repeat(64 * 1024 + 1);
    let deep = (0..20).fold(number(1.0), |inner, _| nested(&[("a", inner)]));
    let mut versions = bench.version_service();
    for (metadata, path) in [
        (object(&[("a", number(f64::NAN))]), "metadata.a"),
        (object(&[("a", nested(&[("b", number(f64::INFINITY))]))]), "metadata.a.b"),
        (object(&[("a", text("x\0y"))]), "metadata.a"),
        (object(&[("", number(1.0))]), "metadata"),
        (object(&[("a\n", number(1.0))]), "metadata"),
        (object(&[("a", text(&long))]), "metadata"),
        (object(&[("a", deep)]), "metadata.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a"),
    ] {
        let request = pb::UpdateVersionRequest { metadata: Some(metadata), ..update(1) };
        assert_eq!(Refusal::of(versions.update_version(request).await).fields, [path]);
    }
    let request = pb::UpdateVersionRequest {
        model: "../churn".into(),
        number: 0,
        description: Some(long.clone()),
        tags: labels(&[("a", "x\0"), ("b", "1")]),
        remove_tags: vec!["b".into()],
        request_id: "a b".into(),
        ..Default::default()
    };
    let expected = ["model", "number", "description", "tags.a", "remove_tags", "request_id"];
    assert_eq!(Refusal::of(versions.update_version(request).await).fields, expected);
    for bad in ["s3://a\nb", "s3://\u{202e}b", "s3://\u{2066}b", "\0", &long] {
        let request = pb::CreateVersionRequest {
            source: bad.into(),
            run_link: bad.into(),
            ..create_version("churn", bench.bundle("1").await)
        };
        assert_eq!(Refusal::of(versions.create_version(request).await).fields, ["source", "run_link"]);
        let request =
            pb::CreateExperimentRequest { name: "e".into(), artifact_location: bad.into(), ..Default::default() };
        let refused = Refusal::of(bench.experiment_service().create_experiment(request).await);
        assert_eq!(refused.fields, ["artifact_location"]);
    }
    for name in ["..", "a/b", "a%2fb", "a\u{202e}b", "a\u{7}", &long, ""] {
        let request = pb::UpdateModelRequest { name: name.into(), ..Default::default() };
        assert_eq!(Refusal::of(bench.model_service().update_model(request).await).fields, ["name"]);
    }
    let audit = pb::ListAuditEntriesRequest { actor: "\0".into(), action: long, outcome: 7, ..Default::default() };
    let refused = Refusal::of(bench.audit_service().list_audit_entries(audit).await);
    assert_eq!(refused.fields, ["actor", "action", "outcome"]);
}

#[tokio::test]
async fn an_experiment_is_renamed_and_its_tags_taken_away() {
    let bench = Bench::start().await;
    let mut service = bench.experiment_service();
    let wish = |name: &str| pb::CreateExperimentRequest {
        name: name.into(),
        tags: labels(&[("a", "1"), ("b", "2")]),
        artifact_location: "s3://runs".into(),
        ..Default::default()
    };
    let made = service.create_experiment(wish("weekly")).await.unwrap().into_inner().experiment.unwrap();
    service.create_experiment(wish("monthly")).await.unwrap();
    let update = pb::UpdateExperimentRequest {
        experiment_id: made.experiment_id.clone(),
        name: Some("daily".into()),
        remove_tags: vec!["a".into()],
        ..Default::default()
    };
    let changed = service.update_experiment(update.clone()).await.unwrap().into_inner().experiment.unwrap();
    assert_eq!(changed, pb::Experiment { name: "daily".into(), tags: labels(&[("b", "2")]), ..made.clone() });
    assert_eq!(changed.artifact_location, "s3://runs");
    let taken = pb::UpdateExperimentRequest { name: Some("monthly".into()), ..update };
    assert_eq!(reason(service.update_experiment(taken).await), (Code::AlreadyExists, "EXPERIMENT_EXISTS".into()));
    let run = pb::CreateRunRequest { experiment: "daily".into(), ..create_run("churn") };
    let run = bench.run_service().create_run(run).await.unwrap().into_inner().run.unwrap();
    assert_eq!(run.experiment_id, made.experiment_id);
}

#[tokio::test]
async fn a_run_is_scheduled_then_runs_and_its_tags_outlive_its_end() {
    let bench = Bench::start().await;
    let mut service = bench.run_service();
    let scheduled = pb::CreateRunRequest { status: pb::RunStatus::Scheduled.into(), ..create_run("churn") };
    let run = service.create_run(scheduled).await.unwrap().into_inner().run.unwrap();
    assert_eq!(run.status(), pb::RunStatus::Scheduled);
    let search =
        pb::SearchRunsRequest { filter: "status = 'scheduled' and model = 'churn'".into(), ..Default::default() };
    assert_eq!(service.search_runs(search).await.unwrap().into_inner().runs, std::slice::from_ref(&run));
    let update = |status: Option<pb::RunStatus>| pb::UpdateRunRequest {
        run_id: run.run_id.clone(),
        status: status.map(i32::from),
        ..Default::default()
    };
    let begun = service.update_run(update(Some(pb::RunStatus::Running))).await.unwrap().into_inner().run.unwrap();
    assert_eq!(begun.status(), pb::RunStatus::Running);
    let ended = service.update_run(update(Some(pb::RunStatus::Finished))).await;
    assert_eq!(Refusal::of(ended).fields, ["status"]);
    let finish = pb::FinishRunRequest {
        run_id: run.run_id.clone(),
        status: pb::RunStatus::Finished.into(),
        ..Default::default()
    };
    service.finish_run(finish).await.unwrap();
    assert_eq!(reason(service.update_run(update(Some(pb::RunStatus::Running))).await).1, "RUN_FINISHED");
    let tags = pb::UpdateRunRequest { tags: labels(&[("status", "promoted")]), ..update(None) };
    let tagged = service.update_run(tags).await.unwrap().into_inner().run.unwrap();
    assert_eq!((tagged.status(), tagged.tags), (pb::RunStatus::Finished, labels(&[("status", "promoted")])));
    let removal = pb::UpdateRunRequest { remove_tags: vec!["status".into()], ..update(None) };
    assert!(service.update_run(removal).await.unwrap().into_inner().run.unwrap().tags.is_empty());
}

#[tokio::test]
async fn the_audit_is_narrowed_by_what_a_request_names() {
    // F31
    let bench = Bench::start().await;
    bench.register("churn").await;
    bench.register("churn").await;
    assert!(bench.promote("churn", 2).await.is_err());
    let by = |outcome: pb::AuditOutcome, action: &str, number| pb::ListAuditEntriesRequest {
        outcome: outcome.into(),
        action: action.into(),
        number,
        actor: "ada".into(),
        ..Default::default()
    };
    let mut service = bench.audit_service();
    for (request, expected) in [
        (by(pb::AuditOutcome::Unspecified, "create_version", 0), 2),
        (by(pb::AuditOutcome::Done, "promote", 0), 0),
        (by(pb::AuditOutcome::Refused, "", 0), 1),
        (by(pb::AuditOutcome::Refused, "promote", 2), 1),
        (by(pb::AuditOutcome::Unspecified, "", 1), 1),
        (pb::ListAuditEntriesRequest { actor: "ben".into(), ..Default::default() }, 0),
    ] {
        let found = service.list_audit_entries(request.clone()).await.unwrap().into_inner().entries;
        assert_eq!(found.len(), expected, "{request:?}");
    }
}
