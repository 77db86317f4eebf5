//! Every bad field of a request is named by its path, all of them at once.

use std::collections::BTreeMap;

use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::fixture::{Bench, Refusal, labels, lineage};

fn expect(refusal: Refusal, fields: &[&str]) {
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
    assert_eq!(refusal.fields, fields);
}

fn long() -> String {
    "x".repeat(64 * 1024 + 1)
}

const BAD_SLOT: [(&str, &str); 1] = [("regime", "a b")];

#[tokio::test]
async fn bad_fields_of_models_runs_and_datasets_are_named() {
    let bench = Bench::start().await;
    let (mut models, mut runs, mut datasets) = (bench.model_service(), bench.run_service(), bench.dataset_service());
    let model = pb::CreateModelRequest {
        name: "../x".into(),
        description: long(),
        request_id: "a b".into(),
        ..Default::default()
    };
    expect(Refusal::of(models.create_model(model).await), &["name", "description", "request_id"]);
    expect(Refusal::of(models.get_model(pb::GetModelRequest::default()).await), &["name"]);

    let run = pb::CreateRunRequest {
        name: long(),
        experiment: long(),
        parameters: labels(&[("", "1")]),
        tags: BTreeMap::from([("git_sha".into(), long())]),
        request_id: "ü".into(),
        ..Default::default()
    };
    let paths = ["model", "name", "experiment", "parameters", "tags.git_sha", "request_id"];
    expect(Refusal::of(runs.create_run(run).await), &paths);
    let batch = pb::LogBatchRequest {
        metrics: BTreeMap::from([(String::new(), f64::NAN)]),
        tags: labels(&[("a\nb", "")]),
        datasets: vec![pb::DatasetReference::default(), pb::DatasetReference::default()],
        ..Default::default()
    };
    expect(Refusal::of(runs.log_batch(batch).await), &["metrics", "tags", "datasets[0].digest", "datasets[1].digest"]);
    let finish = pb::FinishRunRequest { status: pb::RunStatus::Running.into(), error: long(), ..Default::default() };
    expect(Refusal::of(runs.finish_run(finish).await), &["status", "error"]);

    let snapshot = pb::CreateSnapshotRequest { digest: "md5:1".into(), ..Default::default() };
    expect(Refusal::of(datasets.create_snapshot(snapshot).await), &["dataset", "digest"]);
}

#[tokio::test]
async fn bad_fields_of_versions_are_named() {
    let bench = Bench::start().await;
    let mut versions = bench.version_service();
    let version = pb::CreateVersionRequest {
        metrics: BTreeMap::from([("auc".into(), f64::INFINITY)]),
        lineage: Some(pb::Lineage {
            run_id: String::new(),
            feature_digest: "sha256:".into(),
            training_duration: Some(lineal_proto::pbjson_types::Duration { seconds: -1, nanos: 0 }),
            ..lineage()
        }),
        upstreams: vec![
            pb::VersionReference { model: "ok".into(), number: 0 },
            pb::VersionReference { model: "OK".into(), number: 1 },
        ],
        ..Default::default()
    };
    let paths = [
        "model",
        "family",
        "digest",
        "metrics.auc",
        "lineage.run_id",
        "lineage.feature_digest",
        "lineage.training_duration",
        "upstreams[0].number",
        "upstreams[1].model",
    ];
    expect(Refusal::of(versions.create_version(version).await), &paths);
    let bare = Refusal::of(versions.create_version(pb::CreateVersionRequest::default()).await);
    expect(bare, &["model", "family", "digest", "lineage"]);
    expect(Refusal::of(versions.get_version(pb::GetVersionRequest::default()).await), &["model", "number"]);
    let reference = pb::ResolveVersionRequest { reference: "churn".into(), slot: labels(&BAD_SLOT) };
    expect(Refusal::of(versions.resolve_version(reference).await), &["reference", "slot.regime"]);
    // F12: unknown words
    let list = pb::ListVersionsRequest { page_size: -1, display_state: "retired".into(), ..Default::default() };
    expect(Refusal::of(versions.list_versions(list).await), &["model", "page_size", "display_state"]);

    let bare = Refusal::of(versions.record_validation(pb::RecordValidationRequest::default()).await);
    expect(bare, &["model", "number", "validation"]);
    let validation = pb::Validation {
        passed: true,
        metrics: BTreeMap::from([("auc".into(), f64::NAN)]),
        failures: vec!["but".into()],
        slot: labels(&BAD_SLOT),
        ..Default::default()
    };
    let verdict = pb::RecordValidationRequest { validation: Some(validation.clone()), ..Default::default() };
    let paths = [
        "model",
        "number",
        "validation.report_id",
        "validation.reference_digest",
        "validation.metrics.auc",
        "validation.failures",
        "validation.slot.regime",
    ];
    expect(Refusal::of(versions.record_validation(verdict).await), &paths);
    let silent = pb::Validation { passed: false, failures: Vec::new(), ..validation };
    let verdict = pb::RecordValidationRequest { validation: Some(silent), ..Default::default() };
    let refusal = Refusal::of(versions.record_validation(verdict).await);
    assert!(refusal.fields.contains(&"validation.failures".to_owned()), "a failed verdict says why");
}

#[tokio::test]
async fn bad_fields_of_moves_aliases_and_replicas_are_named() {
    let bench = Bench::start().await;
    let (mut moves, mut aliases) = (bench.promotion_service(), bench.alias_service());
    let slot = || labels(&BAD_SLOT);
    let promote = pb::PromoteRequest {
        slot: slot(),
        policy: 9,
        reason: long(),
        request_id: "x".repeat(129),
        ..Default::default()
    };
    let paths = ["model", "slot.regime", "number", "policy", "reason", "request_id"];
    expect(Refusal::of(moves.promote(promote).await), &paths);
    let plan = pb::PlanPromotionRequest { slot: slot(), ..Default::default() };
    expect(Refusal::of(moves.plan_promotion(plan).await), &["model", "slot.regime", "number"]);
    let evidence = [("psi".to_owned(), f64::NAN)].into();
    let rollback =
        pb::RollbackRequest { number: u64::MAX, reason: " ".into(), trigger: 99, evidence, ..Default::default() };
    expect(Refusal::of(moves.rollback(rollback).await), &["model", "number", "reason", "trigger", "evidence.psi"]);
    let list = pb::ListPromotionsRequest { kind: 99, state: 99, ..Default::default() };
    expect(Refusal::of(moves.list_promotions(list).await), &["kind", "state"]);
    expect(Refusal::of(moves.demote(pb::DemoteRequest::default()).await), &["model", "reason"]);
    let defaults = pb::GetDefaultsRequest { slot: slot(), ..Default::default() };
    expect(Refusal::of(moves.get_defaults(defaults).await), &["model", "slot.regime"]);

    let resolve = pb::ResolveAliasRequest { slot: slot(), alias: "5".into(), ..Default::default() };
    expect(Refusal::of(aliases.resolve_alias(resolve).await), &["model", "slot.regime", "alias"]);
    let set = pb::SetAliasRequest { slot: slot(), request_id: " ".into(), ..Default::default() };
    let paths = ["model", "slot.regime", "alias", "number", "request_id"];
    expect(Refusal::of(aliases.set_alias(set).await), &paths);
    let traffic = Some(pb::Traffic { part: Some(pb::traffic::Part::SplitPerMille(1001)) });
    let set = pb::SetTrafficRequest { slot: slot(), traffic, request_id: " ".into(), ..Default::default() };
    let paths = ["model", "slot.regime", "alias", "traffic.split_per_mille", "request_id"];
    expect(Refusal::of(aliases.set_traffic(set).await), &paths);

    let register = pb::RegisterReplicaRequest { name: "R 1".into(), address: "ftp://r1".into() };
    expect(Refusal::of(bench.replica_service().register_replica(register).await), &["name", "address"]);
    let beat = pb::HeartbeatRequest { problem: long(), ..Default::default() };
    expect(Refusal::of(bench.replica_service().heartbeat(beat).await), &["name", "problem"]);
    let walk = pb::GetLineageRequest::default();
    expect(Refusal::of(bench.lineage_service().get_lineage(walk).await), &["model", "number"]);
    let trace = pb::TracePredictionRequest { prediction_id: "churn:1".into() };
    expect(Refusal::of(bench.lineage_service().trace_prediction(trace).await), &["prediction_id"]);
}
