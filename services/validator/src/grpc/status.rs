//! The one place where an error becomes a status.

use std::time::Duration;

use lineal_bundles::refused;
use lineal_db::StoreError;
use lineal_kernel::FieldErrors;
use lineal_rpc::Problem;
use tonic::{Code, Status};

use crate::domain::ValidatorError;

const DOMAIN: &str = "validator.lineal";
const RETRY: Duration = Duration::from_secs(1);

pub(super) fn bad_request(errors: FieldErrors) -> Status {
    from_error(errors.into())
}

pub(super) fn from_error(error: ValidatorError) -> Status {
    problem(&error).status(DOMAIN)
}

fn problem(error: &ValidatorError) -> Problem {
    let text = error.to_string();
    match error {
        ValidatorError::Invalid(errors) => Problem::invalid(errors),
        ValidatorError::VersionNotFound { model, number } => {
            Problem::new(Code::NotFound, "VERSION_NOT_FOUND", text).resource("version", format!("{model}/{number}"))
        }
        ValidatorError::ReportNotFound { id } => {
            Problem::new(Code::NotFound, "REPORT_NOT_FOUND", text).resource("report", id)
        }
        ValidatorError::BundleDamaged { role, model, number, file, problem } => {
            let version = format!("{model}/{number}");
            Problem::new(Code::FailedPrecondition, "BUNDLE_DAMAGED", text)
                .precondition(&version, problem)
                .with("role", role)
                .with("version", version)
                .with("file", file)
        }
        ValidatorError::BundleRefused { role, model, number, refusal } => {
            let version = format!("{model}/{number}");
            refused(refusal, text)
                .precondition(&version, &refusal.to_string())
                .with("role", role)
                .with("version", version)
        }
        ValidatorError::ReferenceUnusable { model, number, problem } => {
            let version = format!("{model}/{number}");
            Problem::new(Code::FailedPrecondition, "REFERENCE_UNUSABLE", text)
                .precondition(&version, problem)
                .with("version", version)
        }
        ValidatorError::SettingsUnusable { model, number, digest, problem } => {
            let version = format!("{model}/{number}");
            let status = Problem::new(Code::FailedPrecondition, "SETTINGS_UNUSABLE", text);
            let wrong = problem.0.iter();
            wrong
                .fold(status, |status, wrong| status.precondition(&version, &wrong.to_string()))
                .with("version", version)
                .with("settings", digest)
        }
        ValidatorError::RequestIdReused { request_id } => {
            Problem::new(Code::AlreadyExists, "REQUEST_ID_REUSED", text).resource("request_id", request_id.as_str())
        }
        ValidatorError::RegistryUnavailable { .. } => {
            Problem::new(Code::Unavailable, "REGISTRY_UNAVAILABLE", text).retry_after(RETRY)
        }
        ValidatorError::Store(StoreError::Busy) => {
            Problem::new(Code::Unavailable, "DATABASE_BUSY", text).retry_after(RETRY)
        }
        ValidatorError::Store(StoreError::Conflict | StoreError::Backend(_))
        | ValidatorError::RegistryAnswer { .. }
        | ValidatorError::Worker(_) => Problem::internal(error),
    }
}
