//! Searches among versions over the wire, and what is told with each of them.

use lineal_proto::lineal::registry::v1 as pb;
use tonic::{Code, Status};

use crate::fixture::{Bench, Refusal, create_run, create_version, labels, lineage, set_alias};

async fn listed(bench: &Bench, filter: &str, order_by: &str) -> Vec<u64> {
    let request = pb::ListVersionsRequest {
        model: "churn".into(),
        filter: filter.into(),
        order_by: order_by.into(),
        ..Default::default()
    };
    let found = bench.version_service().list_versions(request).await.unwrap().into_inner().versions;
    found.iter().map(|version| version.number).collect()
}

async fn register_with(bench: &Bench, auc: f64, change: impl FnOnce(&mut pb::CreateVersionRequest)) -> pb::Version {
    let mut request = create_version("churn", bench.bundle(&format!("auc {auc}")).await);
    request.metrics = [("auc".to_owned(), auc)].into();
    change(&mut request);
    bench.version_service().create_version(request).await.unwrap().into_inner().version.unwrap()
}

#[tokio::test]
async fn versions_are_found_by_what_is_kept_with_them() {
    // F10, F40
    let bench = Bench::start().await;
    for (auc, team) in [(0.7, "growth"), (0.9, "risk"), (0.8, "growth")] {
        register_with(&bench, auc, |request| request.tags = labels(&[("team", team)])).await;
    }
    bench.register("fraud").await;
    assert_eq!(listed(&bench, "metrics.auc > 0.7 and tags.team = 'growth'", "").await, [3]);
    assert_eq!(listed(&bench, "", "metrics.auc desc").await, [2, 3, 1]);
    assert_eq!(listed(&bench, "created >= '2025-01-15T14:30:22Z' and number < 3", "created asc").await, [1, 2]);
    let request = pb::SearchVersionsRequest { filter: "run_id = 'run-1'".into(), ..Default::default() };
    let all = bench.version_service().search_versions(request).await.unwrap().into_inner().versions;
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|version| version.lineage.as_ref().is_some_and(|lineage| lineage.run_id == "run-1")));
}

#[tokio::test]
async fn what_is_no_search_is_refused_with_its_position() {
    let bench = Bench::start().await;
    bench.register("churn").await;
    let list = |filter: &str, order_by: &str, display_state: &str| pb::ListVersionsRequest {
        model: "churn".into(),
        filter: filter.into(),
        order_by: order_by.into(),
        display_state: display_state.into(),
        ..Default::default()
    };
    for (request, field, told) in [
        (list("auc > 0.8", "", ""), "filter", "position 1: expected metrics.KEY, tags.KEY, metadata"),
        (list("display_state = 'retired'", "", ""), "filter", "position 17: expected one of 'production'"),
        (list("label = 'a\0b'", "", ""), "filter", "position 11"),
        (list(&"x".repeat(4097), "", ""), "filter", "4097 bytes"),
        (list("", "tags.a", ""), "order_by", "position 1: expected created, number or metrics.KEY"),
        (list("", "number desc, created", ""), "order_by", "position 12"),
        (list("", "", "retired"), "display_state", "`retired` is none of production"),
    ] {
        let refused = Refusal::of(bench.version_service().list_versions(request).await);
        assert_eq!((refused.code, refused.fields.as_slice()), (Code::InvalidArgument, &[field.to_owned()][..]));
        assert!(refused.message.contains(told), "{}", refused.message);
    }
    let unknown = pb::ListVersionsRequest { model: "nobody".into(), ..list("", "", "") };
    assert_eq!(Refusal::of(bench.version_service().list_versions(unknown).await).reason, "MODEL_NOT_FOUND");
}

#[tokio::test]
async fn a_page_token_fits_its_own_search_only() {
    let bench = Bench::start().await;
    for auc in [0.7, 0.8, 0.9] {
        register_with(&bench, auc, |_| ()).await;
    }
    let by = |order_by: &str, page_token: String| pb::ListVersionsRequest {
        model: "churn".into(),
        page_size: 1,
        order_by: order_by.into(),
        page_token,
        ..Default::default()
    };
    let mut service = bench.version_service();
    let first = service.list_versions(by("metrics.auc desc", String::new())).await.unwrap().into_inner();
    let token = || first.next_page_token.clone();
    let second = service.list_versions(by("metrics.auc desc", token())).await.unwrap().into_inner();
    assert_eq!((first.versions[0].number, second.versions[0].number), (3, 2));
    let narrowed = pb::ListVersionsRequest { filter: "number > 1".into(), ..by("metrics.auc desc", token()) };
    for other in [by("metrics.auc asc", token()), narrowed, by("metrics.auc desc", "bm9uZQ".into())] {
        assert_eq!(Refusal::of(service.list_versions(other).await).fields, ["page_token"]);
    }
    let all = pb::SearchVersionsRequest { page_token: token(), ..Default::default() };
    assert_eq!(Refusal::of(service.search_versions(all).await).fields, ["page_token"]);
}

#[tokio::test]
async fn a_version_behind_the_alias_canary_is_one() {
    // F12
    let bench = Bench::start().await;
    let number = bench.register("churn").await.number;
    bench.alias_service().set_alias(set_alias("churn", "canary", number)).await.unwrap();
    assert_eq!(bench.version("churn", number).await.display_state, "canary");
    assert_eq!(listed(&bench, "display_state = 'canary'", "").await, [number]);
    assert!(listed(&bench, "display_state = 'staging'", "").await.is_empty());
}

#[tokio::test]
async fn run_name_tags_and_sha_are_told_with_run_version_and_prediction() -> Result<(), Status> {
    // F33
    let bench = Bench::start().await;
    let tags = labels(&[("environment", "uat"), ("git_sha", "0123abc"), ("status", "validated")]);
    let run = pb::CreateRunRequest { tags: tags.clone(), ..create_run("churn") };
    let run = bench.run_service().create_run(run).await?.into_inner().run.unwrap();
    assert_eq!((run.name.as_str(), &run.tags, run.model.as_str()), ("churn-20250115-143022", &tags, "churn"));
    let made = register_with(&bench, 0.8, |request| {
        let lineage = pb::Lineage { run_id: run.run_id.clone(), code_version: "0123abc".into(), ..lineage() };
        request.lineage = Some(lineage);
    })
    .await;
    let expected = Some(pb::RunSummary { run_id: run.run_id.clone(), name: run.name.clone(), tags });
    assert_eq!(made.run, expected);
    bench.validate("churn", made.number).await;
    bench.promote("churn", made.number).await?;
    let prediction_id = format!("churn:{}:g1:1736951422000000:r1:0a1b", made.number);
    let trace =
        bench.lineage_service().trace_prediction(pb::TracePredictionRequest { prediction_id }).await?.into_inner();
    assert_eq!((trace.git_sha.as_str(), trace.run_id), ("0123abc", run.run_id));
    assert_eq!(trace.version.unwrap().run, expected);
    Ok(())
}

#[tokio::test]
async fn a_model_shows_what_is_current_of_it() -> Result<(), Status> {
    // F29
    let bench = Bench::start().await;
    bench.crown("churn").await;
    bench.run_service().create_run(create_run("churn")).await?;
    bench.clock.advance(crate::fixture::LEASE);
    let last = bench.run_service().create_run(create_run("churn")).await?.into_inner().run.unwrap();
    let champion = bench.crown("churn").await;
    bench.register("churn").await;
    let request = pb::GetModelRequest { name: "churn".into() };
    let model = bench.model_service().get_model(request).await?.into_inner().model.unwrap();
    assert_eq!(model.current_versions, [pb::CurrentVersion { slot: labels(&[]), number: champion }]);
    assert_eq!((model.latest_version, &model.last_run_id), (3, &last.run_id));
    assert_eq!(model.last_run_time, last.start_time);
    let listed = bench.model_service().list_models(pb::ListModelsRequest::default()).await?.into_inner().models;
    assert_eq!(listed, [model]);
    Ok(())
}
