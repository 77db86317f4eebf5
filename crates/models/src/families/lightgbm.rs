//! LightGBM, by its own library.

use lineal_native::Search;

use super::{
    Family, FamilyDescription, FitContext, FitError, HyperparameterDescription as Description,
    HyperparameterKind as Kind, Hyperparameters, TrainingData, boosting,
    native::{self, Lazy, Order},
    objective::Objective,
    weights,
};
use crate::{Model, Task};

/// LightGBM, loaded once it is needed.
pub(super) struct LightGbm {
    library: Lazy<lineal_native::LightGbm>,
}

const DESCRIPTION: FamilyDescription = FamilyDescription {
    name: "lightgbm",
    title: "LightGBM",
    tasks: &[Task::BinaryClassification, Task::MulticlassClassification, Task::Regression],
    hyperparameters: &[
        boosting::ROUNDS,
        Description {
            name: "learning_rate",
            kind: Kind::Float { min: 1e-4, max: 1.0, default: 0.1 },
            doc: "factor on every leaf; smaller learns slower and needs more rounds",
        },
        Description {
            name: "num_leaves",
            kind: Kind::Integer { min: 2, max: 131_072, default: 31 },
            doc: "most leaves of a tree",
        },
        Description {
            name: "max_depth",
            kind: Kind::Integer { min: 0, max: 1000, default: 0 },
            doc: "most splits on the way from the root to a leaf; 0: as many as the leaves allow",
        },
        Description {
            name: "min_data_in_leaf",
            kind: Kind::Integer { min: 1, max: 1_000_000, default: 20 },
            doc: "least number of rows of a leaf",
        },
        Description {
            name: "lambda_l1",
            kind: Kind::Float { min: 0.0, max: 1e6, default: 0.0 },
            doc: "L1 penalty on the leaves",
        },
        Description {
            name: "lambda_l2",
            kind: Kind::Float { min: 0.0, max: 1e6, default: 0.0 },
            doc: "L2 penalty on the leaves",
        },
        Description {
            name: "feature_fraction",
            kind: Kind::Float { min: 0.01, max: 1.0, default: 1.0 },
            doc: "share of features that each tree may split, drawn by the seed",
        },
        Description {
            name: "bagging_fraction",
            kind: Kind::Float { min: 0.01, max: 1.0, default: 1.0 },
            doc: "share of rows that each tree is grown on, drawn by the seed",
        },
        Description {
            name: "max_bin",
            kind: Kind::Integer { min: 2, max: 65_535, default: 255 },
            doc: "values per feature that a split can fall between",
        },
        native::REGRESSION_OBJECTIVE,
        boosting::EARLY_STOPPING_ROUNDS,
        weights::CLASS_WEIGHT,
    ],
};

impl LightGbm {
    /// The library, looked for where `search` says.
    pub(super) const fn new(search: Search) -> Self {
        Self { library: Lazy::new(search, lineal_native::LightGbm::open) }
    }
}

impl Family for LightGbm {
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
            Objective::LogLoss => ("binary", "binary_logloss"),
            Objective::Multiclass(_) => ("multiclass", "multi_logloss"),
            Objective::Squared => ("regression", "rmse"),
            Objective::Poisson => ("poisson", "poisson"),
        };
        let mut parameters = vec![
            ("objective", objective.to_owned()),
            ("metric", metric.to_owned()),
            ("num_class", if let Objective::Multiclass(classes) = order.objective { classes } else { 1 }.to_string()),
            ("deterministic", "true".to_owned()),
            ("force_row_wise", "true".to_owned()),
            ("bagging_freq", "1".to_owned()),
            ("seed", native::seed(context)),
            ("num_threads", context.threads.max(1).to_string()),
        ];
        for name in [
            "learning_rate",
            "num_leaves",
            "max_depth",
            "min_data_in_leaf",
            "lambda_l1",
            "lambda_l2",
            "feature_fraction",
            "bagging_fraction",
            "max_bin",
        ] {
            parameters.push((name, native::told(params, name)?));
        }
        order.run(&parameters, context, |fit, follow| library.fit(fit, follow))
    }
}
