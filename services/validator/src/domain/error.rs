//! Everything that keeps the validator from a verdict.

use std::fmt;

use lineal_db::StoreError;
use lineal_kernel::{Digest, FieldError, FieldErrors, ModelName, RequestId, VersionNumber};
use lineal_signing::Refusal;

use super::ReportId;

/// Why a call did not succeed. A candidate that does not pass is none of these.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ValidatorError {
    /// Fields of the request are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The registry has no such version.
    #[error("model `{model}` has no version {number}")]
    VersionNotFound { model: ModelName, number: VersionNumber },
    /// No report has this id.
    #[error("there is no report {id}")]
    ReportNotFound { id: ReportId },
    /// A bundle does not hold what its digest promises, or does not load.
    #[error("the bundle of the {role}, version {number} of `{model}`, is damaged in `{file}`: {problem}")]
    BundleDamaged { role: Role, model: ModelName, number: VersionNumber, file: String, problem: String },
    /// No trusted key signed a bundle.
    #[error("the bundle of the {role}, version {number} of `{model}`, is refused: {refusal}")]
    BundleRefused { role: Role, model: ModelName, number: VersionNumber, refusal: Refusal },
    /// The candidate's reference set cannot be measured on.
    #[error("the reference set of version {number} of `{model}` cannot be used: {problem}")]
    ReferenceUnusable { model: ModelName, number: VersionNumber, problem: String },
    /// The model's settings ask for what cannot be measured.
    #[error(
        "the settings of `{model}` ({digest}) cannot judge its version {number}: {problem}; apply a file that can, or send a policy"
    )]
    SettingsUnusable { model: ModelName, number: VersionNumber, digest: Digest, problem: FieldErrors },
    /// The key already belongs to another request.
    #[error("request id `{}` was used for another validation, send a fresh one", request_id.as_str())]
    RequestIdReused { request_id: RequestId },
    /// The registry gave no usable answer.
    #[error("the registry did not answer, send the request again with the same request id: {problem}")]
    RegistryUnavailable { problem: String },
    /// The registry said something that this release does not understand.
    #[error("the registry's answer cannot be used: {problem}")]
    RegistryAnswer { problem: String },
    /// Reports cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The thread that measures ended without a result.
    #[error("measuring ended without a result")]
    Worker(#[from] tokio::task::JoinError),
}

impl From<FieldError> for ValidatorError {
    fn from(error: FieldError) -> Self {
        Self::Invalid(error.into())
    }
}

/// Which side of the comparison a version is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The version that is judged.
    Candidate,
    /// The version it has to beat.
    Champion,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Candidate => "candidate",
            Self::Champion => "champion",
        })
    }
}
