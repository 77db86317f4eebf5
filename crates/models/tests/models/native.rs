//! LightGBM and XGBoost, by their own libraries.

use std::{
    env,
    path::PathBuf,
    sync::{LazyLock, atomic::Ordering},
};

use lineal_data::Matrix;
use lineal_models::{
    Family, FitContext, FitError, LibrarySearch as Search, Model, NativeError, Task, TrainingData, compute, families_in,
};

use crate::common::{Data, Quiet, Recorder, churn, held_out, quiet, resolve, scores, waves};

const NAMES: [&str; 2] = ["lightgbm", "xgboost"];

/// The families of the Python that `make test` prepared.
static PREPARED: LazyLock<&[&dyn Family]> = LazyLock::new(|| {
    let python = PathBuf::from(env::var_os("LINEAL_TEST_PYTHON").unwrap_or_default());
    assert!(python.is_file(), "LINEAL_TEST_PYTHON names no Python with lightgbm and xgboost-cpu; run `make test`");
    let pythons = python.ancestors().skip(2).take(1).map(Into::into).collect();
    families_in(&Search { pythons, ..Search::default() })
});

fn prepared(name: &str) -> &'static dyn Family {
    *PREPARED.iter().find(|family| family.name() == name).unwrap()
}

fn fit(name: &str, data: &TrainingData<'_>, json: &str, threads: usize) -> Model {
    let context = FitContext { seed: 7, threads, progress: &Quiet };
    prepared(name).fit(data, &resolve(name, json), &context).unwrap_or_else(|error| panic!("{name}: {error}"))
}

const WINE: &str = include_str!("../reference/wine.csv");
const DIABETES: &str = include_str!("../reference/diabetes.csv");

/// F66
#[test]
fn both_tell_who_leaves() {
    let (train, test) = churn(0);
    for name in NAMES {
        let model = fit(name, &train.training(), "{}", 2);
        let figures = compute(Task::BinaryClassification, &test.labels, &scores(&model, &test.features), 0.5).unwrap();
        assert!(figures["auc"] > 0.88, "{name}: {figures:?}");
        let importances = model.importances();
        assert!((importances.iter().sum::<f64>() - 1.0).abs() < 1e-9 && importances.len() == train.features.cols());
    }
}

/// F66, X3
#[test]
fn any_number_of_threads_makes_the_same_bits() {
    let (train, _) = churn(0);
    let json = [
        r#"{"rounds": 20, "bagging_fraction": 0.7, "feature_fraction": 0.8}"#,
        r#"{"rounds": 20, "subsample": 0.7, "colsample_bytree": 0.8}"#,
    ];
    for (name, json) in NAMES.into_iter().zip(json) {
        let bytes = |threads| serde_json::to_vec(&fit(name, &train.training(), json, threads)).unwrap();
        let one = bytes(1);
        for threads in [2, 3] {
            assert!(bytes(threads) == one, "{name} differs with {threads} threads");
        }
    }
}

#[test]
fn every_task_is_learned_and_missing_values_are_taken() {
    let (wine, _) = held_out(WINE, 0, Task::MulticlassClassification, 0);
    let (diabetes, _) = held_out(DIABETES, 0, Task::Regression, 0);
    let mut values = waves(300, 4).features.values().to_vec();
    values.iter_mut().step_by(7).for_each(|value| *value = f64::NAN);
    let counts = Data {
        labels: (0..300).map(|i| f64::from(i % 5)).collect(),
        features: Matrix::new(300, 4, values).unwrap(),
        ..waves(300, 4).of(Task::Regression)
    };
    let poisson = r#"{"regression_objective": "poisson", "rounds": 10}"#;
    for name in NAMES {
        for (data, json, outputs) in [(&wine, "{}", 3), (&diabetes, "{}", 1), (&counts, poisson, 1)] {
            let found = scores(&fit(name, &data.training(), json, 2), &data.features);
            assert_eq!(found.len(), outputs * data.labels.len(), "{name}");
            assert!(found.iter().all(|score| score.is_finite()), "{name}");
        }
    }
}

#[test]
fn weights_count_rows() {
    let data = waves(200, 3);
    let weights: Vec<f64> = (0..200).map(|i| f64::from(i % 3)).collect();
    for name in NAMES {
        let weighted = fit(name, &data.training().with_weights(&weights).unwrap(), r#"{"rounds": 5}"#, 1);
        let balanced = fit(name, &data.training(), r#"{"rounds": 5, "class_weight": "balanced"}"#, 1);
        let plain = fit(name, &data.training(), r#"{"rounds": 5}"#, 1);
        assert!(weighted != plain && balanced != plain, "{name}");
    }
}

#[test]
fn a_fit_stops_early_and_keeps_the_best_rounds() {
    let (train, test) = churn(1);
    for name in NAMES {
        let json = r#"{"rounds": 500, "learning_rate": 0.5, "early_stopping_rounds": 5}"#;
        let params = resolve(name, json);
        let heard = Recorder::new(u64::MAX);
        let context = FitContext { seed: 7, threads: 2, progress: &heard };
        let data = train.training().with_validation(&test.features, &test.labels).unwrap();
        let Model::Trees(trees) = prepared(name).fit(&data, &params, &context).unwrap() else { panic!("{name}") };
        let losses = heard.losses.lock().unwrap();
        let best = (0..losses.len()).min_by(|a, b| losses[*a].total_cmp(&losses[*b])).unwrap();
        assert_eq!((trees.roots.len(), losses.len()), (best + 1, best + 6), "{name}");
        let refused = prepared(name).fit(&train.training(), &params, &context);
        assert_eq!(refused, Err(FitError::NoValidation), "{name}");
    }
}

#[test]
fn a_fit_is_cancelled_between_rounds() {
    for name in NAMES {
        let heard = Recorder::new(3);
        let context = FitContext { seed: 7, threads: 1, progress: &heard };
        let data = waves(200, 3);
        let found = prepared(name).fit(&data.training(), &resolve(name, "{}"), &context);
        assert_eq!((found, heard.done.load(Ordering::SeqCst)), (Err(FitError::Cancelled), 3), "{name}");
    }
}

#[test]
fn features_that_tell_nothing_give_a_constant() {
    let data = Data { features: Matrix::new(40, 2, vec![1.0; 80]).unwrap(), ..waves(40, 2) };
    for name in NAMES {
        let found = scores(&fit(name, &data.training(), r#"{"rounds": 3}"#, 1), &data.features);
        assert!(found.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits()), "{name}: {found:?}");
    }
}

#[test]
fn a_library_that_cannot_be_loaded_is_named() {
    let file = PathBuf::from("/nowhere/lib.so");
    let search = Search { lightgbm: Some(file.clone()), xgboost: Some(file.clone()), ..Search::default() };
    for family in families_in(&search) {
        let found = family.check_available();
        let foreign = NAMES.contains(&family.name());
        assert_eq!(found.is_err(), foreign, "{}", family.name());
        let is_named = |error| matches!(error, FitError::Native(NativeError::Load { path, .. }) if path == file);
        assert!(!foreign || found.is_err_and(is_named));
        let refused = family.fit(&waves(40, 2).training(), &resolve(family.name(), "{}"), &quiet(0, 1));
        assert!(!foreign || matches!(refused, Err(FitError::Native(_))));
    }
}
