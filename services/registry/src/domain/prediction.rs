//! Prediction ids, enough to find out who answered: `model:version:g<generation>:<microseconds>:replica:<nonce>`, with `b<batch>` in
//! place of the generation for those of a batch.

use std::str::FromStr;

use lineal_kernel::{FieldError, ModelName, Name, Timestamp, VersionNumber};

/// What an id says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredictionId {
    /// The model that answered.
    pub model: ModelName,
    /// Its version.
    pub number: VersionNumber,
    /// Where it was asked.
    pub origin: Origin,
    /// When it was scored.
    pub scored: Timestamp,
    /// The replica that answered.
    pub replica: String,
}

/// Where a prediction was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Online, while this generation was served.
    Generation(u64),
    /// In this batch.
    Batch(Name),
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_at_checked(1)?;
        match kind {
            "g" => rest.parse().ok().map(Self::Generation),
            "b" => Name::new(rest).ok().map(Self::Batch),
            _ => None,
        }
    }
}

impl FromStr for PredictionId {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let bad = || FieldError::new("prediction_id", "not an id that came with a prediction");
        let parts: Vec<&str> = text.split(':').collect();
        let [model, number, origin, micros, replica, _nonce] = parts.as_slice() else { return Err(bad()) };
        Ok(Self {
            model: ModelName::new(model).map_err(|_| bad())?,
            number: number.parse().ok().and_then(|number| VersionNumber::new(number).ok()).ok_or_else(bad)?,
            origin: Origin::parse(origin).ok_or_else(bad)?,
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
            && id.origin == Origin::Generation(7)
            && id.scored.to_string() == "2025-01-15T14:30:22Z"
            && id.replica == "r1"));
    }

    #[test]
    fn an_id_of_a_batch_names_the_batch() {
        // F133
        let id: PredictionId = "churn:3:bdaily-2025-01-15:1736951422000000:r1:0".parse().unwrap();
        assert_eq!(id.origin, Origin::Batch(Name::new("daily-2025-01-15").unwrap()));
    }

    #[test]
    fn anything_else_is_no_id() {
        for text in [
            "",
            "churn:3",
            "churn:0:g7:1:r:x",
            "churn:3:7:1:r:x",
            "churn:3:b:1:r:x",
            "churn:3:g7:now:r:x",
            "churn:3:g7:1:r:x:y",
        ] {
            assert!(text.parse::<PredictionId>().is_err(), "{text}");
        }
    }
}
