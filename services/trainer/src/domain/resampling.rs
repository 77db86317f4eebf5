//! How the classes of the train rows are brought to one number of rows.

use std::fmt;

use lineal_data::ResampleMethod;
use lineal_kernel::FieldError;
use serde::{Deserialize, Serialize};

/// Brings the classes of the train rows to one number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resampling {
    /// Absent only in what was not checked yet.
    pub(crate) method: Option<ResampleMethod>,
    pub(crate) seed: u64,
}

impl Resampling {
    /// Says how.
    pub(crate) fn checked(self) -> Result<Self, FieldError> {
        let problem = "say whether smaller classes are repeated (OVER) or larger ones cut (UNDER)";
        self.method.map(|_| self).ok_or_else(|| FieldError::new("method", problem))
    }
}

impl fmt::Display for Resampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.method {
            Some(ResampleMethod::Over) => "over",
            Some(ResampleMethod::Under) => "under",
            None => "not",
        };
        write!(f, "{word}, seed {}", self.seed)
    }
}
