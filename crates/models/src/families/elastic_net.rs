//! Elastic net: least squares with an L1 and an L2 penalty, by coordinate descent on the Gram matrix.
//!
//! Minimises the mean of `weight * squared error / 2`, by the weights of the rows, with the penalties
//! `alpha * l1_ratio * |w|_1` and `alpha * (1 - l1_ratio) / 2 * |w|^2`: scikit-learn's `ElasticNet`. The intercept is not
//! penalised. A step is equation 5 of Friedman, Hastie and Tibshirani, Regularization paths for generalized linear models
//! via coordinate descent (2010).

use super::{
    Family, FamilyDescription, FitContext, FitError, HyperparameterDescription as Description,
    HyperparameterKind as Kind, Hyperparameters, TrainingData, least_squares::Moments, newton::FIT_INTERCEPT,
};
use crate::{Model, Task};

pub(super) struct ElasticNet;

const DESCRIPTION: FamilyDescription = FamilyDescription {
    name: "elastic_net",
    title: "Elastic net",
    tasks: &[Task::Regression],
    hyperparameters: &[
        Description {
            name: "alpha",
            kind: Kind::Float { min: 1e-9, max: 1e9, default: 1.0 },
            doc: "strength of both penalties on the weights",
        },
        Description {
            name: "l1_ratio",
            kind: Kind::Float { min: 0.0, max: 1.0, default: 0.5 },
            doc: "share of the L1 penalty; 1 is the lasso, 0 is ridge regression with `alpha` times the sum of weights",
        },
        Description {
            name: "max_iterations",
            kind: Kind::Integer { min: 1, max: 1_000_000, default: 100_000 },
            doc: "most sweeps over all weights before the fit fails",
        },
        Description {
            name: "tolerance",
            kind: Kind::Float { min: 1e-14, max: 0.1, default: 1e-10 },
            doc: "largest violation of the conditions of a minimum, relative to the largest one at weights 0",
        },
        FIT_INTERCEPT,
    ],
};

impl Family for ElasticNet {
    fn describe(&self) -> FamilyDescription {
        DESCRIPTION
    }

    fn fit(
        &self,
        data: &TrainingData<'_>,
        params: &Hyperparameters,
        context: &FitContext<'_>,
    ) -> Result<Model, FitError> {
        data.check_labels(&DESCRIPTION)?;
        data.check_complete()?;
        let (alpha, l1_ratio) = (params.float("alpha")?, params.float("l1_ratio")?);
        let (iterations, tolerance) = (params.integer("max_iterations")?, params.float("tolerance")?);
        let moments = context.on_threads(|| Moments::new(data, params, context))?;
        let mut descent = Descent::new(&moments, alpha * l1_ratio, alpha * (1.0 - l1_ratio));
        let allowed = tolerance * descent.violation();
        for sweep in 1..=iterations {
            context.check_cancelled()?;
            descent.sweep();
            let weights = descent.weights();
            moments.tell(sweep as u64, iterations as u64, &weights, context);
            if descent.violation() <= allowed {
                return Ok(moments.model(weights));
            }
        }
        Err(FitError::NotConverged { iterations })
    }
}

/// Weights on their way to the minimum, of columns scaled to a mean square of 1.
struct Descent {
    /// Correlations of each pair of columns; 0 for a constant column.
    gram: Vec<f64>,
    /// Per column the negative derivative of the squared errors.
    slopes: Vec<f64>,
    scaled: Vec<f64>,
    norms: Vec<f64>,
    /// Per column the penalties, in its scale.
    l1: Vec<f64>,
    l2: Vec<f64>,
}

impl Descent {
    fn new(moments: &Moments, l1: f64, l2: f64) -> Self {
        let n = moments.cols();
        let norms: Vec<f64> = moments.norms().iter().map(|norm| norm / moments.total.sqrt()).collect();
        let scale = |value: f64, norm: f64| if norm > 0.0 { value / (moments.total * norm) } else { 0.0 };
        let gram = (0..n * n).map(|k| scale(moments.gram[k], norms[k / n] * norms[k % n])).collect();
        let slopes = moments.by_target.iter().zip(&norms).map(|(product, norm)| scale(*product, *norm)).collect();
        let per = |penalty: f64, norm: f64| if norm > 0.0 { penalty / norm } else { 0.0 };
        let (l1, l2) = norms.iter().map(|&norm| (per(l1, norm), per(per(l2, norm), norm))).unzip();
        Self { gram, slopes, scaled: vec![0.0; n], norms, l1, l2 }
    }

    /// Moves every weight to the minimum along its own axis.
    fn sweep(&mut self) {
        let n = self.scaled.len();
        for j in (0..n).filter(|j| self.norms[*j] > 0.0) {
            let before = self.scaled[j];
            let pull = self.slopes[j] + before;
            let after = pull.signum() * (pull.abs() - self.l1[j]).max(0.0) / (1.0 + self.l2[j]);
            if (after - before).abs() > 0.0 {
                self.scaled[j] = after;
                for (slope, entry) in self.slopes.iter_mut().zip(&self.gram[j * n..(j + 1) * n]) {
                    *slope -= (after - before) * entry;
                }
            }
        }
    }

    /// How far the derivatives are from what they are at the minimum, at the worst column.
    fn violation(&self) -> f64 {
        let at = |j: usize| {
            let rest = self.slopes[j] - self.l2[j] * self.scaled[j];
            if self.scaled[j] == 0.0 {
                (rest.abs() - self.l1[j]).max(0.0)
            } else {
                (rest - self.l1[j] * self.scaled[j].signum()).abs()
            }
        };
        (0..self.scaled.len()).map(at).fold(0.0, f64::max)
    }

    /// The weights of the columns as they came.
    fn weights(&self) -> Vec<f64> {
        let unscale = |(value, norm): (&f64, &f64)| if *norm > 0.0 { value / norm } else { 0.0 };
        self.scaled.iter().zip(&self.norms).map(unscale).collect()
    }
}
