//! Prediction ids: `model:version:g<generation>:<microseconds>:replica:<nonce>`, enough to find out who answered.

use std::str::FromStr;

use lineal_kernel::{FieldError, ModelName, Timestamp, VersionNumber};

/// What an id says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredictionId {
    /// The model that answered.
    pub model: ModelName,
    /// Its version.
    pub number: VersionNumber,
    /// The generation that was served.
    pub generation: u64,
    /// When it was scored.
    pub scored: Timestamp,
    /// The replica that answered.
    pub replica: String,
}

impl FromStr for PredictionId {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let bad = || FieldError::new("prediction_id", "not an id that came with a prediction");
        let parts: Vec<&str> = text.split(':').collect();
        let [model, number, generation, micros, replica, _nonce] = parts.as_slice() else { return Err(bad()) };
        Ok(Self {
            model: ModelName::new(model).map_err(|_| bad())?,
            number: number.parse().ok().and_then(|number| VersionNumber::new(number).ok()).ok_or_else(bad)?,
            generation: generation.strip_prefix('g').and_then(|text| text.parse().ok()).ok_or_else(bad)?,
            scored: micros.parse().map(Timestamp::from_micros).map_err(|_| bad())?,
            replica: (*replica).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_who_answered() {
        // F133
        let id = "churn:3:g7:1736951422000000:r1:0a1b2c3d".parse::<PredictionId>();
        assert!(id.is_ok_and(|id| id.model.as_str() == "churn"
            && id.number.get() == 3
            && id.generation == 7
            && id.scored.to_string() == "2025-01-15T14:30:22Z"
            && id.replica == "r1"));
    }

    #[test]
    fn anything_else_is_no_id() {
        for text in ["", "churn:3", "churn:0:g7:1:r:x", "churn:3:7:1:r:x", "churn:3:g7:now:r:x", "churn:3:g7:1:r:x:y"] {
            assert!(text.parse::<PredictionId>().is_err(), "{text}");
        }
    }
}
