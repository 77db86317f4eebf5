//! The port to the validator: what a pipeline needs of it.

mod client;

use async_trait::async_trait;
use lineal_kernel::{ModelName, Slot};

use crate::domain::ValidationLimits;

pub(crate) use client::ValidatorClient;

/// Why the validator gave no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValidatorError {
    /// It, or what it needs, is away. The call may have been done.
    #[error("the validator cannot be reached ({message}); see that it runs")]
    Unavailable {
        /// What it or the connection said.
        message: String,
    },
    /// It cannot judge the version.
    #[error("the validator gave no verdict: {message}")]
    Refused {
        /// Its words.
        message: String,
    },
}

/// A version to be judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) model: ModelName,
    pub(crate) slot: Slot,
    pub(crate) number: u64,
    /// Absent for the default.
    pub(crate) policy: Option<ValidationLimits>,
    pub(crate) request_id: String,
}

/// What the validator says of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) report_id: String,
    pub(crate) passed: bool,
    /// The champion it was compared with; 0 for none.
    pub(crate) champion: u64,
    /// The gates that it did not pass, in one line.
    pub(crate) problem: String,
}

/// The validator. A call can be repeated without doing more than once.
#[async_trait]
pub(crate) trait Validator: Send + Sync {
    /// Judges a version.
    async fn validate(&self, candidate: &Candidate) -> Result<Verdict, ValidatorError>;
}
