//! Where versions and predictions come from.

use lineal_kernel::Digest;
use lineal_proto::lineal::registry::v1::{
    self as pb,
    LineageRelation::{Parent, Upstream},
};
use tonic::Code;

use crate::fixture::{Bench, Refusal, create_run, create_version, demote, lineage, reason, record_validation};

pub(crate) async fn made(bench: &Bench, model: &str, lineage: pb::Lineage, upstreams: &[(&str, u64)]) -> pb::Version {
    let upstreams =
        upstreams.iter().map(|(model, number)| pb::VersionReference { model: (*model).to_owned(), number: *number });
    let request = pb::CreateVersionRequest {
        lineage: Some(lineage),
        upstreams: upstreams.collect(),
        ..create_version(model, bench.bundle(model).await)
    };
    bench.version_service().create_version(request).await.unwrap().into_inner().version.unwrap()
}

#[tokio::test]
async fn lineage_keeps_every_fact_and_one_changed_setting_changes_one_digest() {
    // F18, F19, F20
    let bench = Bench::start().await;
    let first = made(&bench, "churn", lineage(), &[]).await.lineage.unwrap();
    let digest = Digest::of(b"more trees").to_string();
    let changed = pb::Lineage { hyperparameters_digest: digest, parent_number: 1, ..lineage() };
    let second = made(&bench, "churn", changed, &[]).await.lineage.unwrap();
    assert!(!first.lineage_id.is_empty() && first.lineage_id != second.lineage_id);
    let expected = pb::Lineage { lineage_id: first.lineage_id.clone(), create_time: first.create_time, ..lineage() };
    assert_eq!(first, expected);
    let unchanged = pb::Lineage {
        lineage_id: first.lineage_id.clone(),
        parent_number: 0,
        hyperparameters_digest: first.hyperparameters_digest.clone(),
        ..second.clone()
    };
    assert_eq!(unchanged, first);
    assert_eq!((second.parent_number, first.create_time.unwrap().seconds), (1, 1_736_951_422));
}

#[tokio::test]
async fn a_walk_reaches_the_root_nearest_first_and_each_version_once() {
    // F16-F18
    let bench = Bench::start().await;
    made(&bench, "poisson", lineage(), &[]).await;
    made(&bench, "poisson", pb::Lineage { parent_number: 1, ..lineage() }, &[]).await;
    made(&bench, "blending", lineage(), &[("poisson", 2), ("poisson", 1)]).await;
    made(&bench, "calibration", lineage(), &[("blending", 1)]).await;
    let walk = |depth| {
        let request = pb::GetLineageRequest { model: "calibration".into(), number: 1, depth, ..Default::default() };
        let mut service = bench.lineage_service();
        async move { service.get_lineage(request).await.unwrap().into_inner() }
    };
    let seen = |walk: &pb::GetLineageResponse| {
        let names = walk.nodes.iter().map(|node| {
            let version = node.version.clone().unwrap();
            (version.model, version.number, node.depth)
        });
        names.collect::<Vec<_>>()
    };
    let name = |model: &str, number, depth| (model.to_owned(), number, depth);
    let whole = walk(0).await;
    let expected = [name("calibration", 1, 0), name("blending", 1, 1), name("poisson", 2, 2), name("poisson", 1, 2)];
    assert_eq!((seen(&whole).as_slice(), whole.truncated), (expected.as_slice(), false));
    let relations: Vec<pb::LineageRelation> = whole.edges.iter().map(pb::LineageEdge::relation).collect();
    assert_eq!(relations, [Upstream, Upstream, Upstream, Parent]);
    let (head, told) = (bench.version("calibration", 1).await, &whole.nodes[0]);
    assert_eq!(
        (&told.label, &told.family, &told.digest, &told.display_state, told.create_time, told.tainted),
        (&head.label, &head.family, &head.digest, &head.display_state, head.create_time, false)
    );
    let short = walk(1).await;
    assert_eq!((seen(&short).as_slice(), short.truncated), (&expected[..2], true));
}

#[tokio::test]
async fn descendants_and_ancestors_are_drawn_in_layers() {
    // F18
    let bench = Bench::start().await;
    made(&bench, "poisson", lineage(), &[]).await;
    made(&bench, "poisson", pb::Lineage { parent_number: 1, ..lineage() }, &[]).await;
    made(&bench, "blending", lineage(), &[("poisson", 2), ("poisson", 1)]).await;
    made(&bench, "calibration", lineage(), &[("blending", 1)]).await;
    let walk = async |direction: pb::LineageDirection| {
        let direction = direction.into();
        let request = pb::GetLineageRequest { model: "poisson".into(), number: 2, depth: 0, direction };
        let walk = bench.lineage_service().get_lineage(request).await.unwrap().into_inner();
        let places = walk.nodes.iter().map(|node| {
            let version = node.version.as_ref().unwrap();
            (format!("{} {}", version.model, version.number), node.depth, node.layer, node.position)
        });
        (places.collect::<Vec<_>>(), walk.edges.len(), walk.truncated)
    };
    let place = |name: &str, depth, layer| (name.to_owned(), depth, layer, 0);
    let younger = [place("poisson 2", 0, 2), place("blending 1", 1, 1), place("calibration 1", 2, 0)];
    assert_eq!(walk(pb::LineageDirection::Descendants).await, (younger.to_vec(), 2, false));
    let both =
        [place("poisson 2", 0, 2), place("poisson 1", 1, 3), place("blending 1", 1, 1), place("calibration 1", 2, 0)];
    // The edge from blending to poisson 1 leads past the version that was asked for.
    assert_eq!(walk(pb::LineageDirection::Both).await, (both.to_vec(), 4, false));
    let request = pb::GetLineageRequest { model: "poisson".into(), number: 2, depth: 0, direction: 9 };
    let refused = Refusal::of(bench.lineage_service().get_lineage(request).await);
    assert_eq!(refused.fields, ["direction"]);
}

#[tokio::test]
async fn a_walk_ends_at_three_hundred_versions_and_says_so() {
    // F18
    let bench = Bench::start().await;
    made(&bench, "churn", lineage(), &[]).await;
    let digest = bench.bundle("challenger").await;
    for _ in 0..305 {
        let lineage = Some(pb::Lineage { parent_number: 1, ..lineage() });
        let request = pb::CreateVersionRequest { lineage, ..create_version("churn", digest) };
        bench.version_service().create_version(request).await.unwrap();
    }
    let direction = pb::LineageDirection::Descendants.into();
    let request = pb::GetLineageRequest { model: "churn".into(), number: 1, depth: 1, direction };
    let walk = bench.lineage_service().get_lineage(request).await.unwrap().into_inner();
    assert_eq!((walk.nodes.len(), walk.edges.len(), walk.truncated), (300, 299, true));
}

#[tokio::test]
async fn a_run_tells_its_six_groups_also_when_what_it_made_was_rejected() {
    // F32
    let bench = Bench::start().await;
    let run = bench.run_service().create_run(create_run("churn")).await.unwrap().into_inner().run.unwrap();
    let rows = pb::DatasetReference {
        name: "churn".into(),
        role: "training".into(),
        digest: Digest::of(b"data").to_string(),
        rows: 800,
        profile: r#"{"columns":20}"#.into(),
        ..Default::default()
    };
    let metrics = [("auc".to_owned(), 0.81)].into();
    let log =
        pb::LogBatchRequest { run_id: run.run_id.clone(), metrics, datasets: vec![rows.clone()], ..Default::default() };
    bench.run_service().log_batch(log).await.unwrap();
    let file = bench.upload("model").await;
    let manifest = format!(
        r#"{{"files":{{"m":{{"digest":"{file}","size":5}}}},"signature":{{"inputs":[{{"name":"state","datatype":"BYTES"}}]}}}}"#
    );
    let digest = bench.upload(manifest).await;
    let lineage = pb::Lineage { run_id: run.run_id.clone(), ..lineage() };
    let request = pb::CreateVersionRequest { lineage: Some(lineage), ..create_version("churn", digest) };
    bench.version_service().create_version(request).await.unwrap();
    let gate = pb::GateResult {
        name: "auc floor".into(),
        metric: "auc".into(),
        value: Some(0.7),
        limit: Some(0.75),
        comparison: ">=".into(),
        passed: false,
        message: "auc 0.70 is below 0.75".into(),
    };
    let mut verdict = record_validation("churn", 1, 0);
    if let Some(validation) = verdict.validation.as_mut() {
        validation.passed = false;
        validation.failures = vec![gate.message.clone()];
        validation.gates = vec![gate.clone()];
    }
    bench.version_service().record_validation(verdict).await.unwrap();
    assert!(bench.promote("churn", 1).await.is_err());

    let request = pb::GetRunRequest { run_id: run.run_id.clone() };
    let answer = bench.run_service().get_run(request).await.unwrap().into_inner();
    let found = answer.run.unwrap();
    assert_eq!((found.datasets, found.metrics["auc"]), (vec![rows], 0.81), "dataset statistics, training metrics");
    assert_eq!(found.parameters["trees"], "100", "parameters");
    let result = &answer.results[0];
    let version = result.version.clone().unwrap();
    assert_eq!(version.lineage.unwrap().run_id, run.run_id, "lineage");
    let column = pb::SchemaColumn { name: "state".into(), datatype: "BYTES".into() };
    assert_eq!(result.feature_schema, [column], "feature schema");
    assert_eq!(result.validations[0].gates, [gate], "evaluation and why it was rejected");
    assert_eq!((result.validations[0].passed, result.validations[0].metrics["auc"]), (false, 0.8));
    assert_eq!(answer.results.len(), 1);
}

#[tokio::test]
async fn a_verdict_is_that_of_its_gates() {
    // F32
    let bench = Bench::start().await;
    bench.register("churn").await;
    let gate = pb::GateResult {
        name: "auc floor".into(),
        limit: Some(f64::NAN),
        comparison: "=".into(),
        passed: false,
        ..Default::default()
    };
    let mut verdict = record_validation("churn", 1, 0);
    verdict.validation.as_mut().unwrap().gates = vec![gate];
    let refused = Refusal::of(bench.version_service().record_validation(verdict).await);
    let fields = ["validation.gates", "validation.gates[0].limit", "validation.gates[0].comparison"];
    assert_eq!(refused.fields, fields);
}

#[tokio::test]
async fn a_version_is_explained_by_its_run_and_its_moves() {
    // F32, F42
    let bench = Bench::start().await;
    let run = bench.run_service().create_run(create_run("churn")).await.unwrap().into_inner().run.unwrap();
    assert_eq!(run.name, "churn-20250115-143022");
    made(&bench, "churn", pb::Lineage { run_id: run.run_id.clone(), ..lineage() }, &[]).await;
    bench.validate("churn", 1).await;
    bench.promote("churn", 1).await.unwrap();
    bench.crown("churn").await;
    bench.crown("churn").await;
    let request = pb::ExplainVersionRequest { model: "churn".into(), number: 1 };
    let explained = bench.lineage_service().explain_version(request).await.unwrap().into_inner();
    assert_eq!(explained.run, Some(run));
    assert_eq!(explained.version, Some(bench.version("churn", 1).await));
    assert_eq!(explained.validations.len(), 1);
    let moves: Vec<_> = explained.promotions.iter().map(|it| (it.from_number, it.to_number)).collect();
    assert_eq!(moves, [(1, 2), (0, 1)]);
}

#[tokio::test]
async fn a_prediction_is_traced_to_the_version_that_was_served() {
    // F133
    let bench = Bench::start().await;
    bench.crown("churn").await; // generation 1
    bench.crown("churn").await; // 2
    bench.promotion_service().demote(demote("churn")).await.unwrap(); // 3
    bench.crown("fraud").await; // 4
    let trace = |id: &str| {
        let request = pb::TracePredictionRequest { prediction_id: id.into() };
        let mut service = bench.lineage_service();
        async move { service.trace_prediction(request).await.map(tonic::Response::into_inner) }
    };
    let found = trace("churn:1:g1:1736951423000000:r1:0a1b").await.unwrap();
    assert_eq!(found.version, Some(bench.version("churn", 1).await));
    assert_eq!((found.git_sha.as_str(), found.run_id.as_str(), found.replica.as_str()), ("abc123", "run-1", "r1"));
    assert_eq!((found.generation, found.scored_time.unwrap().seconds), (1, 1_736_951_423));
    assert_eq!(found.trained_time.unwrap().seconds, 1_736_951_422);
    assert!(trace("churn:2:g2:1:r1:0").await.is_ok());
    for id in ["churn:1:g0:1:r1:0", "churn:1:g2:1:r1:0", "churn:2:g1:1:r1:0", "churn:2:g3:1:r1:0", "fraud:1:g9:1:r1:0"]
    {
        let refused = Refusal::from(trace(id).await.unwrap_err());
        assert_eq!((refused.code, refused.reason.as_str()), (Code::NotFound, "PREDICTION_NOT_SERVED"), "{id}");
    }
    assert_eq!(reason(trace("churn:9:g1:1:r1:0").await), (Code::NotFound, "VERSION_NOT_FOUND".into()));
    assert_eq!(reason(trace("churn").await), (Code::InvalidArgument, "INVALID_FIELD".into()));
}
