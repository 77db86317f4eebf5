//! Poisson regression: counts whose logarithm is expected to be a weighted sum.
//!
//! Minimises `sum of weight * half deviance / sum of weights + alpha * |w|^2 / 2` over weights `w` and an intercept that
//! is not penalised, which is scikit-learn's `PoissonRegressor`. For counts over unequal exposures the targets are counts
//! per unit and the row weights are the exposures: the same minimum as with the logarithm of the exposure as an offset.

use super::{
    Family, FamilyDescription, FitContext, FitError, HyperparameterDescription as Description,
    HyperparameterKind as Kind, Hyperparameters, TrainingData, importances,
    newton::{FIT_INTERCEPT, Loss, MAX_ITERATIONS, Objective, TOLERANCE},
    weights,
};
use crate::{Linear, Link, Model, Task, labels::check_counts, link::half_deviance};

pub(super) struct PoissonRegression;

const DESCRIPTION: FamilyDescription = FamilyDescription {
    name: "poisson_regression",
    title: "Poisson regression",
    tasks: &[Task::Count, Task::Regression],
    hyperparameters: &[
        Description {
            name: "alpha",
            kind: Kind::Float { min: 0.0, max: 1e6, default: 1.0 },
            doc: "strength of the L2 penalty on the weights",
        },
        MAX_ITERATIONS,
        TOLERANCE,
        FIT_INTERCEPT,
    ],
};

impl Family for PoissonRegression {
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
        check_counts(data.labels)?;
        data.check_complete()?;
        let row_weights = weights::of(data);
        let total: f64 = row_weights.iter().sum();
        let objective = Objective {
            features: data.features,
            loss: Counts { counts: data.labels },
            row_weights: &row_weights,
            penalty: params.float("alpha")? * total,
            intercept: params.boolean("fit_intercept")?,
        };
        let weighted: f64 = data.labels.iter().zip(&row_weights).map(|(count, weight)| count * weight).sum();
        // With no counts where the weights are there is no mean to start from, and no minimum to find.
        let start = if weighted > 0.0 { (weighted / total).ln() } else { return Err(FitError::NoCounts) };
        let fitted = context.on_threads(|| objective.minimise(start, params, context))?;
        let only = fitted.into_iter().next().ok_or(FitError::Singular)?;
        let spreads = importances::spreads(data.features, &row_weights);
        let importances = importances::of_weights(&only.weights, &spreads);
        Ok(Model::Linear(Linear { weights: only.weights, intercept: only.intercept, link: Link::Log, importances }))
    }
}

struct Counts<'a> {
    counts: &'a [f64],
}

impl Loss for Counts<'_> {
    const METRIC: &'static str = "half_deviance";

    fn margins(&self) -> usize {
        1
    }

    fn at(&self, row: usize, margins: &[f64], slope: &mut [f64], curvature: &mut [f64]) -> f64 {
        let (margin, count) = (margins[0], self.counts[row]);
        curvature[0] = margin.exp();
        slope[0] = curvature[0] - count;
        half_deviance(margin, count)
    }

    fn explain(&self, _: f64, error: FitError) -> FitError {
        error
    }
}
