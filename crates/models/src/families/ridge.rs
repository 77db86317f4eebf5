//! Ridge regression: least squares with an L2 penalty.
//!
//! Minimises `sum of weight * squared error + alpha * |w|^2`, scikit-learn's `Ridge`. The intercept is not penalised.

use super::{
    Family, FamilyDescription, FitContext, FitError, HyperparameterDescription as Description,
    HyperparameterKind as Kind, Hyperparameters, TrainingData, cholesky, least_squares::Moments, newton::FIT_INTERCEPT,
};
use crate::{Model, Task};

pub(super) struct Ridge;

const DESCRIPTION: FamilyDescription = FamilyDescription {
    name: "ridge",
    title: "Ridge regression",
    tasks: &[Task::Regression],
    hyperparameters: &[
        Description {
            name: "alpha",
            kind: Kind::Float { min: 1e-9, max: 1e9, default: 1.0 },
            doc: "strength of the L2 penalty on the weights",
        },
        FIT_INTERCEPT,
    ],
};

impl Family for Ridge {
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
        let alpha = params.float("alpha")?;
        let moments = context.on_threads(|| Moments::new(data, params, context))?;
        let cols = moments.cols();
        // Scaled to ones on the diagonal: columns of different units do not cost digits.
        let scales: Vec<f64> = (0..cols).map(|j| (moments.gram[j * cols + j] + alpha).sqrt()).collect();
        let mut matrix = moments.gram.clone();
        for i in 0..cols {
            matrix[i * cols + i] += alpha;
            for j in 0..cols {
                matrix[i * cols + j] /= scales[i] * scales[j];
            }
        }
        let right = moments.by_target.iter().zip(&scales).map(|(product, scale)| product / scale).collect();
        let mut weights = cholesky::solve(matrix, right).ok_or(FitError::Singular)?;
        weights.iter_mut().zip(&scales).for_each(|(weight, scale)| *weight /= scale);
        moments.tell(1, 1, &weights, context);
        Ok(moments.model(weights))
    }
}
