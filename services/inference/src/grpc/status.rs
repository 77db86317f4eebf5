//! Errors on their way to a client.

use std::time::Duration;

use lineal_bundles::refused;
use lineal_data::DataError;
use lineal_kernel::{FieldError, FieldErrors};
use lineal_models::{ChainError, MemberError, OnnxError, ScoreError};
use lineal_rpc::Problem;
use tonic::{Code, Status};

use crate::{InferenceError, error::chain};

const DOMAIN: &str = "inference.lineal";
const RETRY: Duration = Duration::from_secs(1);

/// The status of every error of this service.
#[allow(clippy::too_many_lines, reason = "one arm per error, nothing else")]
pub(super) fn from_error(error: InferenceError) -> Status {
    let text = error.to_string();
    let problem = match &error {
        InferenceError::Invalid(fields) => Problem::invalid(fields),
        InferenceError::Rows(ScoreError::Ensemble(failed)) if failed.fault().1.refusal().is_none() => {
            let (member, _) = failed.fault();
            Problem::new(Code::FailedPrecondition, "MEMBER_FAILED", chain(&error))
                .precondition(member, &chain(failed))
                .with("member", member)
        }
        InferenceError::Rows(rows) => Problem::invalid(&FieldError::new(column(rows), chain(&error)).into()),
        InferenceError::ModelNotServed { model, slot } => {
            Problem::new(Code::NotFound, "MODEL_NOT_SERVED", text).resource("model", model).with("slot", slot)
        }
        InferenceError::VersionNotServed { model, asked, served } => {
            Problem::new(Code::NotFound, "VERSION_NOT_SERVED", text)
                .resource("version", format!("{model}/{asked}"))
                .with("served", served)
        }
        InferenceError::VersionNotLoaded { model, version, problem } => {
            Problem::new(Code::FailedPrecondition, "VERSION_NOT_LOADED", text)
                .precondition(&format!("{model}/{version}"), problem)
                .with("model", model)
                .with("version", version)
        }
        InferenceError::WakeFailed { model, slot, .. } => Problem::new(Code::Unavailable, "WAKE_FAILED", text)
            .with("model", model)
            .with("slot", slot)
            .retry_after(RETRY),
        InferenceError::WakeQueueFull { limit } => {
            Problem::new(Code::ResourceExhausted, "WAKE_QUEUE_FULL", text).with("limit", limit).retry_after(RETRY)
        }
        InferenceError::RegistryDecides { model } => {
            Problem::new(Code::FailedPrecondition, "REGISTRY_DECIDES", text.clone())
                .precondition(model, &text)
                .with("model", model)
        }
        InferenceError::RowsInFlight { limit } => {
            Problem::new(Code::ResourceExhausted, "ROWS_IN_FLIGHT", text).with("limit", limit).retry_after(RETRY)
        }
        InferenceError::ShuttingDown => {
            Problem::new(Code::Unavailable, "SHUTTING_DOWN", text).retry_after(Duration::ZERO)
        }
        InferenceError::VersionNotFound { model, asked } => {
            Problem::new(Code::NotFound, "VERSION_NOT_FOUND", text).resource("version", asked).with("model", model)
        }
        InferenceError::Input(DataError::SourceChanged { .. }) => Problem::new(
            Code::Aborted,
            "INPUT_CHANGED",
            "the input changed while it was scored; leave it alone and score it under another id",
        ),
        InferenceError::InputUnreadable(_) | InferenceError::Input(_) => {
            Problem::invalid(&FieldError::new("input", chain(&error)).into())
        }
        InferenceError::BatchExists { model, batch_id, field } => {
            Problem::new(Code::AlreadyExists, "BATCH_EXISTS", text)
                .resource("batch", batch_id)
                .with("model", model)
                .with("field", field)
        }
        InferenceError::BatchRunning { model, batch_id } => {
            Problem::new(Code::FailedPrecondition, "BATCH_RUNNING", text)
                .with("model", model)
                .with("batch", batch_id)
                .retry_after(RETRY)
        }
        InferenceError::BatchNotRunning { model, batch_id } => {
            Problem::new(Code::NotFound, "BATCH_NOT_RUNNING", text).resource("batch", batch_id).with("model", model)
        }
        InferenceError::BatchCancelled => Problem::new(Code::Aborted, "BATCH_CANCELLED", text),
        InferenceError::BatchDamaged { file, problem } => {
            Problem::new(Code::FailedPrecondition, "BATCH_DAMAGED", text.clone())
                .precondition(file, problem)
                .with("file", file)
        }
        InferenceError::Store(_) => {
            Problem::new(Code::Unavailable, "STORE_UNAVAILABLE", chain(&error)).retry_after(RETRY)
        }
        InferenceError::Encode(cause) => Problem::internal(cause.as_ref()),
        InferenceError::BundleDamaged { digest, .. } => {
            Problem::new(Code::FailedPrecondition, "BUNDLE_DAMAGED", chain(&error))
                .precondition(&digest.to_string(), &chain(&error))
                .with("digest", digest)
        }
        InferenceError::BundleRefused { digest, refusal } => {
            refused(refusal, text).precondition(&digest.to_string(), &refusal.to_string()).with("digest", digest)
        }
        InferenceError::LoadTimedOut { digest, .. } => {
            Problem::new(Code::FailedPrecondition, "LOAD_TIMED_OUT", text.clone())
                .precondition(&digest.to_string(), &text)
                .with("digest", digest)
        }
        InferenceError::LoadPanicked { digest, .. } => {
            Problem::new(Code::FailedPrecondition, "LOAD_PANICKED", text.clone())
                .precondition(&digest.to_string(), &text)
                .with("digest", digest)
        }
        InferenceError::LoaderBusy { overdue } => {
            Problem::new(Code::ResourceExhausted, "LOADER_BUSY", text).with("overdue", overdue).retry_after(RETRY)
        }
        InferenceError::MemberMissing { digest, member, problem } => {
            Problem::new(Code::FailedPrecondition, "MEMBER_MISSING", text)
                .precondition(member, problem)
                .with("digest", digest)
                .with("member", member)
        }
        InferenceError::TaskChanged { model, served, found } => {
            Problem::new(Code::FailedPrecondition, "TASK_CHANGED", text.clone())
                .precondition(model.as_str(), &text)
                .with("served", served)
                .with("found", found)
        }
        InferenceError::Registry(_) => {
            Problem::new(Code::Unavailable, "REGISTRY_UNAVAILABLE", chain(&error)).retry_after(RETRY)
        }
        InferenceError::Run(cause) => Problem::internal(cause),
        InferenceError::Worker(cause) => Problem::internal(cause),
        InferenceError::Background(cause) => Problem::internal(cause),
    };
    problem.status(DOMAIN)
}

/// INVALID_ARGUMENT for fields that could not be converted.
pub(super) fn bad_request(fields: impl Into<FieldErrors>) -> Status {
    from_error(InferenceError::Invalid(fields.into()))
}

/// The column that an error about rows is about.
fn column(error: &ScoreError) -> &str {
    let data = match error {
        ScoreError::Data(data)
        | ScoreError::Chain(ChainError::Data(data) | ChainError::Member { source: MemberError::Data(data), .. }) => {
            data
        }
        ScoreError::Graph(OnnxError::NotWhole { column, .. }) => return column,
        ScoreError::Ensemble(failed) => return failed.fault().1.refusal().map_or("columns", column),
        ScoreError::Chain(_) | ScoreError::Outcomes(_) | ScoreError::Graph(_) => return "columns",
    };
    match data {
        DataError::MissingValue { column, .. }
        | DataError::NotFinite { column, .. }
        | DataError::WrongKind { column, .. } => column,
        _ => "columns",
    }
}
