//! What is fitted, and the Python class that does the same.

use lineal_models::{Metric, Task};

/// What a model predicts about a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// Whether it arrives more than a quarter of an hour late.
    Late,
    /// How many minutes late it arrives, less than 0 if it is early.
    Delay,
    /// How many minutes late it arrives, 0 if it is early.
    Minutes,
}

impl Label {
    pub(super) const ALL: [Self; 3] = [Self::Late, Self::Delay, Self::Minutes];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Delay => "delay",
            Self::Minutes => "minutes",
        }
    }

    /// The file of these labels in the folder of a part.
    pub(super) fn file(self) -> String {
        format!("{}.f64", self.name())
    }

    /// By the minutes between schedule and arrival.
    pub(super) fn of(self, delay: f64) -> f64 {
        match self {
            Self::Late => f64::from(delay > 15.0),
            Self::Delay => delay,
            Self::Minutes => delay.max(0.0),
        }
    }

    pub(super) fn task(self) -> Task {
        match self {
            Self::Late => Task::BinaryClassification,
            Self::Delay => Task::Regression,
            Self::Minutes => Task::Count,
        }
    }

    /// What tells how well a model does.
    pub(super) fn metric(self) -> Metric {
        match self {
            Self::Late => Metric::Auc,
            Self::Delay => Metric::Rmse,
            Self::Minutes => Metric::Deviance,
        }
    }
}

/// A family beside its peer.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) family: &'static str,
    /// Hyperparameters as JSON.
    pub(super) settings: &'static str,
    pub(super) label: Label,
    /// The class with its module.
    pub(super) peer: &'static str,
    /// Its arguments as JSON.
    pub(super) peer_settings: &'static str,
}

impl Case {
    /// Whether both sides let one and the same library fit.
    pub(super) fn same_library(&self) -> bool {
        ["lightgbm", "xgboost"].contains(&self.family)
    }
}

/// Every family. Forests are of 20 trees, for the peer's sake; iterations are as many as it takes to converge.
pub(super) const CASES: [Case; 9] = [
    Case {
        family: "logistic_regression",
        settings: r#"{"c": 1.0}"#,
        label: Label::Late,
        peer: "sklearn.linear_model.LogisticRegression",
        peer_settings: r#"{"C": 1.0, "max_iter": 1000}"#,
    },
    Case {
        family: "linear_regression",
        settings: "{}",
        label: Label::Delay,
        peer: "sklearn.linear_model.LinearRegression",
        peer_settings: r#"{"n_jobs": 2}"#,
    },
    Case {
        family: "ridge",
        settings: r#"{"alpha": 1.0}"#,
        label: Label::Delay,
        peer: "sklearn.linear_model.Ridge",
        peer_settings: r#"{"alpha": 1.0}"#,
    },
    Case {
        family: "elastic_net",
        settings: r#"{"alpha": 0.1, "l1_ratio": 0.5}"#,
        label: Label::Delay,
        peer: "sklearn.linear_model.ElasticNet",
        peer_settings: r#"{"alpha": 0.1, "l1_ratio": 0.5}"#,
    },
    Case {
        family: "poisson_regression",
        settings: r#"{"alpha": 0.001}"#,
        label: Label::Minutes,
        peer: "sklearn.linear_model.PoissonRegressor",
        peer_settings: r#"{"alpha": 0.001, "max_iter": 1000}"#,
    },
    Case {
        family: "random_forest",
        settings: r#"{"trees": 20, "min_leaf_rows": 5, "max_features": "sqrt"}"#,
        label: Label::Late,
        peer: "sklearn.ensemble.RandomForestClassifier",
        peer_settings: r#"{"n_estimators": 20, "min_samples_leaf": 5, "max_features": "sqrt", "n_jobs": 2, "random_state": 7}"#,
    },
    Case {
        family: "gradient_boosting",
        settings: r#"{"rounds": 100, "learning_rate": 0.1, "max_depth": 6, "l2": 1.0}"#,
        label: Label::Late,
        peer: "sklearn.ensemble.HistGradientBoostingClassifier",
        peer_settings: r#"{"max_iter": 100, "learning_rate": 0.1, "max_depth": 6, "max_leaf_nodes": null, "l2_regularization": 1.0,
            "early_stopping": false, "random_state": 7}"#,
    },
    Case {
        family: "lightgbm",
        settings: r#"{"rounds": 100, "learning_rate": 0.1, "num_leaves": 31}"#,
        label: Label::Late,
        peer: "lightgbm.LGBMClassifier",
        peer_settings: r#"{"n_estimators": 100, "learning_rate": 0.1, "num_leaves": 31, "n_jobs": 2, "random_state": 7,
            "verbose": -1}"#,
    },
    Case {
        family: "xgboost",
        settings: r#"{"rounds": 100, "learning_rate": 0.3, "max_depth": 6}"#,
        label: Label::Late,
        peer: "xgboost.XGBClassifier",
        peer_settings: r#"{"n_estimators": 100, "learning_rate": 0.3, "max_depth": 6, "tree_method": "hist", "n_jobs": 2,
            "random_state": 7}"#,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lineal_models::{Hyperparameters, Value, families, family};

    use super::*;

    #[test]
    fn every_family_is_measured_once_with_settings_that_it_takes() {
        let mut known: Vec<_> = families().iter().map(|family| family.name()).collect();
        let mut measured: Vec<_> = CASES.iter().map(|case| case.family).collect();
        known.sort_unstable();
        measured.sort_unstable();
        assert_eq!(measured, known);
        for case in &CASES {
            let given: BTreeMap<String, Value> = serde_json::from_str(case.settings).unwrap();
            let description = family(case.family).unwrap().describe();
            assert!(Hyperparameters::resolve(&description, given).is_ok(), "{}", case.family);
            assert!(description.tasks.contains(&case.label.task()), "{}", case.family);
            assert!(serde_json::from_str::<serde_json::Value>(case.peer_settings).unwrap().is_object());
        }
    }
}
