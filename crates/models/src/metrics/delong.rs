//! DeLong's test of two correlated areas under the ROC curve.
//!
//! E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson: Comparing the areas under two or more correlated receiver operating
//! characteristic curves: a nonparametric approach. Biometrics 44 (1988), 837-845. The structural components come from midranks
//! in O(n log n): X. Sun, W. Xu: Fast implementation of DeLong's algorithm for comparing the areas under correlated receiver
//! operating characteristic curves. IEEE Signal Processing Letters 21 (2014), 1389-1393, equations 8 to 12.

use super::PairedTest;
use crate::labels::is_positive;

/// The difference over its standard error. `None` with fewer than two rows of a class, and where the difference does not vary.
pub(super) fn test(labels: &[f64], candidate: &[f64], champion: &[f64]) -> Option<PairedTest> {
    let (a, b) = (Components::of(labels, candidate), Components::of(labels, champion));
    let variance = variance_of_mean(&a.positives, &b.positives)? + variance_of_mean(&a.negatives, &b.negatives)?;
    let difference = a.area() - b.area();
    // Components that are all the same on both sides still differ by rounding.
    if variance <= f64::EPSILON * f64::EPSILON {
        let equal = difference.abs() <= 1e-12;
        return equal.then_some(PairedTest { name: "delong", statistic: 0.0, p_value: 1.0 });
    }
    let statistic = difference / variance.sqrt();
    let p_value = libm::erfc(statistic.abs() / std::f64::consts::SQRT_2);
    Some(PairedTest { name: "delong", statistic, p_value })
}

/// The share of the other class that each row is ranked right against, ties counting half.
struct Components {
    positives: Vec<f64>,
    negatives: Vec<f64>,
}

impl Components {
    fn of(labels: &[f64], scores: &[f64]) -> Self {
        let all = midranks(scores);
        let class = |positive: bool| -> Vec<usize> {
            (0..labels.len()).filter(|&row| is_positive(labels[row]) == positive).collect()
        };
        let (positives, negatives) = (class(true), class(false));
        let within = |rows: &[usize]| midranks(&rows.iter().map(|&row| scores[row]).collect::<Vec<_>>());
        let (among_positives, among_negatives) = (within(&positives), within(&negatives));
        let (m, n) = (positives.len() as f64, negatives.len() as f64);
        let above = |(&row, rank): (&usize, f64)| (all[row] - rank) / n;
        let below = |(&row, rank): (&usize, f64)| 1.0 - (all[row] - rank) / m;
        Self {
            positives: positives.iter().zip(among_positives).map(above).collect(),
            negatives: negatives.iter().zip(among_negatives).map(below).collect(),
        }
    }

    fn area(&self) -> f64 {
        self.positives.iter().sum::<f64>() / self.positives.len() as f64
    }
}

/// Ranks from 1, tied values sharing the mean of theirs.
fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0.0;
    // In ascending order, what is not smaller is equal; -0.0 and 0.0 are one value.
    for tied in order.chunk_by(|&a, &b| values[a] >= values[b]) {
        let rank = below + f64::midpoint(tied.len() as f64, 1.0);
        for &row in tied {
            ranks[row] = rank;
        }
        below += tied.len() as f64;
    }
    ranks
}

/// The sample variance of the pairs' differences over their number.
fn variance_of_mean(a: &[f64], b: &[f64]) -> Option<f64> {
    let count = a.len() as f64;
    if a.len() < 2 {
        return None;
    }
    let differences = a.iter().zip(b).map(|(a, b)| a - b);
    let mean = differences.clone().sum::<f64>() / count;
    Some(differences.map(|difference| (difference - mean).powi(2)).sum::<f64>() / (count - 1.0) / count)
}
