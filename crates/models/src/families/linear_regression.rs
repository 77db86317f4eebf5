//! Linear regression: ordinary least squares, by Cholesky factorisation of the columns' correlations.

use super::{
    Family, FamilyDescription, FitContext, FitError, Hyperparameters, TrainingData, cholesky, least_squares::Moments,
    newton::FIT_INTERCEPT,
};
use crate::{Model, Task};

pub(super) struct LinearRegression;

const DESCRIPTION: FamilyDescription = FamilyDescription {
    name: "linear_regression",
    title: "Linear regression",
    tasks: &[Task::Regression],
    hyperparameters: &[FIT_INTERCEPT],
};

impl Family for LinearRegression {
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
        let (rows, cols) = (data.labels.len(), data.features.cols());
        let needed = cols + usize::from(params.boolean("fit_intercept")?);
        if rows < needed {
            return Err(FitError::FewRows { rows, needed });
        }
        let moments = context.on_threads(|| Moments::new(data, params, context))?;
        let norms = moments.norms();
        // A column that the ones before it determine adds nothing; its weight is 0, as in R.
        let correlation = |i: usize, j: usize| moments.gram[i * cols + j] / (norms[i] * norms[j]);
        let kept = cholesky::independent(cols, |i| norms[i] > 0.0, correlation);
        let matrix = kept.iter().flat_map(|&i| kept.iter().map(move |&j| (i, j))).map(|(i, j)| correlation(i, j));
        let right = kept.iter().map(|&i| moments.by_target[i] / norms[i]).collect();
        let solution = cholesky::solve(matrix.collect(), right).ok_or(FitError::Singular)?;
        let mut weights = vec![0.0; cols];
        for (&column, value) in kept.iter().zip(solution) {
            weights[column] = value / norms[column];
        }
        moments.tell(1, 1, &weights, context);
        Ok(moments.model(weights))
    }
}
