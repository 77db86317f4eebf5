//! The sums that every linear family with squared errors is fitted from, and what they have in common.
//!
//! Columns and target are centred at their weighted means, which is what an intercept without a penalty does, and then
//! all the fit needs of the rows is their Gram matrix.

use lineal_data::Matrix;

use super::{FitContext, FitError, Hyperparameters, TrainingData, blocks, importances, weights};
use crate::{Linear, Link, Model};

/// Most columns: the Gram matrix takes 8 bytes for each pair.
const MAX_COLUMNS: usize = 4000;
/// Rows whose products are added together.
const AT_ONCE: usize = 4;

/// Sums over the rows, each times its weight.
pub(super) struct Moments {
    /// Sum of the weights.
    pub(super) total: f64,
    /// Products of each pair of columns, row-major and symmetric.
    pub(super) gram: Vec<f64>,
    /// Products of each column with the target.
    pub(super) by_target: Vec<f64>,
    /// Squares of the target.
    pub(super) target: f64,
    means: Vec<f64>,
    target_mean: f64,
    spreads: Vec<f64>,
}

impl Moments {
    /// The sums of checked data, about the means if the family fits an intercept and about 0 otherwise.
    ///
    /// # Errors
    /// [`FitError::ManyCoefficients`], [`FitError::Cancelled`].
    pub(super) fn new(
        data: &TrainingData<'_>,
        params: &Hyperparameters,
        context: &FitContext<'_>,
    ) -> Result<Self, FitError> {
        let (features, labels, cols) = (data.features, data.labels, data.features.cols());
        if cols > MAX_COLUMNS {
            return Err(FitError::ManyCoefficients { coefficients: cols, limit: MAX_COLUMNS });
        }
        let row_weights = weights::of(data);
        let total: f64 = row_weights.iter().sum();
        let (means, target_mean) = if params.boolean("fit_intercept")? {
            means(features, labels, &row_weights, total, context)?
        } else {
            (vec![0.0; cols], 0.0)
        };
        let mut gram = blocks::sum(labels.len(), cols * cols + cols + 1, context, |rows, sums| {
            let (gram, rest) = sums.split_at_mut(cols * cols);
            let mut together = vec![0.0; AT_ONCE * cols];
            for first in rows.clone().step_by(AT_ONCE) {
                // The last few rows have none beside them, which adds 0.
                together.fill(0.0);
                let mut at_once = [0.0; AT_ONCE];
                let places = together.chunks_exact_mut(cols.max(1)).zip(&mut at_once);
                for (i, (row, weight)) in (first..rows.end).zip(places) {
                    for ((cell, value), mean) in row.iter_mut().zip(features.row(i)).zip(&means) {
                        *cell = value - mean;
                    }
                    *weight = row_weights[i];
                    let target = labels[i] - target_mean;
                    rest.iter_mut().zip(&*row).for_each(|(sum, x)| *sum += *weight * x * target);
                    rest[cols] += *weight * target * target;
                }
                add_products(gram, &together, at_once);
            }
        })?;
        let mut by_target = gram.split_off(cols * cols);
        let target = by_target.pop().unwrap_or_default();
        for i in 0..cols {
            for j in 0..i {
                gram[j * cols + i] = gram[i * cols + j];
            }
        }
        let spreads = importances::spreads(features, &row_weights);
        Ok(Self { total, gram, by_target, target, means, target_mean, spreads })
    }

    /// How many columns there are.
    pub(super) fn cols(&self) -> usize {
        self.by_target.len()
    }

    /// The square root of each column's sum of squares; 0 for a column that is constant but for rounding.
    pub(super) fn norms(&self) -> Vec<f64> {
        let norm = |j: usize| {
            let square = self.gram[j * self.cols() + j];
            let rounding = self.total * (self.means[j] * f64::EPSILON).powi(2) * 16.0;
            if square > rounding { square.sqrt() } else { 0.0 }
        };
        (0..self.cols()).map(norm).collect()
    }

    /// Progress after `step`: the root of the mean squared error of `weights` on the rows.
    pub(super) fn tell(&self, step: u64, total: u64, weights: &[f64], context: &FitContext<'_>) {
        context.progress.step(step, total, &[("rmse", (self.squares(weights).max(0.0) / self.total).sqrt())]);
    }

    /// The sum of squared errors of `weights`.
    fn squares(&self, weights: &[f64]) -> f64 {
        let n = self.cols();
        let quadratic: f64 =
            (0..n).map(|i| weights[i] * (0..n).map(|j| self.gram[i * n + j] * weights[j]).sum::<f64>()).sum();
        let linear: f64 = weights.iter().zip(&self.by_target).map(|(weight, product)| weight * product).sum();
        self.target - 2.0 * linear + quadratic
    }

    /// The model with `weights`; its intercept makes the mean error 0 where there is one.
    pub(super) fn model(&self, weights: Vec<f64>) -> Model {
        let shift: f64 = weights.iter().zip(&self.means).map(|(weight, mean)| weight * mean).sum();
        let importances = importances::of_weights(&weights, &self.spreads);
        Model::Linear(Linear { weights, intercept: self.target_mean - shift, link: Link::Identity, importances })
    }
}

/// Adds the weighted products of each pair of cells of some rows to the lower half of `gram`. Each sum is fetched and put back once for
/// all of the rows, which takes longer than the products do.
fn add_products(gram: &mut [f64], rows: &[f64], weights: [f64; AT_ONCE]) {
    let cols = rows.len() / AT_ONCE;
    let row = |i: usize| &rows[i * cols..(i + 1) * cols];
    for j in 0..cols {
        let scaled: [f64; AT_ONCE] = std::array::from_fn(|i| weights[i] * row(i)[j]);
        let pairs = row(0)[..=j].iter().zip(&row(1)[..=j]).zip(row(2)[..=j].iter().zip(&row(3)[..=j]));
        for (sum, ((a, b), (c, d))) in gram[j * cols..=j * cols + j].iter_mut().zip(pairs) {
            *sum += (scaled[0] * a + scaled[1] * b) + (scaled[2] * c + scaled[3] * d);
        }
    }
}

fn means(
    features: &Matrix,
    labels: &[f64],
    row_weights: &[f64],
    total: f64,
    context: &FitContext<'_>,
) -> Result<(Vec<f64>, f64), FitError> {
    let cols = features.cols();
    let mut means = blocks::sum(labels.len(), cols + 1, context, |rows, sums| {
        for i in rows {
            let cells = features.row(i).iter().chain([&labels[i]]);
            sums.iter_mut().zip(cells).for_each(|(sum, cell)| *sum += row_weights[i] * cell);
        }
    })?;
    for sum in &mut means {
        *sum /= total;
    }
    let target_mean = means.pop().unwrap_or_default();
    Ok((means, target_mean))
}
