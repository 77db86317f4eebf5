//! Why a job or one of its attempts failed.

use std::str::FromStr;

use lineal_kernel::FieldError;

/// The cause of a failure, as programs tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureReason {
    /// The rows cannot be used.
    Data,
    /// The specification asks for what cannot be done.
    Specification,
    /// The fit found no model.
    Fit,
    /// It panicked, a bug of the program.
    Panic,
    /// Another fault of the program or its database.
    Internal,
    /// It was not done in time.
    DeadlineExceeded,
    /// The registry or its artifact store is away.
    RegistryUnavailable,
    /// There is no room for what it makes.
    StorageFull,
    /// The registry said no, or has not what was asked for.
    RegistryRefused,
    /// The trainer's own database is away.
    StoreUnavailable,
    /// Its worker is gone.
    WorkerLost,
    /// No trusted key signed what it was to learn from.
    Untrusted,
}

impl FailureReason {
    const ALL: [Self; 12] = [
        Self::Data,
        Self::Specification,
        Self::Fit,
        Self::Panic,
        Self::Internal,
        Self::DeadlineExceeded,
        Self::RegistryUnavailable,
        Self::RegistryRefused,
        Self::StorageFull,
        Self::StoreUnavailable,
        Self::WorkerLost,
        Self::Untrusted,
    ];

    /// The stored word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Specification => "specification",
            Self::Fit => "fit",
            Self::Panic => "panic",
            Self::Internal => "internal",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::RegistryUnavailable => "registry_unavailable",
            Self::RegistryRefused => "registry_refused",
            Self::StorageFull => "storage_full",
            Self::StoreUnavailable => "store_unavailable",
            Self::WorkerLost => "worker_lost",
            Self::Untrusted => "untrusted",
        }
    }

    /// Whether another attempt may end otherwise although nobody changes anything.
    pub(crate) fn may_pass(self) -> bool {
        matches!(self, Self::RegistryUnavailable | Self::StoreUnavailable | Self::WorkerLost)
    }
}

impl FromStr for FailureReason {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| FieldError::new("reason", "not a reason of a failure"))
    }
}

/// A failed attempt. The first line of `error` is for people, a trace may follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: FailureReason,
    pub(crate) error: String,
}

impl Failure {
    /// The part for people.
    pub(crate) fn headline(&self) -> &str {
        self.error.lines().next().unwrap_or_default()
    }
}
