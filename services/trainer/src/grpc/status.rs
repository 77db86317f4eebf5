//! The one place where errors get their codes and reasons.

use std::time::Duration;

use lineal_bundles::refused;
use lineal_kernel::{FieldErrors, ModelName, Name};
use lineal_rpc::Problem;
use lineal_signing::Refusal;
use tonic::{Code, Status};

use crate::domain::{DataRefusal, ImportError, TrainerError};

const DOMAIN: &str = "trainer.lineal";
/// When to ask a busy database again.
const SOON: Duration = Duration::from_millis(200);
/// When another process may have taken over.
const LATER: Duration = Duration::from_secs(2);

pub(super) fn invalid(errors: FieldErrors) -> Status {
    from_error(errors.into())
}

pub(crate) fn from_error(error: TrainerError) -> Status {
    let message = error.to_string();
    let problem = match error {
        TrainerError::Invalid(errors) => Problem::invalid(&errors),
        TrainerError::JobNotFound { job_id } => {
            Problem::new(Code::NotFound, "JOB_NOT_FOUND", message).resource("job", job_id)
        }
        TrainerError::Definition(conflict) => Problem::new(Code::AlreadyExists, "DEFINITION_CONFLICT", message)
            .resource(&format!("{}_version", conflict.kind.as_str()), conflict.name)
            .with("scope", conflict.scope),
        TrainerError::RequestIdReused { request_id, job_id } => {
            Problem::new(Code::AlreadyExists, "REQUEST_ID_REUSED", message)
                .resource("request_id", request_id.as_str())
                .with("job", job_id)
        }
        TrainerError::NodeBusy { node, job_id } => {
            Problem::new(Code::AlreadyExists, "NODE_BUSY", message).resource("node", node).with("job", job_id)
        }
        TrainerError::DataRefused(refusal) => data_refused(message, &refusal),
        TrainerError::DataUnreadable { .. } => Problem::new(Code::FailedPrecondition, "DATA_UNREADABLE", message),
        TrainerError::ReportNotFound { report_id } => {
            Problem::new(Code::NotFound, "DATA_REPORT_NOT_FOUND", message).resource("data_report", report_id)
        }
        TrainerError::Import(error) => not_imported(message, error),
        TrainerError::SplitNotFound { dataset, name } => {
            Problem::new(Code::NotFound, "SPLIT_NOT_FOUND", message).resource("split", name).with("dataset", dataset)
        }
        TrainerError::FeatureSetNotFound { model, name } => no_features(message, &model, &name),
        TrainerError::SettingsNotFound { model, .. } => no_settings(message, &model),
        TrainerError::VersionNotFound { model, number } => Problem::new(Code::NotFound, "VERSION_NOT_FOUND", message)
            .resource("version", format!("{model}/{number}"))
            .with("model", model),
        TrainerError::BundleRefused { model, number, refusal } => untrusted(message, &model, number, &refusal),
        TrainerError::NotReproducible { model, number, .. } => not_reproducible(message, &model, number),
        TrainerError::RegistryUnavailable { .. } => {
            Problem::new(Code::Unavailable, "REGISTRY_UNAVAILABLE", message).retry_after(LATER)
        }
        TrainerError::PipelineNotFound { pipeline_id } => {
            Problem::new(Code::NotFound, "PIPELINE_NOT_FOUND", message).resource("pipeline", pipeline_id)
        }
        TrainerError::PipelineRunNotFound { run_id } => {
            Problem::new(Code::NotFound, "PIPELINE_RUN_NOT_FOUND", message).resource("pipeline_run", run_id)
        }
        TrainerError::PipelineBusy { pipeline_id, run_id } => {
            Problem::new(Code::AlreadyExists, "PIPELINE_BUSY", message)
                .resource("pipeline", pipeline_id)
                .with("pipeline_run", run_id)
        }
        TrainerError::RunRequestIdReused { request_id, run_id } => {
            Problem::new(Code::AlreadyExists, "REQUEST_ID_REUSED", message)
                .resource("request_id", request_id.as_str())
                .with("pipeline_run", run_id)
        }
        TrainerError::Stopping => Problem::new(Code::Unavailable, "TRAINER_STOPPING", message).retry_after(LATER),
        TrainerError::Busy => Problem::new(Code::Unavailable, "DATABASE_BUSY", message).retry_after(SOON),
        TrainerError::Store(cause) => Problem::internal(&cause),
    };
    problem.status(DOMAIN)
}

/// No trusted key signed the version.
fn untrusted(message: String, model: &ModelName, number: u64, refusal: &Refusal) -> Problem {
    let version = format!("{model}/{number}");
    refused(refusal, message).precondition(&version, &refusal.to_string()).with("version", version)
}

/// What the version was trained with is not known any more.
fn not_reproducible(message: String, model: &ModelName, number: u64) -> Problem {
    Problem::new(Code::FailedPrecondition, "NOT_REPRODUCIBLE", message).with("model", model).with("version", number)
}

/// Nobody applied settings to the model.
fn no_settings(message: String, model: &ModelName) -> Problem {
    Problem::new(Code::NotFound, "SETTINGS_NOT_FOUND", message).resource("settings", model).with("model", model)
}

/// The model has no features of this name.
fn no_features(message: String, model: &ModelName, name: &Name) -> Problem {
    Problem::new(Code::NotFound, "FEATURE_SET_NOT_FOUND", message).resource("feature_set", name).with("model", model)
}

/// Why no rows were fetched from a source.
fn not_imported(message: String, error: ImportError) -> Problem {
    match error {
        ImportError::SourceNotFound { name } => {
            Problem::new(Code::NotFound, "SOURCE_NOT_FOUND", message).resource("source", name)
        }
        ImportError::SourceRefused { name, .. } => {
            Problem::new(Code::FailedPrecondition, "SOURCE_REFUSED", message).with("source", name)
        }
        ImportError::SourceUnavailable { name, .. } => {
            Problem::new(Code::Unavailable, "SOURCE_UNAVAILABLE", message).with("source", name).retry_after(LATER)
        }
        ImportError::StorageFull { .. } => Problem::new(Code::ResourceExhausted, "STORAGE_FULL", message),
        ImportError::RequestIdReused { request_id, import_id } => {
            Problem::new(Code::AlreadyExists, "REQUEST_ID_REUSED", message)
                .resource("request_id", request_id.as_str())
                .with("import", import_id)
        }
    }
}

/// Every check that failed, and the report that has them.
fn data_refused(message: String, refusal: &DataRefusal) -> Problem {
    let problem = Problem::new(Code::FailedPrecondition, "DATA_CHECK_FAILED", message);
    let failed = refusal.failed.iter();
    failed
        .fold(problem, |problem, check| problem.precondition(refusal.dataset.as_str(), check))
        .with("report", &refusal.report_id)
}
