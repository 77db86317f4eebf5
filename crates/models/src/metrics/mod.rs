//! How good scores are. Every value equals scikit-learn's; what is undefined is an error, never NaN.

mod classification;
mod delong;
mod losses;
mod mcnemar;
mod multiclass;
mod paired;
mod regression;
mod student;

use std::{collections::BTreeMap, fmt, str::FromStr};

use classification::Confusion;
pub use paired::{PairedTest, SIGNIFICANCE, Side, paired_test};

use crate::{LabelError, Task};

/// A number that says how good scores are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Area under the ROC curve; tied scores count half.
    Auc,
    /// Share of right labels.
    Accuracy,
    /// Share of true positives among predicted positives; 0 when nothing is predicted positive.
    Precision,
    /// Share of positives that are predicted positive.
    Recall,
    /// Harmonic mean of precision and recall.
    F1,
    /// Mean negative log likelihood, in nats; probabilities are clipped to `[eps, 1 - eps]`, eps = 2^-52.
    LogLoss,
    /// Mean squared difference between probability and label.
    Brier,
    /// Root mean squared error, in the unit of the target.
    Rmse,
    /// Mean absolute error, in the unit of the target.
    Mae,
    /// Coefficient of determination: the share of the targets' variance that is explained; undefined if all targets are alike, or
    /// so close together that their variance vanishes.
    R2,
    /// Mean Poisson deviance of counts from what was expected of them.
    Deviance,
}

/// Which way a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More is better.
    HigherIsBetter,
    /// Less is better.
    LowerIsBetter,
}

/// Why a metric has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricError {
    /// No metric has this name.
    #[error("unknown metric `{name}`, known are {}", known.join(", "))]
    Unknown {
        /// The name asked for, cut to 64 characters.
        name: String,
        /// All names.
        known: Vec<&'static str>,
    },
    /// Labels and scores do not pair up.
    #[error("{labels} labels but {scores} scores, give one score per label, or one per label and class")]
    Length {
        /// Number of labels.
        labels: usize,
        /// Number of scores.
        scores: usize,
    },
    /// There is nothing to measure.
    #[error("there are no rows to measure")]
    NoRows,
    /// The labels of a classification are not two classes.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// A score or a target is not usable.
    #[error("score {value} in row {row} is not {expected}")]
    Score {
        /// Row, from 0.
        row: usize,
        /// The score.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// A value that no `f64` holds.
    #[error("`{metric}` is {value}, no number: the errors are too large to square; rescale the targets")]
    NotFinite {
        /// Its name.
        metric: &'static str,
        /// What came out.
        value: f64,
    },
    /// The threshold is NaN.
    #[error("the threshold is not a number")]
    Threshold,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 11] = [
        Self::Auc,
        Self::Accuracy,
        Self::Precision,
        Self::Recall,
        Self::F1,
        Self::LogLoss,
        Self::Brier,
        Self::Rmse,
        Self::Mae,
        Self::R2,
        Self::Deviance,
    ];

    /// The stable name, as in gates and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auc => "auc",
            Self::Accuracy => "accuracy",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::F1 => "f1",
            Self::LogLoss => "log_loss",
            Self::Brier => "brier",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::R2 => "r2",
            Self::Deviance => "deviance",
        }
    }

    /// Which way it improves.
    pub fn direction(self) -> Direction {
        match self {
            Self::Auc | Self::Accuracy | Self::Precision | Self::Recall | Self::F1 | Self::R2 => {
                Direction::HigherIsBetter
            }
            Self::LogLoss | Self::Brier | Self::Rmse | Self::Mae | Self::Deviance => Direction::LowerIsBetter,
        }
    }

    /// Whether it measures `task`. Of several classes, `auc`, `precision`, `recall` and `f1` are means over the classes,
    /// each taken against all others, and `brier` is the sum over the classes.
    pub fn measures(self, task: Task) -> bool {
        match self {
            Self::Rmse | Self::Mae | Self::R2 => task.is_number(),
            Self::Deviance => task == Task::Count,
            _ => !task.is_number(),
        }
    }

    /// The one that decides between two versions when nobody says.
    pub fn of(task: Task) -> Self {
        match task {
            Task::BinaryClassification => Self::Auc,
            Task::MulticlassClassification => Self::LogLoss,
            Task::Regression => Self::Rmse,
            Task::Count => Self::Deviance,
        }
    }
}

impl Direction {
    /// Whether `candidate` beats `champion` strictly; a tie beats nobody, and NaN neither.
    pub fn improves(self, candidate: f64, champion: f64) -> bool {
        match self {
            Self::HigherIsBetter => candidate > champion,
            Self::LowerIsBetter => candidate < champion,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = MetricError;

    fn from_str(name: &str) -> Result<Self, MetricError> {
        Self::ALL.into_iter().find(|metric| metric.name() == name).ok_or_else(|| MetricError::Unknown {
            name: name.chars().take(64).collect(),
            known: Self::ALL.map(Self::name).to_vec(),
        })
    }
}

/// All metrics of `task`, by name and finite; without `r2` where it is undefined. `labels` holds the numbers of classes (targets of
/// numbers) and `scores` one probability (prediction) per label; of several classes, one for each, row after row. Of two
/// classes a row is predicted positive when `score >= threshold`, of several it is predicted the first one with the highest
/// probability.
///
/// # Errors
/// [`MetricError`] for lengths that differ, no rows, labels or scores outside their range, labels of one class only, or a metric
/// that no `f64` holds.
pub fn compute(
    task: Task,
    labels: &[f64],
    scores: &[f64],
    threshold: f64,
) -> Result<BTreeMap<&'static str, f64>, MetricError> {
    check(task, labels, scores, threshold)?;
    let values = match task {
        Task::BinaryClassification => binary(labels, scores, threshold),
        Task::MulticlassClassification => several_classes(labels, scores),
        Task::Regression => numeric(labels, scores),
        Task::Count => {
            [numeric(labels, scores), vec![(Metric::Deviance, regression::deviance(labels, scores))]].concat()
        }
    };
    let finite = |(metric, value): (Metric, f64)| match (metric.name(), value) {
        (metric, value) if value.is_finite() => Ok((metric, value)),
        (metric, value) => Err(MetricError::NotFinite { metric, value }),
    };
    values.into_iter().map(finite).collect()
}

/// That every metric of the task that is defined for these labels can be computed.
fn check(task: Task, labels: &[f64], scores: &[f64], threshold: f64) -> Result<(), MetricError> {
    let pair_up = match task {
        Task::MulticlassClassification => {
            scores.len() >= 2 * labels.len() && scores.len().is_multiple_of(labels.len().max(1))
        }
        Task::BinaryClassification | Task::Regression | Task::Count => scores.len() == labels.len(),
    };
    if !pair_up {
        return Err(MetricError::Length { labels: labels.len(), scores: scores.len() });
    }
    if labels.is_empty() {
        return Err(MetricError::NoRows);
    }
    match task {
        Task::BinaryClassification => classification::check(labels, scores, threshold),
        Task::MulticlassClassification => multiclass::check(labels, scores, scores.len() / labels.len()),
        Task::Regression => regression::check(labels, scores),
        Task::Count => regression::check_counts(labels, scores),
    }
}

fn binary(labels: &[f64], scores: &[f64], threshold: f64) -> Vec<(Metric, f64)> {
    let confusion = Confusion::new(labels, scores, threshold);
    vec![
        (Metric::Auc, classification::auc(labels, scores)),
        (Metric::Accuracy, confusion.accuracy()),
        (Metric::Precision, confusion.precision()),
        (Metric::Recall, confusion.recall()),
        (Metric::F1, confusion.f1()),
        (Metric::LogLoss, classification::log_loss(labels, scores)),
        (Metric::Brier, classification::brier(labels, scores)),
    ]
}

fn several_classes(labels: &[f64], scores: &[f64]) -> Vec<(Metric, f64)> {
    let classes = scores.len() / labels.len();
    let means = multiclass::Means::new(labels, scores, classes);
    vec![
        (Metric::Auc, multiclass::auc(labels, scores, classes)),
        (Metric::Accuracy, means.accuracy),
        (Metric::Precision, means.precision),
        (Metric::Recall, means.recall),
        (Metric::F1, means.f1),
        (Metric::LogLoss, multiclass::log_loss(labels, scores, classes)),
        (Metric::Brier, multiclass::brier(labels, scores, classes)),
    ]
}

fn numeric(targets: &[f64], predictions: &[f64]) -> Vec<(Metric, f64)> {
    let errors =
        [(Metric::Rmse, regression::rmse(targets, predictions)), (Metric::Mae, regression::mae(targets, predictions))];
    errors.into_iter().chain(regression::r2(targets, predictions).map(|r2| (Metric::R2, r2))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_metric_is_refused_with_the_known_ones() {
        let error = "roc".parse::<Metric>().unwrap_err().to_string();
        assert!(error.contains("`roc`") && error.contains("auc") && error.contains("mae"), "{error}");
        for metric in Metric::ALL {
            assert_eq!(metric.name().parse(), Ok(metric));
        }
    }

    #[test]
    fn every_task_computes_exactly_its_metrics() {
        for (task, scores) in [
            (Task::BinaryClassification, &[0.2, 0.9][..]),
            (Task::MulticlassClassification, &[0.7, 0.3, 0.2, 0.8][..]),
            (Task::Regression, &[0.2, 0.9][..]),
            (Task::Count, &[0.2, 0.9][..]),
        ] {
            let values = compute(task, &[0.0, 1.0], scores, 0.5).unwrap();
            let mut known: Vec<_> = Metric::ALL.iter().filter(|m| m.measures(task)).map(|m| m.name()).collect();
            known.sort_unstable();
            assert_eq!(values.into_keys().collect::<Vec<_>>(), known);
        }
    }

    #[test]
    fn what_is_undefined_is_an_error() {
        let binary = |y: &[f64], s: &[f64]| compute(Task::BinaryClassification, y, s, 0.5).unwrap_err();
        assert_eq!(binary(&[1.0, 1.0], &[0.2, 0.9]), LabelError::OneClass { class: 1 }.into());
        assert_eq!(binary(&[0.0], &[0.2]), LabelError::OneClass { class: 0 }.into());
        assert_eq!(binary(&[], &[]), MetricError::NoRows);
        assert_eq!(binary(&[0.0, 1.0], &[0.2]), MetricError::Length { labels: 2, scores: 1 });
        assert_eq!(binary(&[0.0, 2.0], &[0.2, 0.3]), LabelError::NoClass { row: 1, value: 2.0, last: 1 }.into());
        for bad in [1.5, -0.1, f64::NAN] {
            assert!(matches!(binary(&[0.0, 1.0], &[0.2, bad]), MetricError::Score { row: 1, .. }), "{bad}");
        }
        let nan = compute(Task::BinaryClassification, &[0.0, 1.0], &[0.2, 0.3], f64::NAN);
        assert_eq!(nan, Err(MetricError::Threshold));
        let several = |y: &[f64], s: &[f64]| compute(Task::MulticlassClassification, y, s, 0.5).unwrap_err();
        assert_eq!(several(&[0.0, 1.0], &[0.5; 6]), LabelError::AbsentClass { class: 2 }.into());
        assert_eq!(several(&[0.0, 1.0], &[0.5; 5]), MetricError::Length { labels: 2, scores: 5 });
        assert_eq!(several(&[0.0, 1.0], &[0.5; 2]), MetricError::Length { labels: 2, scores: 2 });
        assert!(matches!(several(&[0.0, 1.0], &[0.5, 0.5, 0.9, 0.2]), MetricError::Score { row: 1, .. }));
        assert!(compute(Task::Regression, &[f64::NAN], &[1.0], 0.5).is_err());
        assert!(compute(Task::Regression, &[1.0], &[f64::INFINITY], 0.5).is_err());
        let count = |y: &[f64], s: &[f64]| compute(Task::Count, y, s, 0.5).unwrap_err();
        assert!(matches!(count(&[1.0, 2.0], &[0.5, 0.0]), MetricError::Score { row: 1, .. }));
        assert_eq!(count(&[1.0, -2.0], &[0.5, 0.5]), LabelError::Negative { row: 1, value: -2.0 }.into());
        let alike = compute(Task::Regression, &[3.0, 3.0], &[2.0, 4.0], 0.5).unwrap();
        assert_eq!(alike.keys().copied().collect::<Vec<_>>(), ["mae", "rmse"]);
    }

    #[test]
    fn what_no_number_holds_is_an_error() {
        let huge = compute(Task::Regression, &[1e300, -1e300], &[-1e300, 1e300], 0.5);
        assert_eq!(huge, Err(MetricError::NotFinite { metric: "rmse", value: f64::INFINITY }));
        let steep = compute(Task::Count, &[1e9, 1.0], &[1e-310, 1.0], 0.5);
        assert_eq!(steep, Err(MetricError::NotFinite { metric: "deviance", value: f64::INFINITY }));
        let close = compute(Task::Regression, &[1e-165, 2e-165], &[1e-165, 1.0], 0.5).unwrap();
        assert_eq!(close.keys().copied().collect::<Vec<_>>(), ["mae", "rmse"]);
    }

    #[test]
    fn a_tie_improves_nothing() {
        // F100
        assert!(Direction::LowerIsBetter.improves(0.3999, 0.40));
        assert!(!Direction::LowerIsBetter.improves(0.40, 0.40));
        assert!(Direction::HigherIsBetter.improves(0.41, 0.40));
        assert!(!Direction::HigherIsBetter.improves(f64::NAN, 0.40));
    }

    #[test]
    fn a_score_at_the_threshold_is_positive() {
        // F130
        let values = compute(Task::BinaryClassification, &[0.0, 1.0], &[0.4, 0.5], 0.5).unwrap();
        assert_eq!(vec![values["recall"], values["accuracy"]], [1.0, 1.0]);
    }
}
