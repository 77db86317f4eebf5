//! Logistic regression: Newton's method on the penalised log loss.
//!
//! Minimises `sum of log losses + |w|^2 / (2 c)` over weights `w` and an intercept that is not penalised, which is
//! scikit-learn's objective divided by its `C`. The step solves `H s = g` (iteratively reweighted least squares),
//! halved until the objective does not grow.

use lineal_data::Matrix;
use rayon::prelude::*;

use super::{
    Family, FamilyDescription, FitContext, FitError, HyperparameterDescription as Description,
    HyperparameterKind as Kind, Hyperparameters, TrainingData, cholesky,
};
use crate::{Linear, Link, Model, Task, labels::check_two_classes, link::log_loss};

/// Rows are summed in blocks of this size, and blocks in their order: the sums do not depend on threads.
const BLOCK_ROWS: usize = 4096;
/// Blocks whose sums are held at the same time, which bounds memory.
const WAVE_BLOCKS: usize = 16;
/// A step is halved at most this often.
const HALVINGS: u32 = 40;

pub(super) struct LogisticRegression;

const DESCRIPTION: FamilyDescription = FamilyDescription {
    name: "logistic_regression",
    title: "Logistic regression",
    task: Task::BinaryClassification,
    hyperparameters: &[
        Description {
            name: "c",
            kind: Kind::Float { min: 1e-6, max: 1e6, default: 1.0 },
            doc: "inverse strength of the L2 penalty on the weights; smaller is stronger",
        },
        Description {
            name: "max_iterations",
            kind: Kind::Integer { min: 1, max: 10_000, default: 100 },
            doc: "most Newton steps before the fit fails",
        },
        Description {
            name: "tolerance",
            kind: Kind::Float { min: 1e-12, max: 0.1, default: 1e-8 },
            doc: "largest change of a coefficient, relative to the largest coefficient or 1, that counts as converged",
        },
        Description {
            name: "fit_intercept",
            kind: Kind::Boolean { default: true },
            doc: "whether to fit an intercept, which is not penalised",
        },
    ],
};

impl Family for LogisticRegression {
    fn describe(&self) -> FamilyDescription {
        DESCRIPTION
    }

    fn fit(
        &self,
        data: &TrainingData<'_>,
        params: &Hyperparameters,
        context: &FitContext<'_>,
    ) -> Result<Model, FitError> {
        check_two_classes(data.labels)?;
        data.check_complete()?;
        let objective = Objective {
            features: data.features,
            labels: data.labels,
            penalty: 1.0 / params.float("c")?,
            intercept: params.boolean("fit_intercept")?,
        };
        let (iterations, tolerance) = (params.integer("max_iterations")?, params.float("tolerance")?);
        let mut weights = context.on_threads(|| minimise(&objective, iterations, tolerance, context))?;
        let intercept = if objective.intercept { weights.pop().unwrap_or(0.0) } else { 0.0 };
        Ok(Model::Linear(Linear { weights, intercept, link: Link::Logit }))
    }
}

/// Newton's method from zero. The error of the last point is the square of its step, far below the tolerance.
fn minimise(
    objective: &Objective<'_>,
    iterations: usize,
    tolerance: f64,
    context: &FitContext<'_>,
) -> Result<Vec<f64>, FitError> {
    let mut point = objective.at(vec![0.0; objective.size()]);
    for iteration in 1..=iterations {
        context.check_cancelled()?;
        let step = cholesky::solve(point.curvature.clone(), point.slope.clone()).ok_or(FitError::Singular)?;
        let longest = largest(&step);
        point = objective.descend(point, &step);
        let mean_loss = point.loss / objective.labels.len() as f64;
        context.progress.step(iteration as u64, iterations as u64, &[("log_loss", mean_loss)]);
        if longest <= tolerance * largest(&point.weights).max(1.0) {
            return Ok(point.weights);
        }
    }
    Err(FitError::NotConverged { iterations })
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

/// The function to minimise. An intercept is one more weight, the last, on a column of ones.
struct Objective<'a> {
    features: &'a Matrix,
    labels: &'a [f64],
    penalty: f64,
    intercept: bool,
}

/// The function, its gradient and its Hessian (lower triangle, row-major) at `weights`.
struct Point {
    weights: Vec<f64>,
    /// Sum of log losses without the penalty.
    loss: f64,
    /// `loss` plus the penalty.
    value: f64,
    slope: Vec<f64>,
    curvature: Vec<f64>,
}

/// What a block of rows adds.
struct Sums {
    loss: f64,
    slope: Vec<f64>,
    curvature: Vec<f64>,
}

impl Objective<'_> {
    fn size(&self) -> usize {
        self.features.cols() + usize::from(self.intercept)
    }

    fn at(&self, weights: Vec<f64>) -> Point {
        let mut sums = Sums::zero(self.size());
        let blocks: Vec<usize> = (0..self.labels.len()).step_by(BLOCK_ROWS).collect();
        for wave in blocks.chunks(WAVE_BLOCKS) {
            let parts: Vec<Sums> = wave.par_iter().map(|&start| self.block(start, &weights)).collect();
            for part in &parts {
                sums.add(part);
            }
        }
        let mut value = sums.loss;
        for (j, weight) in weights.iter().enumerate().take(self.features.cols()) {
            value += self.penalty / 2.0 * weight * weight;
            sums.slope[j] += self.penalty * weight;
            sums.curvature[j * weights.len() + j] += self.penalty;
        }
        Point { loss: sums.loss, value, slope: sums.slope, curvature: sums.curvature, weights }
    }

    /// Sums over the rows from `start` to the end of its block.
    fn block(&self, start: usize, weights: &[f64]) -> Sums {
        let size = self.size();
        let mut sums = Sums::zero(size);
        let mut row = vec![1.0; size];
        for i in start..self.labels.len().min(start + BLOCK_ROWS) {
            row[..self.features.cols()].copy_from_slice(self.features.row(i));
            let margin = row.iter().zip(weights).map(|(x, w)| x * w).sum();
            // `p - label` and `p (1 - p)`, without subtracting from 1: far from the boundary nothing would be left.
            let away = 1.0 - 2.0 * self.labels[i];
            let residual = away * Link::Logit.score(away * margin);
            let weight = Link::Logit.score(margin) * Link::Logit.score(-margin);
            sums.loss += log_loss(margin, self.labels[i]);
            for j in 0..size {
                sums.slope[j] += residual * row[j];
                let scaled = weight * row[j];
                for (sum, x) in sums.curvature[j * size..=j * size + j].iter_mut().zip(&row) {
                    *sum += scaled * x;
                }
            }
        }
        sums
    }

    /// The point one Newton step further, or a fraction of the step if all of it leads uphill.
    fn descend(&self, from: Point, step: &[f64]) -> Point {
        // Close to the minimum the objective is flat to the last bits.
        let ceiling = from.value + 1e-12 * from.value.abs();
        let mut scale = 1.0;
        for _ in 0..HALVINGS {
            let there = self.at(from.weights.iter().zip(step).map(|(w, s)| w - scale * s).collect());
            if there.value <= ceiling {
                return there;
            }
            scale /= 2.0;
        }
        from
    }
}

impl Sums {
    fn zero(size: usize) -> Self {
        Self { loss: 0.0, slope: vec![0.0; size], curvature: vec![0.0; size * size] }
    }

    fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.slope.iter_mut().zip(&other.slope).for_each(|(sum, part)| *sum += part);
        self.curvature.iter_mut().zip(&other.curvature).for_each(|(sum, part)| *sum += part);
    }
}
