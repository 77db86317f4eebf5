//! XGBoost, by its own library.

use lineal_native::Search;

use super::{
    Family, FamilyDescription, FitContext, FitError, HyperparameterDescription as Description,
    HyperparameterKind as Kind, Hyperparameters, TrainingData, boosting,
    native::{self, Lazy, Order},
    objective::Objective,
    weights,
};
use crate::{Model, Task};

/// XGBoost, loaded once it is needed.
pub(super) struct XgBoost {
    library: Lazy<lineal_native::XgBoost>,
}

const DESCRIPTION: FamilyDescription = FamilyDescription {
    name: "xgboost",
    title: "XGBoost",
    tasks: &[Task::BinaryClassification, Task::MulticlassClassification, Task::Regression],
    hyperparameters: &[
        boosting::ROUNDS,
        Description {
            name: "learning_rate",
            kind: Kind::Float { min: 1e-4, max: 1.0, default: 0.3 },
            doc: "factor on every leaf; smaller learns slower and needs more rounds",
        },
        Description {
            name: "max_depth",
            kind: Kind::Integer { min: 1, max: 32, default: 6 },
            doc: "most splits on the way from the root to a leaf",
        },
        Description {
            name: "min_child_weight",
            kind: Kind::Float { min: 0.0, max: 1e6, default: 1.0 },
            doc: "least sum over the rows of a leaf: of p (1 - p) for classes, of 1 for numbers, of the expected count",
        },
        Description {
            name: "gamma",
            kind: Kind::Float { min: 0.0, max: 1e6, default: 0.0 },
            doc: "least gain of a split",
        },
        Description {
            name: "alpha",
            kind: Kind::Float { min: 0.0, max: 1e6, default: 0.0 },
            doc: "L1 penalty on the leaves",
        },
        Description {
            name: "lambda",
            kind: Kind::Float { min: 0.0, max: 1e6, default: 1.0 },
            doc: "L2 penalty on the leaves",
        },
        Description {
            name: "colsample_bytree",
            kind: Kind::Float { min: 0.01, max: 1.0, default: 1.0 },
            doc: "share of features that each tree may split, drawn by the seed",
        },
        Description {
            name: "subsample",
            kind: Kind::Float { min: 0.01, max: 1.0, default: 1.0 },
            doc: "share of rows that each tree is grown on, drawn by the seed",
        },
        Description {
            name: "max_bin",
            kind: Kind::Integer { min: 2, max: 65_535, default: 256 },
            doc: "values per feature that a split can fall between",
        },
        native::REGRESSION_OBJECTIVE,
        boosting::EARLY_STOPPING_ROUNDS,
        weights::CLASS_WEIGHT,
    ],
};

impl XgBoost {
    /// The library, looked for where `search` says.
    pub(super) const fn new(search: Search) -> Self {
        Self { library: Lazy::new(search, lineal_native::XgBoost::open) }
    }
}

impl Family for XgBoost {
    fn describe(&self) -> FamilyDescription {
        DESCRIPTION
    }

    fn check_available(&self) -> Result<(), FitError> {
        self.library.get().map(drop)
    }

    fn fit(
        &self,
        data: &TrainingData<'_>,
        params: &Hyperparameters,
        context: &FitContext<'_>,
    ) -> Result<Model, FitError> {
        let library = self.library.get()?;
        let order = Order::new(data, data.check_labels(&DESCRIPTION)?, params)?;
        let (objective, metric) = match order.objective {
            Objective::LogLoss => ("binary:logistic", "logloss"),
            Objective::Multiclass(_) => ("multi:softprob", "mlogloss"),
            Objective::Squared => ("reg:squarederror", "rmse"),
            Objective::Poisson => ("count:poisson", "poisson-nloglik"),
        };
        let mut parameters = vec![
            ("objective", objective.to_owned()),
            ("eval_metric", metric.to_owned()),
            ("tree_method", "hist".to_owned()),
            ("seed", native::seed(context)),
            ("nthread", context.threads.max(1).to_string()),
        ];
        if let Objective::Multiclass(classes) = order.objective {
            parameters.push(("num_class", classes.to_string()));
        }
        for name in [
            "learning_rate",
            "max_depth",
            "min_child_weight",
            "gamma",
            "alpha",
            "lambda",
            "colsample_bytree",
            "subsample",
            "max_bin",
        ] {
            parameters.push((name, native::told(params, name)?));
        }
        order.run(&parameters, context, |fit, follow| library.fit(fit, follow))
    }
}
