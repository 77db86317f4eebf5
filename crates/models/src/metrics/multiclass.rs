//! Metrics of several classes. [`check`] comes first; everything after it is defined.

use super::{MetricError, classification};
use crate::labels::check_classes;

/// How far the probabilities of a row may be from a sum of 1.
const SUM_TOLERANCE: f64 = 1e-6;

/// Labels are classes and all occur, the scores of each row are probabilities that sum to 1.
pub(super) fn check(labels: &[f64], scores: &[f64], classes: usize) -> Result<(), MetricError> {
    check_classes(labels, classes)?;
    for (row, scores) in scores.chunks_exact(classes).enumerate() {
        if let Some(&value) = scores.iter().find(|score| !(0.0..=1.0).contains(*score)) {
            return Err(MetricError::Score { row, value, expected: "a probability in 0..=1" });
        }
        let sum: f64 = scores.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(MetricError::Score { row, value: sum, expected: "a sum of probabilities, which is 1" });
        }
    }
    Ok(())
}

/// The first class with the highest probability.
pub(super) fn first_best(scores: &[f64]) -> usize {
    (0..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best })
}

/// What counting predicted against true classes gives; all but the accuracy are means over the classes.
pub(super) struct Means {
    pub(super) accuracy: f64,
    pub(super) precision: f64,
    pub(super) recall: f64,
    pub(super) f1: f64,
}

impl Means {
    pub(super) fn new(labels: &[f64], scores: &[f64], classes: usize) -> Self {
        let (mut right, mut predicted, mut actual) = (vec![0.0; classes], vec![0.0; classes], vec![0.0; classes]);
        for (&label, scores) in labels.iter().zip(scores.chunks_exact(classes)) {
            let first_best = first_best(scores);
            predicted[first_best] += 1.0;
            actual[label as usize] += 1.0;
            if first_best == label as usize {
                right[first_best] += 1.0;
            }
        }
        let share = |part: f64, whole: f64| if whole == 0.0 { 0.0 } else { part / whole };
        let mean = |of: &dyn Fn(usize) -> f64| (0..classes).map(of).sum::<f64>() / classes as f64;
        Self {
            accuracy: right.iter().sum::<f64>() / labels.len() as f64,
            precision: mean(&|k| share(right[k], predicted[k])),
            recall: mean(&|k| share(right[k], actual[k])),
            f1: mean(&|k| share(2.0 * right[k], predicted[k] + actual[k])),
        }
    }
}

/// Mean over the classes of the area under the curve of one class against all others.
pub(super) fn auc(labels: &[f64], scores: &[f64], classes: usize) -> f64 {
    let against_others = |class: usize| {
        let labels: Vec<f64> = labels.iter().map(|&label| f64::from(label as usize == class)).collect();
        let scores: Vec<f64> = scores.iter().skip(class).step_by(classes).copied().collect();
        classification::auc(&labels, &scores)
    };
    (0..classes).map(against_others).sum::<f64>() / classes as f64
}

pub(super) fn log_loss(labels: &[f64], scores: &[f64], classes: usize) -> f64 {
    let loss = |(&label, scores): (&f64, &[f64])| -scores[label as usize].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln();
    labels.iter().zip(scores.chunks_exact(classes)).map(loss).sum::<f64>() / labels.len() as f64
}

/// Mean over the rows of the sum over the classes of the squared differences, as Brier defined it.
pub(super) fn brier(labels: &[f64], scores: &[f64], classes: usize) -> f64 {
    let difference = |(&label, scores): (&f64, &[f64])| {
        let squares = scores.iter().enumerate().map(|(k, score)| (score - f64::from(k == label as usize)).powi(2));
        squares.sum::<f64>()
    };
    labels.iter().zip(scores.chunks_exact(classes)).map(difference).sum::<f64>() / labels.len() as f64
}
