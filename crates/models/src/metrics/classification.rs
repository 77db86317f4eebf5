//! Metrics of a binary classification. [`check`] comes first; everything after it is defined.

use super::MetricError;
use crate::labels::{check_classes, is_positive};

/// Labels are 0 and 1 and both occur, scores are probabilities, the threshold is a number.
pub(super) fn check(labels: &[f64], scores: &[f64], threshold: f64) -> Result<(), MetricError> {
    check_classes(labels, 2)?;
    if let Some(row) = scores.iter().position(|score| !(0.0..=1.0).contains(score)) {
        return Err(MetricError::Score { row, value: scores[row], expected: "a probability in 0..=1" });
    }
    if threshold.is_nan() {
        return Err(MetricError::Threshold);
    }
    Ok(())
}

/// Counts of right and wrong labels at one threshold.
pub(super) struct Confusion {
    true_positives: f64,
    false_positives: f64,
    true_negatives: f64,
    false_negatives: f64,
}

impl Confusion {
    pub(super) fn new(labels: &[f64], scores: &[f64], threshold: f64) -> Self {
        let mut counts = [[0.0; 2]; 2];
        for (&label, &score) in labels.iter().zip(scores) {
            counts[usize::from(is_positive(label))][usize::from(score >= threshold)] += 1.0;
        }
        let [[true_negatives, false_positives], [false_negatives, true_positives]] = counts;
        Self { true_positives, false_positives, true_negatives, false_negatives }
    }

    pub(super) fn accuracy(&self) -> f64 {
        let right = self.true_positives + self.true_negatives;
        right / (right + self.false_positives + self.false_negatives)
    }

    pub(super) fn precision(&self) -> f64 {
        let predicted = self.true_positives + self.false_positives;
        if predicted == 0.0 { 0.0 } else { self.true_positives / predicted }
    }

    pub(super) fn recall(&self) -> f64 {
        self.true_positives / (self.true_positives + self.false_negatives)
    }

    pub(super) fn f1(&self) -> f64 {
        let twice = 2.0 * self.true_positives;
        twice / (twice + self.false_positives + self.false_negatives)
    }
}

/// The Mann-Whitney statistic over mean ranks: the chance that a positive outscores a negative, ties counting half.
pub(super) fn auc(labels: &[f64], scores: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let positives = labels.iter().sum::<f64>();
    let negatives = labels.len() as f64 - positives;
    let mut rank_sum = 0.0;
    let mut below = 0.0;
    // In ascending order, what is not smaller is equal; -0.0 and 0.0 are one score.
    for tied in order.chunk_by(|&a, &b| scores[a] >= scores[b]) {
        let mean_rank = below + f64::midpoint(tied.len() as f64, 1.0);
        rank_sum += mean_rank * tied.iter().map(|&row| labels[row]).sum::<f64>();
        below += tied.len() as f64;
    }
    (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives)
}

pub(super) fn log_loss(labels: &[f64], scores: &[f64]) -> f64 {
    let loss = |(&label, &score): (&f64, &f64)| {
        let chance: f64 = if is_positive(label) { score } else { 1.0 - score };
        -chance.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
    };
    labels.iter().zip(scores).map(loss).sum::<f64>() / labels.len() as f64
}

pub(super) fn brier(labels: &[f64], scores: &[f64]) -> f64 {
    labels.iter().zip(scores).map(|(label, score)| (score - label).powi(2)).sum::<f64>() / labels.len() as f64
}
