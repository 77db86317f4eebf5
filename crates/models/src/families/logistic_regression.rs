//! Logistic regression: Newton's method on the penalised log loss, of two classes or of several (multinomial).
//!
//! Minimises `sum of weight * log loss + |w|^2 / (2 c)` over weights `w` and intercepts that are not penalised, which is
//! scikit-learn's objective divided by its `C`. Of several classes each has its own weights; their intercepts sum to 0.

use super::{
    Family, FamilyDescription, FitContext, FitError, HyperparameterDescription as Description,
    HyperparameterKind as Kind, Hyperparameters, TrainingData, importances,
    newton::{Coefficients, FIT_INTERCEPT, Loss, MAX_ITERATIONS, Objective, TOLERANCE},
    weights,
};
use crate::{
    Linear, Link, Model, Softmax, Task,
    link::{log_loss, multiclass_loss, softmax},
};

pub(super) struct LogisticRegression;

const DESCRIPTION: FamilyDescription = FamilyDescription {
    name: "logistic_regression",
    title: "Logistic regression",
    tasks: &[Task::BinaryClassification, Task::MulticlassClassification],
    hyperparameters: &[
        Description {
            name: "c",
            kind: Kind::Float { min: 1e-6, max: 1e6, default: 1.0 },
            doc: "inverse strength of the L2 penalty on the weights; smaller is stronger",
        },
        weights::CLASS_WEIGHT,
        MAX_ITERATIONS,
        TOLERANCE,
        FIT_INTERCEPT,
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
        let classes = data.check_labels(&DESCRIPTION)?;
        data.check_complete()?;
        let row_weights = weights::with_classes(data, classes, params)?;
        let spreads = importances::spreads(data.features, &row_weights);
        let linear = |Coefficients { weights, intercept }, link| {
            let importances = importances::of_weights(&weights, &spreads);
            Linear { weights, intercept, link, importances }
        };
        if data.task == Task::BinaryClassification {
            let fitted = minimise(data, TwoClasses { labels: data.labels }, &row_weights, params, context)?;
            let only = fitted.into_iter().next().ok_or(FitError::Singular)?;
            return Ok(Model::Linear(linear(only, Link::Logit)));
        }
        let fitted = minimise(data, Classes { labels: data.labels, classes }, &row_weights, params, context)?;
        let members = fitted.into_iter().map(|one| Model::Linear(linear(one, Link::Identity)));
        Ok(Model::Softmax(Softmax::new(members.collect())))
    }
}

fn minimise<L: Loss>(
    data: &TrainingData<'_>,
    loss: L,
    row_weights: &[f64],
    params: &Hyperparameters,
    context: &FitContext<'_>,
) -> Result<Vec<Coefficients>, FitError> {
    let (penalty, intercept) = (1.0 / params.float("c")?, params.boolean("fit_intercept")?);
    let objective = Objective { features: data.features, loss, row_weights, penalty, intercept };
    context.on_threads(|| objective.minimise(0.0, params, context))
}

struct TwoClasses<'a> {
    labels: &'a [f64],
}

impl Loss for TwoClasses<'_> {
    const METRIC: &'static str = "log_loss";

    fn margins(&self) -> usize {
        1
    }

    fn at(&self, row: usize, margins: &[f64], slope: &mut [f64], curvature: &mut [f64]) -> f64 {
        let (margin, label) = (margins[0], self.labels[row]);
        // `p - label` and `p (1 - p)`, without subtracting from 1: far from the boundary nothing would be left.
        let away = 1.0 - 2.0 * label;
        slope[0] = away * Link::Logit.score(away * margin);
        curvature[0] = Link::Logit.score(margin) * Link::Logit.score(-margin);
        log_loss(margin, label)
    }

    fn explain(&self, loss: f64, error: FitError) -> FitError {
        separable_or(loss, error)
    }
}

struct Classes<'a> {
    labels: &'a [f64],
    classes: usize,
}

impl Loss for Classes<'_> {
    const METRIC: &'static str = "log_loss";

    fn margins(&self) -> usize {
        self.classes
    }

    fn at(&self, row: usize, margins: &[f64], slope: &mut [f64], curvature: &mut [f64]) -> f64 {
        let class = self.labels[row] as usize;
        slope.copy_from_slice(margins);
        softmax(slope);
        for a in 0..self.classes {
            for b in 0..=a {
                curvature[a * self.classes + b] = slope[a] * (f64::from(a == b) - slope[b]);
            }
        }
        slope[class] -= 1.0;
        multiclass_loss(margins, class)
    }

    fn explain(&self, loss: f64, error: FitError) -> FitError {
        separable_or(loss, error)
    }
}

/// A row that is given the wrong class alone has a loss of ln 2.
fn separable_or(loss: f64, error: FitError) -> FitError {
    if loss < std::f64::consts::LN_2 { FitError::Separable } else { error }
}
