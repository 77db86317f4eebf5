//! Where versions and predictions come from.

use lineal_kernel::Digest;
use lineal_proto::lineal::registry::v1::{
    self as pb,
    LineageRelation::{Parent, Upstream},
};
use tonic::Code;

use crate::fixture::{Bench, Refusal, create_run, create_version, demote, lineage, reason};

async fn made(bench: &Bench, model: &str, lineage: pb::Lineage, upstreams: &[(&str, u64)]) -> pb::Version {
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
        let request = pb::GetLineageRequest { model: "calibration".into(), number: 1, depth };
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
    let short = walk(1).await;
    assert_eq!((seen(&short).as_slice(), short.truncated), (&expected[..2], true));
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
