//! How much a weighted sum depends on each of its features.

use lineal_data::Matrix;

/// The weighted standard deviation of each column; `weights` holds one number for each row.
pub(super) fn spreads(features: &Matrix, weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    let spread = |j: usize| {
        let cells = || features.column(j).zip(weights);
        let mean = cells().map(|(value, weight)| weight * value).sum::<f64>() / total;
        (cells().map(|(value, weight)| weight * (value - mean).powi(2)).sum::<f64>() / total).sqrt()
    };
    (0..features.cols()).map(spread).collect()
}

/// The change of the margin, up or down, when a feature changes by its standard deviation. A product beyond the finite
/// numbers says no more than the largest of them.
pub(super) fn of_weights(weights: &[f64], spreads: &[f64]) -> Vec<f64> {
    weights.iter().zip(spreads).map(|(weight, spread)| (weight.abs() * spread).min(f64::MAX)).collect()
}
