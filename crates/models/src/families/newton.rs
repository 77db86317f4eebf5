//! Newton's method on a penalised sum of losses, for the families whose rows have margins that are weighted sums.
//!
//! Minimises `sum of weight * loss + penalty * |w|^2 / 2` over weights `w` and intercepts that are not penalised. The
//! step solves `H s = g` (iteratively reweighted least squares), halved until the objective does not grow.

use lineal_data::Matrix;

use super::{
    FitContext, FitError, HyperparameterDescription as Description, HyperparameterKind as Kind, Hyperparameters,
    blocks, cholesky,
};

/// A step is halved at most this often.
const HALVINGS: u32 = 40;
/// Most coefficients: their Hessian takes 8 bytes for each pair.
const MAX_COEFFICIENTS: usize = 2000;

pub(super) const MAX_ITERATIONS: Description = Description {
    name: "max_iterations",
    kind: Kind::Integer { min: 1, max: 10_000, default: 100 },
    doc: "most Newton steps before the fit fails",
};
pub(super) const TOLERANCE: Description = Description {
    name: "tolerance",
    kind: Kind::Float { min: 1e-12, max: 0.1, default: 1e-8 },
    doc: "largest change of a coefficient, relative to the largest coefficient or 1, that counts as converged",
};
pub(super) const FIT_INTERCEPT: Description = Description {
    name: "fit_intercept",
    kind: Kind::Boolean { default: true },
    doc: "whether to fit an intercept, which is not penalised",
};

/// What is minimised, row by row.
pub(super) trait Loss: Sync {
    /// What progress calls the mean loss.
    const METRIC: &'static str;

    /// How many margins a row has.
    fn margins(&self) -> usize;

    /// The loss of `row` at `margins`. Sets its derivatives by each margin, `slope`, and by each pair of margins,
    /// `curvature` (the lower triangle, row-major).
    fn at(&self, row: usize, margins: &[f64], slope: &mut [f64], curvature: &mut [f64]) -> f64;

    /// Why a fit whose sum of losses came down to `loss` failed, if this says more than `error`.
    fn explain(&self, loss: f64, error: FitError) -> FitError;
}

/// The function to minimise. An intercept is one more weight, the last, on a column of ones.
pub(super) struct Objective<'a, L> {
    pub(super) features: &'a Matrix,
    pub(super) loss: L,
    /// How much each row counts.
    pub(super) row_weights: &'a [f64],
    pub(super) penalty: f64,
    pub(super) intercept: bool,
}

/// The weights of one margin.
pub(super) struct Coefficients {
    pub(super) weights: Vec<f64>,
    /// 0 without an intercept.
    pub(super) intercept: f64,
}

/// The function, its gradient and its Hessian (lower triangle, row-major) at `weights`.
struct Point {
    weights: Vec<f64>,
    /// Sum of losses without the penalty.
    loss: f64,
    /// `loss` plus the penalty.
    value: f64,
    slope: Vec<f64>,
    curvature: Vec<f64>,
}

impl<L: Loss> Objective<'_, L> {
    /// The minimum, one entry for each margin, found from all weights 0 and `start` as every intercept. The error of the
    /// last point is the square of its step, far below the tolerance.
    ///
    /// # Errors
    /// [`FitError::ManyCoefficients`], [`FitError::Singular`], [`FitError::NotConverged`], [`FitError::Cancelled`].
    pub(super) fn minimise(
        &self,
        start: f64,
        params: &Hyperparameters,
        context: &FitContext<'_>,
    ) -> Result<Vec<Coefficients>, FitError> {
        let (iterations, tolerance) = (params.integer("max_iterations")?, params.float("tolerance")?);
        let (size, total): (_, f64) = (self.size(), self.row_weights.iter().sum());
        let coefficients = size * self.loss.margins();
        if coefficients > MAX_COEFFICIENTS {
            return Err(FitError::ManyCoefficients { coefficients, limit: MAX_COEFFICIENTS });
        }
        let mut weights = vec![0.0; coefficients];
        if self.intercept {
            weights.iter_mut().skip(size - 1).step_by(size).for_each(|intercept| *intercept = start);
        }
        let mut point = self.at(weights, context)?;
        for iteration in 1..=iterations {
            let step = cholesky::solve(point.curvature.clone(), point.slope.clone());
            let step = step.ok_or_else(|| self.loss.explain(point.loss, FitError::Singular))?;
            let longest = largest(&step);
            point = self.descend(point, &step, context)?;
            context.progress.step(iteration as u64, iterations as u64, &[(L::METRIC, point.loss / total)]);
            if longest <= tolerance * largest(&point.weights).max(1.0) {
                return Ok(point.weights.chunks_exact(size).map(|weights| self.coefficients(weights)).collect());
            }
        }
        Err(self.loss.explain(point.loss, FitError::NotConverged { iterations }))
    }

    fn coefficients(&self, weights: &[f64]) -> Coefficients {
        let (weights, intercept) = weights.split_at(self.features.cols());
        Coefficients { weights: weights.to_vec(), intercept: intercept.first().copied().unwrap_or(0.0) }
    }

    /// Weights of one margin.
    fn size(&self) -> usize {
        self.features.cols() + usize::from(self.intercept)
    }

    fn at(&self, weights: Vec<f64>, context: &FitContext<'_>) -> Result<Point, FitError> {
        let n = weights.len();
        let numbers = 1 + n + n * n;
        let mut sums = blocks::sum(self.row_weights.len(), numbers, context, |rows, sums| {
            let (loss, sums) = sums.split_at_mut(1);
            let (slope, curvature) = sums.split_at_mut(n);
            loss[0] = self.block(rows, &weights, slope, curvature);
        })?;
        let curvature = sums.split_off(1 + n);
        let slope = sums.split_off(1);
        let mut point = Point { loss: sums[0], value: sums[0], slope, curvature, weights };
        self.penalise(&mut point);
        if self.loss.margins() > 1 {
            self.anchor(&mut point);
        }
        Ok(point)
    }

    /// Adds rows to `slope` and `curvature`, and returns their loss.
    fn block(&self, rows: std::ops::Range<usize>, weights: &[f64], slope: &mut [f64], curvature: &mut [f64]) -> f64 {
        let (size, count, n) = (self.size(), self.loss.margins(), weights.len());
        let (mut row, mut margins) = (vec![1.0; size], vec![0.0; count]);
        let (mut by_margin, mut by_pair) = (vec![0.0; count], vec![0.0; count * count]);
        let mut loss = 0.0;
        for i in rows {
            row[..self.features.cols()].copy_from_slice(self.features.row(i));
            for (margin, weights) in margins.iter_mut().zip(weights.chunks_exact(size)) {
                *margin = row.iter().zip(weights).map(|(x, w)| x * w).sum();
            }
            let counts = self.row_weights[i];
            loss += counts * self.loss.at(i, &margins, &mut by_margin, &mut by_pair);
            for a in 0..count {
                let residual = counts * by_margin[a];
                for j in 0..size {
                    slope[a * size + j] += residual * row[j];
                    let line = &mut curvature[(a * size + j) * n..][..n];
                    for b in 0..=a {
                        let scaled = counts * by_pair[a * count + b] * row[j];
                        let end = if a == b { j + 1 } else { size };
                        line[b * size..][..end].iter_mut().zip(&row).for_each(|(sum, x)| *sum += scaled * x);
                    }
                }
            }
        }
        loss
    }

    fn penalise(&self, point: &mut Point) {
        let (size, n) = (self.size(), point.weights.len());
        for (i, weight) in point.weights.iter().enumerate() {
            if i % size < self.features.cols() {
                point.value += self.penalty / 2.0 * weight * weight;
                point.slope[i] += self.penalty * weight;
                point.curvature[i * n + i] += self.penalty;
            }
        }
    }

    /// Adding the same to all margins of a row changes nothing, so their coefficients are pinned: those of one column
    /// sum to 0. With a penalty they do so anyway, but without a curvature that says so, intercepts have none.
    fn anchor(&self, point: &mut Point) {
        let (size, n) = (self.size(), point.weights.len());
        let strength = 1.0 + self.penalty;
        for j in 0..size {
            let same_column = || (j..n).step_by(size);
            let sum: f64 = same_column().map(|i| point.weights[i]).sum();
            point.value += strength / 2.0 * sum * sum;
            for i in same_column() {
                point.slope[i] += strength * sum;
                for k in same_column().take_while(|k| *k <= i) {
                    point.curvature[i * n + k] += strength;
                }
            }
        }
    }

    /// The point one Newton step further, or a fraction of the step if all of it leads uphill.
    fn descend(&self, from: Point, step: &[f64], context: &FitContext<'_>) -> Result<Point, FitError> {
        // Close to the minimum the objective is flat to the last bits.
        let ceiling = from.value + 1e-12 * from.value.abs();
        let mut scale = 1.0;
        for _ in 0..HALVINGS {
            let there = self.at(from.weights.iter().zip(step).map(|(w, s)| w - scale * s).collect(), context)?;
            if there.value <= ceiling {
                return Ok(there);
            }
            scale /= 2.0;
        }
        Ok(from)
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}
