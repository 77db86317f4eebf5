//! Every reason that a client can bring about, with its code and details.

use std::collections::BTreeSet;

use lineal_kernel::Digest;
use lineal_proto::lineal::registry::v1::{self as pb, upload_artifact_request::Part};
use sqlx::{Connection, SqliteConnection};
use tonic::Code;

use crate::chains::{forked, full_run, line};
use crate::fixture::{
    Answer, Bench, FakeReplica, Gate, Refusal, create_run, create_version, demote, fail_version, labels, lineage,
    promote, record_validation, rollback, set_alias, set_traffic,
};
use crate::sampled::sampled;
use crate::scoring_batches::batch as scored;

/// Not to be provoked here: lost races inside one call, a database that hangs (`outcomes` cuts one off), the end of the process, and
/// a full disk, which the tests of whole processes have.
const UNPROVOKED: [&str; 5] = ["CONFLICT", "DATABASE_BUSY", "OUTCOME_UNKNOWN", "SHUTTING_DOWN", "STORAGE_FULL"];

async fn absent(bench: &Bench) -> Vec<Refusal> {
    let nobody = || "nobody".to_owned();
    let model = pb::GetModelRequest { name: nobody() };
    let version = pb::GetVersionRequest { model: "churn".into(), number: 99 };
    let alias = pb::ResolveAliasRequest { model: "churn".into(), alias: nobody(), ..Default::default() };
    let artifact = pb::DownloadArtifactRequest { digest: Digest::of(b"nobody").to_string() };
    let card = pb::GetModelCardRequest { model: "churn".into(), number: bench.register("churn").await.number };
    let settings = pb::GetSettingsRequest { model: "churn".into(), ..Default::default() };
    let prediction = pb::TracePredictionRequest { prediction_id: "churn:1:g99:1:r1:0".into() };
    vec![
        Refusal::of(bench.model_service().get_model(model).await),
        Refusal::of(bench.version_service().get_version(version).await),
        Refusal::of(bench.alias_service().resolve_alias(alias).await),
        Refusal::of(bench.run_service().get_run(pb::GetRunRequest { run_id: nobody() }).await),
        Refusal::of(bench.promotion_service().get_promotion(pb::GetPromotionRequest { promotion_id: nobody() }).await),
        Refusal::of(
            bench.comparison_service().get_comparison(pb::GetComparisonRequest { comparison_id: nobody() }).await,
        ),
        Refusal::of(
            bench
                .scoring_batch_service()
                .get_scoring_batch(pb::GetScoringBatchRequest { model: "churn".into(), batch_id: nobody() })
                .await,
        ),
        Refusal::from(bench.beat("nobody", 0).await.unwrap_err()),
        Refusal::of(bench.artifact_service().download_artifact(artifact).await.map(|answer| answer.map(drop))),
        Refusal::of(bench.lineage_service().trace_prediction(prediction).await),
        Refusal::of(bench.card_service().get_model_card(card).await),
        Refusal::of(bench.settings_service().get_settings(settings).await),
    ]
}

async fn taken(bench: &Bench) -> Vec<Refusal> {
    let model = pb::CreateModelRequest { name: "churn".into(), request_id: "model-1".into(), ..Default::default() };
    let reused = pb::CreateModelRequest { name: "fraud".into(), request_id: "model-2".into(), ..Default::default() };
    bench.model_service().create_model(reused.clone()).await.unwrap();
    let reused = pb::CreateModelRequest { description: "another".into(), ..reused };
    let run = bench.run_service().create_run(create_run("churn")).await.unwrap().into_inner().run.unwrap().run_id;
    let parameters = labels(&[("trees", "200")]);
    let log = pb::LogBatchRequest { run_id: run.clone(), parameters, ..Default::default() };
    let parameter = Refusal::of(bench.run_service().log_batch(log.clone()).await);
    let finish = pb::FinishRunRequest { run_id: run, status: pb::RunStatus::Finished.into(), ..Default::default() };
    bench.run_service().finish_run(finish).await.unwrap();
    let (batch, mut other) = (scored("b-1", [1, 1], None), scored("b-1", [1, 1], None));
    if let Some(other) = &mut other.batch {
        other.manifest_digest = Digest::of(b"other").to_string();
    }
    bench.scoring_batch_service().record_scoring_batch(batch).await.unwrap();
    vec![
        Refusal::of(bench.scoring_batch_service().record_scoring_batch(other).await),
        Refusal::of(bench.model_service().create_model(model).await),
        Refusal::of(bench.model_service().create_model(reused).await),
        parameter,
        Refusal::of(bench.run_service().log_batch(log).await),
    ]
}

async fn forbidden(bench: &Bench) -> Vec<Refusal> {
    let mut service = bench.promotion_service();
    let fresh = bench.register("churn").await.number;
    let failed = bench.register("churn").await.number;
    let mut verdict = record_validation("churn", failed, 1);
    if let Some(validation) = verdict.validation.as_mut() {
        validation.passed = false;
        validation.failures = vec!["auc 0.70 is below 0.75".into(), "log_loss 0.9 is above 0.5".into()];
    }
    bench.version_service().record_validation(verdict).await.unwrap();
    let never = pb::RollbackRequest { number: fresh, ..rollback("churn") };
    let mut answers = vec![
        Refusal::of(service.promote(promote("churn", fresh)).await),
        Refusal::of(service.promote(promote("churn", failed)).await),
        Refusal::of(service.promote(promote("churn", 1)).await),
        Refusal::of(service.rollback(rollback("churn")).await),
        Refusal::of(service.rollback(never).await),
        Refusal::of(bench.alias_service().set_alias(set_alias("churn", "prod", fresh)).await),
        Refusal::of(service.demote(pb::DemoteRequest { expected_champion: Some(7), ..demote("churn") }).await),
    ];
    let stale = pb::SetAliasRequest { etag: "r7".into(), ..set_alias("churn", "candidate", fresh) };
    answers.push(Refusal::of(bench.alias_service().set_alias(stale).await));
    for (alias, per_mille) in [("one", 600), ("other", 401)] {
        bench.alias_service().set_alias(set_alias("churn", alias, fresh)).await.unwrap();
        let set = bench.alias_service().set_traffic(set_traffic("churn", alias, per_mille)).await;
        answers.extend(set.is_err().then(|| Refusal::of(set)));
    }
    let sampled = sampled(bench, "sampled").await;
    answers.push(Refusal::of(service.promote(promote("sampled", sampled)).await));
    let replica = FakeReplica::join(bench, "r1").await;
    replica.on_prepare(Answer::Refuse("golden row 3 differs"));
    bench.validate("churn", fresh).await;
    answers.push(Refusal::of(service.promote(promote("churn", fresh)).await));
    let quorum = pb::PromoteRequest { policy: pb::ReloadPolicy::Quorum.into(), quorum: 1, ..promote("churn", fresh) };
    answers.push(Refusal::of(service.promote(pb::PromoteRequest { request_id: "quorum".into(), ..quorum }).await));
    answers
}

async fn unusable(bench: &Bench) -> Vec<Refusal> {
    let absent = create_version("churn", Digest::of(b"nobody"));
    let no_manifest = create_version("churn", bench.upload("not json").await);
    let lie = [Part::Digest(Digest::of(b"truth").to_string()), Part::Chunk("lie".into())];
    let lie = lie.map(|part| pb::UploadArtifactRequest { part: Some(part) });
    let damaged = bench.bundle("damaged").await;
    std::fs::write(bench.file_of(&damaged.to_string()), b"{}").unwrap();
    let mut versions = bench.version_service();
    vec![
        Refusal::of(versions.create_version(absent).await),
        Refusal::of(versions.create_version(no_manifest).await),
        Refusal::of(versions.create_version(create_version("churn", damaged)).await),
        Refusal::of(bench.artifact_service().upload_artifact(futures::stream::iter(lie)).await),
        Refusal::of(bench.model_service().create_model(pb::CreateModelRequest::default()).await),
    ]
}

/// What was deleted stays as it is.
async fn shelved(bench: &Bench) -> Vec<Refusal> {
    let (mut experiments, mut runs) = (bench.experiment_service(), bench.run_service());
    let weekly = pb::CreateExperimentRequest { name: "weekly".into(), ..Default::default() };
    let made = experiments.create_experiment(weekly.clone()).await.unwrap().into_inner().experiment.unwrap();
    let run_id = runs.create_run(create_run("churn")).await.unwrap().into_inner().run.unwrap().run_id;
    let experiment_id = made.experiment_id;
    experiments.delete_experiment(pb::DeleteExperimentRequest { experiment_id }).await.unwrap();
    runs.delete_run(pb::DeleteRunRequest { run_id: run_id.clone() }).await.unwrap();
    let run = pb::CreateRunRequest { experiment: "weekly".into(), ..create_run("churn") };
    let nobody = pb::GetExperimentRequest { name: "nobody".into(), ..Default::default() };
    vec![
        Refusal::of(experiments.create_experiment(weekly).await),
        Refusal::of(experiments.get_experiment(nobody).await),
        Refusal::of(runs.create_run(run).await),
        Refusal::of(runs.log_batch(pb::LogBatchRequest { run_id, ..Default::default() }).await),
    ]
}

/// Chains whose members do not fit each other.
async fn torn(bench: &Bench) -> Vec<Refusal> {
    let mut service = bench.promotion_service();
    let head = full_run(bench).await;
    bench.validate("calibration", head).await;
    bench.promote("calibration", head).await.unwrap();
    let alone = bench.candidate("poisson").await;
    let fork = forked(bench).await;
    let spoiled = full_run(bench).await;
    bench.validate("calibration", spoiled).await;
    let mut versions = bench.version_service();
    versions.fail_version(fail_version("poisson", 5)).await.unwrap();
    vec![
        Refusal::of(versions.fail_version(fail_version("calibration", head)).await),
        Refusal::of(service.promote(promote("poisson", alone)).await),
        Refusal::of(service.promote(promote("calibration", fork)).await),
        Refusal::of(service.promote(promote("calibration", spoiled)).await),
        Refusal::of(service.promote(promote("m16", line(bench, 17).await)).await),
    ]
}

/// Promotions that are stopped on their way.
async fn stopped(bench: &Bench) -> Vec<Refusal> {
    let model = "stopped";
    let number = bench.candidate(model).await;
    let replica = FakeReplica::join(bench, "r2").await;
    let mut answers = Vec::new();
    for gate in [Gate::closed(), Gate::closed()] {
        replica.on_prepare(Answer::Late(gate.clone()));
        let asked = replica.calls().len();
        let mut service = bench.promotion_service();
        let moving = tokio::spawn(async move { Refusal::of(service.promote(promote(model, number)).await) });
        replica.until(|calls| calls.len() > asked).await;
        if asked == 0 {
            let promotion_id = bench.promotions().await[0].promotion_id.clone();
            let reason = "not today".to_owned();
            let cancel = pb::CancelPromotionRequest { promotion_id, reason, request_id: String::new() };
            bench.promotion_service().cancel_promotion(cancel.clone()).await.unwrap();
            answers.push(Refusal::of(bench.promotion_service().cancel_promotion(cancel).await));
        } else {
            bench.validate(model, number).await;
            gate.open();
        }
        answers.push(moving.await.unwrap());
    }
    replica.on_prepare(Answer::Refuse("disk full"));
    answers
}

/// The cause stays in the log.
async fn broken(bench: &Bench) -> Refusal {
    let file = format!("sqlite://{}", bench.database().display());
    let mut database = SqliteConnection::connect(&file).await.unwrap();
    sqlx::query("ALTER TABLE runs RENAME TO lost").execute(&mut database).await.unwrap();
    let refusal = Refusal::of(bench.run_service().get_run(pb::GetRunRequest { run_id: "any".into() }).await);
    assert!(!refusal.message.contains("runs"), "{}", refusal.message);
    refusal
}

/// A run whose inputs changed.
async fn tainted(bench: &Bench) -> Refusal {
    let run_id = bench.run_service().create_run(create_run("churn")).await.unwrap().into_inner().run.unwrap().run_id;
    let lineage = Some(pb::Lineage { run_id: run_id.clone(), ..lineage() });
    let request = pb::CreateVersionRequest { lineage, ..create_version("spoiled", bench.bundle("spoiled").await) };
    bench.version_service().create_version(request).await.unwrap();
    bench.taint(&run_id, "the training rows hash to something else").await.unwrap();
    Refusal::from(bench.promote("spoiled", 1).await.unwrap_err())
}

fn code_of(reason: &str) -> Code {
    match reason {
        "INVALID_FIELD" | "DIGEST_MISMATCH" => Code::InvalidArgument,
        "EXPERIMENT_EXISTS" | "MODEL_EXISTS" | "PARAMETER_EXISTS" | "REQUEST_ID_REUSED" | "SCORING_BATCH_EXISTS" => {
            Code::AlreadyExists
        }
        "STALE_ETAG" | "CHAMPION_MOVED" | "PROMOTION_CANCELLED" | "VERDICT_CHANGED" => Code::Aborted,
        "ARTIFACT_DAMAGED" => Code::DataLoss,
        "INTERNAL" => Code::Internal,
        "PREDICTION_NOT_SERVED" => Code::NotFound,
        _ if reason.ends_with("_NOT_FOUND") => Code::NotFound,
        _ => Code::FailedPrecondition,
    }
}

/// Reasons in the mapping's source: what the text `Code::X, "REASON"` names, the two that `Problem` adds by itself, and the one that
/// another crate names.
fn mapped() -> BTreeSet<String> {
    let source = include_str!("../../src/grpc/status.rs");
    let quoted = source.split("Code::").filter_map(|rest| rest.split('"').nth(1));
    let words = quoted.filter(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    words.chain(["INVALID_FIELD", "INTERNAL", lineal_rpc::artifacts::FULL]).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_reason_has_its_code_and_details() {
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let mut refusals = absent(&bench).await;
    refusals.extend(taken(&bench).await);
    refusals.extend(shelved(&bench).await);
    refusals.extend(torn(&bench).await);
    refusals.extend(stopped(&bench).await);
    refusals.extend(forbidden(&bench).await);
    refusals.extend(unusable(&bench).await);
    refusals.push(tainted(&bench).await);
    refusals.push(broken(&bench).await);
    for refusal in &refusals {
        assert_eq!(refusal.domain, "registry.lineal", "{refusal:?}");
        assert_eq!(refusal.code, code_of(&refusal.reason), "{refusal:?}");
        if refusal.code == Code::Aborted && refusal.reason != "PROMOTION_CANCELLED" {
            assert!(refusal.value("expected") != refusal.value("found"), "{refusal:?}");
        }
        assert_eq!(refusal.reason == "INVALID_FIELD", !refusal.fields.is_empty(), "{refusal:?}");
        if refusal.reason.ends_with("_NOT_FOUND") || refusal.reason == "MODEL_EXISTS" {
            assert!(refusal.resource.is_some(), "{refusal:?}");
        }
    }
    let mut provoked: BTreeSet<String> = refusals.into_iter().map(|refusal| refusal.reason).collect();
    provoked.extend(UNPROVOKED.map(str::to_owned));
    assert_eq!(provoked, mapped());
}

#[tokio::test]
async fn each_gate_that_did_not_pass_is_a_precondition_of_its_own() {
    // F11, F39
    let bench = Bench::start().await;
    let number = bench.register("churn").await.number;
    let missing = Refusal::of(bench.promotion_service().promote(promote("churn", number)).await);
    assert_eq!(missing.reason, "VALIDATION_REQUIRED");
    assert_eq!(missing.preconditions[0].0, "churn/1");
    let mut verdict = record_validation("churn", number, 0);
    if let Some(validation) = verdict.validation.as_mut() {
        validation.passed = false;
        validation.failures = vec!["auc 0.70 is below 0.75".into(), "log_loss 0.9 is above 0.5".into()];
    }
    bench.version_service().record_validation(verdict).await.unwrap();
    let refused = Refusal::of(bench.promotion_service().promote(promote("churn", number)).await);
    let failed: Vec<&str> = refused.preconditions.iter().map(|(_, description)| description.as_str()).collect();
    assert_eq!(failed, ["auc 0.70 is below 0.75", "log_loss 0.9 is above 0.5"]);
    assert_eq!(bench.champion("churn").await, 0);
}
