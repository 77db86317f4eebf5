//! How much a weighted sum depends on each of its features.

use lineal_data::Matrix;

/// The weighted standard deviation of each column; `weights` holds one number for each row.
pub(super) fn spreads(features: &Matrix, weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    let means = column_sums(features, weights, |_, value| value);
    let means: Vec<f64> = means.into_iter().map(|sum| sum / total).collect();
    let squares = column_sums(features, weights, |column, value| (value - means[column]).powi(2));
    squares.into_iter().map(|sum| (sum / total).sqrt()).collect()
}

/// The weighted sum of `of` over each column, row after row as the matrix lies in memory.
fn column_sums(features: &Matrix, weights: &[f64], of: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; features.cols()];
    for (row, weight) in weights.iter().enumerate() {
        for (column, (sum, value)) in sums.iter_mut().zip(features.row(row)).enumerate() {
            *sum += weight * of(column, *value);
        }
    }
    sums
}

/// The change of the margin, up or down, when a feature changes by its standard deviation. A product beyond the finite
/// numbers says no more than the largest of them.
pub(super) fn of_weights(weights: &[f64], spreads: &[f64]) -> Vec<f64> {
    weights.iter().zip(spreads).map(|(weight, spread)| (weight.abs() * spread).min(f64::MAX)).collect()
}
