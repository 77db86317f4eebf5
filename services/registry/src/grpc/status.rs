//! Errors on the wire. One exhaustive match: a new error does not compile until someone chose its code.

use std::{sync::Arc, time::Duration};

use lineal_db::StoreError;
use lineal_kernel::FieldErrors;
use lineal_rpc::Problem;
use tonic::{Code, Status};

use super::refusals::AlreadyAudited;
use crate::domain::{error::RegistryError as E, promotion::Skipped};

const DOMAIN: &str = "registry.lineal";

/// The status of bad fields.
pub(super) fn bad_request(errors: impl Into<FieldErrors>) -> Status {
    Problem::invalid(&errors.into()).status(DOMAIN)
}

/// The status of an error.
pub(super) fn from_error(error: E) -> Status {
    let audited = matches!(error, E::Audited(_));
    let mut status = problem(error).status(DOMAIN);
    if audited {
        status.set_source(Arc::new(AlreadyAudited));
    }
    status
}

#[allow(clippy::too_many_lines, reason = "one arm per error, nothing else")]
fn problem(error: E) -> Problem {
    let text = error.to_string();
    match error {
        E::ModelNotFound { model } => Problem::new(Code::NotFound, "MODEL_NOT_FOUND", text).resource("model", model),
        E::ModelExists { model } => Problem::new(Code::AlreadyExists, "MODEL_EXISTS", text).resource("model", model),
        E::VersionNotFound { model, version } => {
            Problem::new(Code::NotFound, "VERSION_NOT_FOUND", text).with("model", model).resource("version", version)
        }
        E::AliasNotFound { model, slot, alias } => Problem::new(Code::NotFound, "ALIAS_NOT_FOUND", text)
            .with("model", model)
            .with("slot", slot)
            .resource("alias", alias),
        E::ExperimentNotFound { experiment } => {
            Problem::new(Code::NotFound, "EXPERIMENT_NOT_FOUND", text).resource("experiment", experiment)
        }
        E::ExperimentExists { name } => {
            Problem::new(Code::AlreadyExists, "EXPERIMENT_EXISTS", text).resource("experiment", name)
        }
        E::RunNotFound { run_id } => Problem::new(Code::NotFound, "RUN_NOT_FOUND", text).resource("run", run_id),
        E::PromotionNotFound { promotion_id } => {
            Problem::new(Code::NotFound, "PROMOTION_NOT_FOUND", text).resource("promotion", promotion_id)
        }
        E::ComparisonNotFound { comparison_id } => {
            Problem::new(Code::NotFound, "COMPARISON_NOT_FOUND", text).resource("comparison", comparison_id)
        }
        E::ScoringBatchNotFound { model, batch_id } => Problem::new(Code::NotFound, "SCORING_BATCH_NOT_FOUND", text)
            .resource("batch", batch_id)
            .with("model", model),
        E::ScoringBatchExists { model, batch_id, found } => {
            Problem::new(Code::AlreadyExists, "SCORING_BATCH_EXISTS", text)
                .resource("batch", batch_id)
                .with("model", model)
                .with("found", found)
        }
        E::SettingsNotFound { model, .. } => {
            Problem::new(Code::NotFound, "SETTINGS_NOT_FOUND", text).resource("settings", &model).with("model", model)
        }
        E::ReplicaNotFound { replica } => {
            Problem::new(Code::NotFound, "REPLICA_NOT_FOUND", text).resource("replica", replica)
        }
        E::ArtifactNotFound { digest } => {
            Problem::new(Code::NotFound, "ARTIFACT_NOT_FOUND", text).resource("artifact", digest)
        }
        E::PredictionNotServed { model, number, generation } => {
            Problem::new(Code::NotFound, "PREDICTION_NOT_SERVED", text)
                .with("model", model)
                .with("version", number)
                .with("generation", generation)
        }
        E::AliasReserved { alias } => {
            Problem::new(Code::FailedPrecondition, "ALIAS_RESERVED", text).with("alias", alias)
        }
        E::TrafficExceeded { alias, share, left } => Problem::new(Code::FailedPrecondition, "TRAFFIC_EXCEEDED", text)
            .with("alias", alias)
            .with("share", share)
            .with("left", left),
        E::StaleEtag { expected, found } => {
            Problem::new(Code::Aborted, "STALE_ETAG", text).with("expected", expected).with("found", found)
        }
        E::ValidationRequired { model, number } => Problem::new(Code::FailedPrecondition, "VALIDATION_REQUIRED", text)
            .with("model", &model)
            .with("version", number)
            .precondition(&format!("{model}/{number}"), "it has a passed validation for this slot"),
        E::GateNotPassed { model, number, failures } => {
            let problem = Problem::new(Code::FailedPrecondition, "GATE_NOT_PASSED", text)
                .with("model", &model)
                .with("version", number);
            let subject = format!("{model}/{number}");
            failures.iter().fold(problem, |problem, failure| problem.precondition(&subject, failure))
        }
        E::RunTainted { model, number, run_id, reason } => Problem::new(Code::FailedPrecondition, "RUN_TAINTED", text)
            .precondition(&format!("{model}/{number}"), &reason)
            .with("model", model)
            .with("version", number)
            .with("run", run_id),
        E::VersionSampled { model, number, fraction } => {
            Problem::new(Code::FailedPrecondition, "VERSION_SAMPLED", text)
                .precondition(&format!("{model}/{number}"), "it learnt from all its rows, or somebody allowed a sample")
                .with("model", model)
                .with("version", number)
                .with("fraction", fraction)
        }
        E::CardNotFound { model, number } => Problem::new(Code::NotFound, "CARD_NOT_FOUND", text)
            .resource("model card", format!("{model}/{number}"))
            .with("model", model)
            .with("version", number),
        E::AlreadyChampion { model, number } => Problem::new(Code::FailedPrecondition, "ALREADY_CHAMPION", text)
            .with("model", model)
            .with("version", number),
        E::ChampionMoved { expected, found } => {
            Problem::new(Code::Aborted, "CHAMPION_MOVED", text).with("expected", expected).with("found", found)
        }
        E::ChainForked { model } => Problem::new(Code::FailedPrecondition, "CHAIN_FORKED", text).with("model", model),
        E::VersionReigns { model, number, slot } => Problem::new(Code::FailedPrecondition, "VERSION_REIGNS", text)
            .precondition(&format!("{model}/{number}"), "it is champion of no slot")
            .with("model", model)
            .with("version", number)
            .with("slot", slot),
        E::ChainMemberFailed { model, number } => Problem::new(Code::FailedPrecondition, "CHAIN_MEMBER_FAILED", text)
            .precondition(&format!("{model}/{number}"), "it has not failed")
            .with("model", model)
            .with("version", number),
        E::ChainBroken { model, number, upstream, upstream_number } => {
            Problem::new(Code::FailedPrecondition, "CHAIN_BROKEN", text)
                .precondition(&format!("{model}/{number}"), &format!("{upstream}/{upstream_number} is champion too"))
                .with("model", model)
                .with("version", number)
                .with("upstream", upstream)
                .with("upstream_version", upstream_number)
        }
        E::ChainTooLong { model, number, longest } => Problem::new(Code::FailedPrecondition, "CHAIN_TOO_LONG", text)
            .with("model", model)
            .with("version", number)
            .with("longest", longest),
        E::VerdictChanged { model, number, expected, found } => Problem::new(Code::Aborted, "VERDICT_CHANGED", text)
            .with("model", model)
            .with("version", number)
            .with("expected", expected)
            .with("found", found),
        E::PromotionCancelled { promotion_id, .. } => {
            Problem::new(Code::Aborted, "PROMOTION_CANCELLED", text).with("promotion", promotion_id)
        }
        E::PromotionEnded { promotion_id, model, state } => {
            Problem::new(Code::FailedPrecondition, "PROMOTION_ENDED", text)
                .with("promotion", promotion_id)
                .with("model", model)
                .with("state", state.word())
        }
        E::OutcomeUnknown { promotion_id, request_id } => Problem::new(Code::Unavailable, "OUTCOME_UNKNOWN", text)
            .with("promotion", promotion_id)
            .with("request_id", request_id)
            .retry_after(Duration::from_secs(1)),
        E::ReplicaRefused { refusals } => {
            let problem = Problem::new(Code::FailedPrecondition, "REPLICA_REFUSED", text);
            refusals.iter().fold(problem, |problem, (replica, why)| problem.precondition(replica, why))
        }
        E::QuorumMissed { needed, prepared } => Problem::new(Code::FailedPrecondition, "QUORUM_MISSED", text)
            .with("needed", needed)
            .with("prepared", prepared),
        E::NoRollbackCandidate { model, tried } => {
            let problem = Problem::new(Code::FailedPrecondition, "NO_ROLLBACK_CANDIDATE", text).with("model", &model);
            let unmet = |problem: Problem, skipped: Skipped| {
                problem.precondition(&format!("{model}/{}", skipped.number), &skipped.reason)
            };
            tried.into_iter().fold(problem, unmet)
        }
        E::NeverChampion { model, number } => {
            Problem::new(Code::FailedPrecondition, "NEVER_CHAMPION", text).with("model", model).with("version", number)
        }
        E::ArtifactMissing { file, digest } => {
            Problem::new(Code::FailedPrecondition, "ARTIFACT_MISSING", text).with("file", file).with("digest", digest)
        }
        E::FileDamaged { file, digest } => {
            Problem::new(Code::DataLoss, "ARTIFACT_DAMAGED", text).with("file", file).with("digest", digest)
        }
        E::ManifestUnusable { digest, .. } => {
            Problem::new(Code::FailedPrecondition, "MANIFEST_UNUSABLE", text).with("digest", digest)
        }
        E::DigestMismatch { expected, found } => {
            Problem::new(Code::InvalidArgument, "DIGEST_MISMATCH", text).with("expected", expected).with("found", found)
        }
        E::ArtifactDamaged { digest } => Problem::new(Code::DataLoss, "ARTIFACT_DAMAGED", text).with("digest", digest),
        E::RunFinished { run_id, status } => {
            Problem::new(Code::FailedPrecondition, "RUN_FINISHED", text).with("run", run_id).with("status", status)
        }
        E::RunDeleted { run_id } => Problem::new(Code::FailedPrecondition, "RUN_DELETED", text).with("run", run_id),
        E::ExperimentDeleted { experiment } => {
            Problem::new(Code::FailedPrecondition, "EXPERIMENT_DELETED", text).with("experiment", experiment)
        }
        E::ParameterExists { run_id, name, found } => Problem::new(Code::AlreadyExists, "PARAMETER_EXISTS", text)
            .with("run", run_id)
            .with("parameter", name)
            .with("found", found),
        E::RequestIdReused => Problem::new(Code::AlreadyExists, "REQUEST_ID_REUSED", text),
        E::Invalid(errors) => Problem::invalid(&errors),
        E::Audited(refused) => problem(*refused),
        E::Store(StoreError::Conflict) => {
            Problem::new(Code::Aborted, "CONFLICT", text).retry_after(Duration::from_millis(50))
        }
        E::Store(StoreError::Busy) => {
            Problem::new(Code::Unavailable, "DATABASE_BUSY", text).retry_after(Duration::from_secs(1))
        }
        E::Store(inner @ StoreError::Backend(_)) => Problem::internal(&inner),
        E::StorageFull => Problem::new(Code::ResourceExhausted, lineal_rpc::artifacts::FULL, text),
        E::Artifacts(inner) => Problem::internal(inner.as_ref()),
        E::ShuttingDown => Problem::new(Code::Unavailable, "SHUTTING_DOWN", text).retry_after(Duration::from_secs(1)),
    }
}
