//! What a running job can be asked to do.

use std::str::FromStr;

use lineal_kernel::FieldError;

/// A request to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// For good.
    Cancel,
    /// Until someone resumes it.
    Suspend,
}

impl Stop {
    /// The stored word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Suspend => "suspend",
        }
    }
}

impl FromStr for Stop {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        [Self::Cancel, Self::Suspend]
            .into_iter()
            .find(|stop| stop.as_str() == text)
            .ok_or_else(|| FieldError::new("stop_requested", "not a way to stop a job"))
    }
}

/// What a worker hears when it keeps its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The job is no longer its own.
    Void,
    /// The job is its own, and it may be asked to stop.
    Held(Option<Stop>),
}
