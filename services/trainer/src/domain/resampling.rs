//! How the classes of the train rows are brought to one number of rows.

use std::{fmt, str::FromStr};

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

/// Reads what [`Resampling`] shows.
impl FromStr for Resampling {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let read = || {
            let (word, seed) = text.split_once(", seed ")?;
            let method = match word {
                "over" => ResampleMethod::Over,
                "under" => ResampleMethod::Under,
                _ => return None,
            };
            Some(Self { method: Some(method), seed: seed.parse().ok()? })
        };
        read().ok_or_else(|| FieldError::new("resampling", "expected e.g. `over, seed 7`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resampling_survives_its_text() {
        for method in [ResampleMethod::Over, ResampleMethod::Under] {
            let resampling = Resampling { method: Some(method), seed: 7 };
            assert_eq!(resampling.to_string().parse::<Resampling>().unwrap(), resampling);
        }
        for text in ["", "over", "over, seed x", "twice, seed 7"] {
            assert!(text.parse::<Resampling>().is_err(), "{text}");
        }
    }
}
