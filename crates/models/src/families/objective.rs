//! What boosting minimises: where it starts, and how the loss of each row changes with its margins.

use super::{FitError, TrainingData};
use crate::{
    Link, Task,
    labels::check_counts,
    link::{half_deviance, log_loss, multiclass_loss, softmax},
};

/// A loss of one row at its margins, of which each has trees of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Objective {
    /// Log loss of two classes; the margin is the logarithm of the odds.
    LogLoss,
    /// Log loss of several classes; as many margins.
    Multiclass(usize),
    /// Half the squared error.
    Squared,
    /// Half the deviance of a count; the margin is the logarithm of the expected count.
    Poisson,
}

impl Objective {
    /// The objective of checked labels; `regression` is that of numbers.
    pub(super) fn new(data: &TrainingData<'_>, classes: usize, regression: &str) -> Result<Self, FitError> {
        Ok(match (data.task, regression) {
            (Task::BinaryClassification, _) => Self::LogLoss,
            (Task::MulticlassClassification, _) => Self::Multiclass(classes),
            (Task::Count, _) | (Task::Regression, "poisson") => {
                check_counts(data.labels)?;
                if let Some(validation) = &data.validation {
                    check_counts(validation.labels)?;
                }
                Self::Poisson
            }
            (Task::Regression, _) => Self::Squared,
        })
    }

    /// What progress calls the mean loss of the training rows, and that of the validation rows.
    pub(super) fn metrics(self) -> [&'static str; 2] {
        match self {
            Self::LogLoss | Self::Multiclass(_) => ["log_loss", "validation_log_loss"],
            Self::Squared => ["half_squared_error", "validation_half_squared_error"],
            Self::Poisson => ["half_deviance", "validation_half_deviance"],
        }
    }

    /// From the margin of one set of trees to a score; of several classes it stays a margin.
    pub(super) fn link(self) -> Link {
        match self {
            Self::LogLoss => Link::Logit,
            Self::Multiclass(_) | Self::Squared => Link::Identity,
            Self::Poisson => Link::Log,
        }
    }

    /// The margins that are best for all rows alike.
    ///
    /// # Errors
    /// [`FitError::NoCounts`] if no row with a weight has a count.
    pub(super) fn start(self, labels: &[f64], weights: &[f64]) -> Result<Vec<f64>, FitError> {
        let (mut sum, mut total) = (0.0, 0.0);
        for (label, weight) in labels.iter().zip(weights) {
            sum += weight * label;
            total += weight;
        }
        Ok(match self {
            Self::LogLoss => vec![f64::ln(sum / (total - sum))],
            Self::Multiclass(classes) => {
                let mut shares = vec![0.0; classes];
                labels.iter().zip(weights).for_each(|(label, weight)| shares[*label as usize] += weight / total);
                shares.into_iter().map(f64::ln).collect()
            }
            Self::Squared => vec![sum / total],
            Self::Poisson if sum > 0.0 => vec![(sum / total).ln()],
            Self::Poisson => return Err(FitError::NoCounts),
        })
    }

    /// The loss of one row.
    pub(super) fn loss(self, label: f64, margins: &[f64]) -> f64 {
        match self {
            Self::LogLoss => log_loss(margins[0], label),
            Self::Multiclass(_) => multiclass_loss(margins, label as usize),
            Self::Squared => (label - margins[0]).powi(2) / 2.0,
            Self::Poisson => half_deviance(margins[0], label),
        }
    }

    /// First and second derivatives of the loss of one row by each of its margins, which may be lost.
    pub(super) fn derive(self, label: f64, weight: f64, margins: &mut [f64], into: &mut [[f64; 2]]) {
        match self {
            Self::LogLoss => {
                let p = Link::Logit.score(margins[0]);
                into[0] = [(p - label) * weight, p * (1.0 - p) * weight];
            }
            Self::Multiclass(_) => {
                softmax(margins);
                for (class, (p, into)) in margins.iter().zip(into).enumerate() {
                    let truth = f64::from(class == label as usize);
                    *into = [(p - truth) * weight, p * (1.0 - p) * weight];
                }
            }
            Self::Squared => into[0] = [(margins[0] - label) * weight, weight],
            Self::Poisson => {
                let expected = margins[0].exp();
                into[0] = [(expected - label) * weight, expected * weight];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_those_of_the_loss() {
        const STEP: f64 = 1e-4;
        let cases: [(Objective, f64, &[f64]); 5] = [
            (Objective::LogLoss, 1.0, &[0.3]),
            (Objective::LogLoss, 0.0, &[-1.2]),
            (Objective::Multiclass(3), 1.0, &[0.3, -0.5, 1.0]),
            (Objective::Squared, 2.5, &[0.7]),
            (Objective::Poisson, 3.0, &[0.4]),
        ];
        for (objective, label, margins) in cases {
            let mut found = vec![[0.0; 2]; margins.len()];
            objective.derive(label, 2.0, &mut margins.to_vec(), &mut found);
            for (k, found) in found.iter().enumerate() {
                let at = |shift: f64| {
                    let mut margins = margins.to_vec();
                    margins[k] += shift;
                    2.0 * objective.loss(label, &margins)
                };
                let first = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                let second = (at(STEP) - 2.0 * at(0.0) + at(-STEP)) / (STEP * STEP);
                assert!((found[0] - first).abs() < 1e-5, "{objective:?}: {first}");
                assert!((found[1] - second).abs() < 1e-5, "{objective:?}: {second}");
            }
        }
    }

    #[test]
    fn the_start_is_the_best_constant() {
        let weights = [1.0, 2.0, 1.0];
        for (objective, labels) in [
            (Objective::LogLoss, [0.0, 1.0, 1.0]),
            (Objective::Multiclass(3), [0.0, 1.0, 2.0]),
            (Objective::Squared, [0.5, -1.0, 7.0]),
            (Objective::Poisson, [0.0, 1.0, 5.0]),
        ] {
            let start = objective.start(&labels, &weights).unwrap();
            let mut sums = vec![0.0; start.len()];
            for (label, weight) in labels.into_iter().zip(weights) {
                let mut found = vec![[0.0; 2]; start.len()];
                objective.derive(label, weight, &mut start.clone(), &mut found);
                sums.iter_mut().zip(found).for_each(|(sum, [first, _])| *sum += first);
            }
            assert!(sums.iter().all(|sum| sum.abs() < 1e-12), "{objective:?}: {sums:?}");
        }
    }
}
