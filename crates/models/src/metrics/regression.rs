//! Metrics of numbers. A check comes first; everything after it is defined.

use super::MetricError;
use crate::labels;

/// Targets and predictions are finite numbers.
pub(super) fn check(targets: &[f64], predictions: &[f64]) -> Result<(), MetricError> {
    for values in [targets, predictions] {
        if let Some(row) = values.iter().position(|value| !value.is_finite()) {
            return Err(MetricError::Score { row, value: values[row], expected: "a finite number" });
        }
    }
    Ok(())
}

/// The same, targets are counts and what is expected of them is above 0.
pub(super) fn check_counts(targets: &[f64], predictions: &[f64]) -> Result<(), MetricError> {
    check(targets, predictions)?;
    labels::check_counts(targets)?;
    match predictions.iter().position(|expected| *expected <= 0.0) {
        Some(row) => Err(MetricError::Score { row, value: predictions[row], expected: "an expected count above 0" }),
        None => Ok(()),
    }
}

pub(super) fn rmse(targets: &[f64], predictions: &[f64]) -> f64 {
    mean(targets.iter().zip(predictions).map(|(target, prediction)| (target - prediction).powi(2))).sqrt()
}

pub(super) fn mae(targets: &[f64], predictions: &[f64]) -> f64 {
    mean(targets.iter().zip(predictions).map(|(target, prediction)| (target - prediction).abs()))
}

/// `1 - sum of squared errors / sum of squared distances from the mean`; `None` if that mean is every target, or all are so close to
/// it that the squares vanish.
pub(super) fn r2(targets: &[f64], predictions: &[f64]) -> Option<f64> {
    if targets.iter().all(|target| target.total_cmp(&targets[0]).is_eq()) {
        return None;
    }
    let middle = mean(targets.iter().copied());
    let distances: f64 = targets.iter().map(|target| (target - middle).powi(2)).sum();
    let errors: f64 = targets.iter().zip(predictions).map(|(target, prediction)| (target - prediction).powi(2)).sum();
    (distances > 0.0).then(|| 1.0 - errors / distances)
}

pub(super) fn deviance(counts: &[f64], expected: &[f64]) -> f64 {
    mean(counts.iter().zip(expected).map(|(count, expected)| row_deviance(*count, *expected)))
}

/// `2 (y ln(y / mu) - y + mu)`, where `0 ln 0` is 0.
pub(super) fn row_deviance(count: f64, expected: f64) -> f64 {
    let entropy = if count > 0.0 { count * (count / expected).ln() } else { 0.0 };
    2.0 * (entropy - count + expected)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
