//! Why a bundle does not arrive, and how a caller is told that it may not be loaded.

use std::error::Error;

use lineal_models::BundleError;
use lineal_rpc::Problem;
use lineal_signing::Refusal;
use tonic::Code;

/// Why a bundle was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError<E: Error + 'static> {
    /// A file was not given.
    #[error("`{file}` cannot be fetched")]
    File {
        /// Its name in the bundle.
        file: String,
        /// Why.
        source: E,
    },
    /// The signatures were not given.
    #[error("the signatures cannot be listed")]
    Signatures(#[source] E),
    /// The manifest cannot be used, or the files are not what it says.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Its signatures do not admit it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The answer to a caller of a service that refused a bundle.
pub fn refused(refusal: &Refusal, text: String) -> Problem {
    match refusal {
        Refusal::Unsigned => Problem::new(Code::FailedPrecondition, "BUNDLE_UNSIGNED", text),
        Refusal::UnknownKey { key } => {
            Problem::new(Code::FailedPrecondition, "SIGNING_KEY_UNKNOWN", text).with("key", key)
        }
        Refusal::Invalid { key, .. } => {
            Problem::new(Code::FailedPrecondition, "SIGNATURE_INVALID", text).with("key", key)
        }
        Refusal::Unreadable { .. } => Problem::new(Code::FailedPrecondition, "SIGNATURE_INVALID", text),
    }
}
