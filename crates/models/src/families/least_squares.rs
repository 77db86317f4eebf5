//! The sums that every linear family with squared errors is fitted from, and what they have in common.
//!
//! Columns and target are centred at their weighted means, which is what an intercept without a penalty does, and then
//! all the fit needs of the rows is their Gram matrix.

use super::{FitContext, FitError, Hyperparameters, TrainingData, importances, scatter::Scatter, weights};
use crate::{Linear, Link, Model};

/// Most columns: the Gram matrix takes 8 bytes for each pair.
const MAX_COLUMNS: usize = 4000;

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
        let (features, cols) = (data.features, data.features.cols());
        if cols > MAX_COLUMNS {
            return Err(FitError::ManyCoefficients { coefficients: cols, limit: MAX_COLUMNS });
        }
        let mut scatter = Scatter::new(features, data.labels, &weights::of(data), context)?;
        let (total, width) = (scatter.weight, cols + 1);
        let spreads = (0..cols).map(|j| (scatter.products[j * width + j] / total).sqrt()).collect();
        if !params.boolean("fit_intercept")? {
            scatter = scatter.about_zero();
        }
        let Scatter { mut means, mut products, .. } = scatter;
        let target_mean = means.pop().unwrap_or_default();
        let target = products.pop().unwrap_or_default();
        let by_target = products.split_off(cols * width);
        let gram =
            (0..cols * cols).map(|at| (at / cols, at % cols)).map(|(i, j)| products[i.max(j) * width + i.min(j)]);
        Ok(Self { total, gram: gram.collect(), by_target, target, means, target_mean, spreads })
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
