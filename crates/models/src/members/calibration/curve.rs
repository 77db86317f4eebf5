//! From one probability to a better one.

use serde::{Deserialize, Serialize};

use super::isotonic;
use crate::{
    Hyperparameters, Link,
    members::{MemberError, MemberFitError, member::check_numbers, newton::Watch, sigmoid, upstream::LARGEST},
};

/// From the probability of one class to a better one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Curve {
    /// `1 / (1 + exp(-(slope p + intercept)))`.
    Sigmoid {
        /// What the probability is multiplied by.
        slope: f64,
        /// What is then added.
        intercept: f64,
    },
    /// Straight lines between points, level before the first and behind the last.
    Points {
        /// Probabilities, rising.
        scores: Vec<f64>,
        /// What each becomes, never falling.
        values: Vec<f64>,
    },
}

impl Curve {
    /// The maximum likelihood of targets that are drawn in from 0 and 1 as if one row more of each class had been seen
    /// (Platt, Probabilities for SV Machines, 1999, section 2.2).
    pub(super) fn platt(
        scores: &[f64],
        positive: &[bool],
        params: &Hyperparameters,
        watch: &mut Watch<'_>,
    ) -> Result<Self, MemberFitError> {
        let positives = positive.iter().filter(|positive| **positive).count() as f64;
        let negatives = positive.len() as f64 - positives;
        let (one, zero) = ((positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0));
        let targets: Vec<f64> = positive.iter().map(|positive| if *positive { one } else { zero }).collect();
        let [slope, intercept] = sigmoid::fit(scores, &targets, params, watch)?;
        Ok(Self::Sigmoid { slope, intercept })
    }

    /// The rising line with the least squared error.
    pub(super) fn isotonic(scores: &[f64], positive: &[bool], watch: &mut Watch<'_>) -> Result<Self, MemberFitError> {
        watch.check_cancelled()?;
        let (scores, values) = isotonic::fit(scores, positive);
        let curve = Self::Points { scores, values };
        watch.step("points", curve.points() as f64);
        Ok(curve)
    }

    fn points(&self) -> usize {
        match self {
            Self::Sigmoid { .. } => 0,
            Self::Points { scores, .. } => scores.len(),
        }
    }

    pub(super) fn check(&self) -> Result<(), MemberError> {
        match self {
            Self::Sigmoid { slope, intercept } => {
                check_numbers("slope", &[*slope], LARGEST)?;
                check_numbers("intercept", &[*intercept], LARGEST)
            }
            Self::Points { scores, values } => {
                check_numbers("scores", scores, 1.0)?;
                let probabilities = values.iter().all(|value| (0.0..=1.0).contains(value));
                let rising = scores.is_sorted_by(|a, b| a < b) && values.is_sorted();
                if scores.is_empty() || scores.len() != values.len() || !rising || !probabilities {
                    return Err(MemberError::Malformed { problem: "the points do not rise".to_owned() });
                }
                Ok(())
            }
        }
    }

    /// What `score` becomes.
    pub fn at(&self, score: f64) -> f64 {
        match self {
            Self::Sigmoid { slope, intercept } => Link::Logit.score(slope * score + intercept),
            Self::Points { scores, values } => interpolate(scores, values, score),
        }
    }
}

fn interpolate(scores: &[f64], values: &[f64], score: f64) -> f64 {
    let above = scores.partition_point(|point| *point < score);
    match (above.checked_sub(1), values.get(above)) {
        (None, Some(first)) => *first,
        (Some(below), None) => values[below],
        (Some(below), Some(value)) => {
            let share = (score - scores[below]) / (scores[above] - scores[below]);
            values[below] + share * (value - values[below])
        }
        (None, None) => score,
    }
}

/// One row, each class by its curve and divided by the sum; all alike where every curve says 0.
pub(super) fn correct(shown: impl Iterator<Item = f64>, curves: &[Curve]) -> Vec<f64> {
    let mut corrected: Vec<f64> = shown.zip(curves).map(|(score, curve)| curve.at(score)).collect();
    if let [first] = corrected[..] {
        return vec![first, 1.0 - first];
    }
    let (sum, classes) = (corrected.iter().sum::<f64>(), corrected.len() as f64);
    for value in &mut corrected {
        *value = if sum > 0.0 { *value / sum } else { 1.0 / classes };
    }
    corrected
}
