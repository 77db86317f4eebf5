//! The linear families against scikit-learn and statsmodels, over threads, and when they cannot go on.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use crate::common::{Data, Recorder, fit, quiet, resolve, scores, waves};
use lineal_models::{FitContext, FitError, LabelError, Linear, Model, Softmax, Task, TrainingData, family};

#[derive(serde::Deserialize)]
struct Reference {
    features: Vec<Vec<f64>>,
    columns: BTreeMap<String, Vec<f64>>,
    fits: Vec<Fit>,
}

#[derive(serde::Deserialize)]
struct Fit {
    family: String,
    task: Task,
    settings: serde_json::Value,
    labels: String,
    weights: Option<String>,
    coefficients: Vec<Vec<f64>>,
    intercepts: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../reference/linear.json")).unwrap()
}

/// The weighted sums of a model, one for each margin.
fn linears(model: Model) -> Vec<Linear> {
    match model {
        Model::Linear(linear) => vec![linear],
        Model::Softmax(Softmax { members, .. }) => members.into_iter().flat_map(linears).collect(),
        Model::Trees(_) => panic!("trees"),
    }
}

fn regression(rows: &[Vec<f64>], targets: Vec<f64>) -> Data {
    Data::new(rows, targets).of(Task::Regression)
}

/// The reference's rows with the column `labels`.
fn data(labels: &str, task: Task) -> Data {
    let Reference { features, mut columns, .. } = reference();
    Data::new(&features, columns.remove(labels).unwrap()).of(task)
}

#[test]
fn coefficients_equal_those_of_converged_references() {
    // F66
    let reference = reference();
    assert_eq!(reference.fits.len(), 44);
    let mut worst = BTreeMap::<&str, f64>::new();
    for expected in &reference.fits {
        let labels = &reference.columns[&expected.labels];
        let data = Data::new(&reference.features, labels.clone()).of(expected.task);
        let mut training = data.training();
        if let Some(weights) = &expected.weights {
            training = training.with_weights(&reference.columns[weights]).unwrap();
        }
        let (settings, name) = (expected.settings.to_string(), expected.family.as_str());
        let model = family(name).unwrap().fit(&training, &resolve(name, &settings), &quiet(0, 1)).unwrap();
        let found = linears(model);
        assert_eq!(found.len(), expected.coefficients.len());
        let all = |linear: &Linear| [linear.weights.clone(), vec![linear.intercept]].concat();
        let pairs = expected.coefficients.iter().zip(&expected.intercepts).zip(&found);
        for ((coefficients, intercept), linear) in pairs {
            for (found, expected) in all(linear).iter().zip(coefficients.iter().chain([intercept])) {
                let error = (found - expected).abs();
                let worst = worst.entry(name).or_default();
                *worst = worst.max(error);
                assert!(error < 1e-6, "{name} {settings} on {labels:?}: {found} instead of {expected}");
            }
        }
    }
    println!("largest error by family: {worst:?}");
}

#[test]
fn the_bits_do_not_depend_on_threads() {
    // Several waves of blocks and a rest.
    let binary = waves(150_000, 4);
    let targets: Vec<f64> = binary.labels.iter().zip(0..).map(|(label, i)| label + f64::from(i % 7)).collect();
    let classes = (0..150_000).map(|i| f64::from(i % 3)).collect();
    let with =
        |labels: Vec<f64>, task| Data { labels, task, features: binary.features.clone(), names: binary.names.clone() };
    let (numbers, several) = (with(targets, Task::Regression), with(classes, Task::MulticlassClassification));
    for (name, data) in [
        ("logistic_regression", &several),
        ("linear_regression", &numbers),
        ("ridge", &numbers),
        ("elastic_net", &numbers),
        ("poisson_regression", &numbers),
    ] {
        let bytes = |threads| serde_json::to_vec(&fit(name, data, "{}", &quiet(0, threads)).unwrap()).unwrap();
        let one = bytes(1);
        assert_eq!(bytes(2), one, "{name}");
        assert_eq!(bytes(3), one, "{name}");
    }
}

#[test]
fn a_column_that_others_determine_gets_no_weight_and_changes_no_prediction() {
    let mut rows = reference().features;
    let plain = data("targets", Task::Regression);
    for row in &mut rows {
        // A category as two columns, both of its levels, and a constant.
        row.extend([1.0 - row[3], 7.0, row[0] + 2.0 * row[2]]);
    }
    let wide = regression(&rows, plain.labels.clone());
    let model = fit("linear_regression", &wide, "{}", &quiet(0, 1)).unwrap();
    let expected = scores(&fit("linear_regression", &plain, "{}", &quiet(0, 1)).unwrap(), &plain.features);
    for (found, expected) in scores(&model, &wide.features).iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
    }
    assert_eq!(linears(model)[0].weights[4..], [0.0; 3]);
    for name in ["ridge", "elastic_net"] {
        assert!(fit(name, &wide, "{}", &quiet(0, 1)).is_ok(), "{name}");
    }
}

#[test]
fn importances_are_shares_and_do_not_depend_on_the_unit() {
    for (name, labels, task) in [
        ("linear_regression", "targets", Task::Regression),
        ("ridge", "targets", Task::Regression),
        ("poisson_regression", "counts", Task::Regression),
        ("logistic_regression", "binary", Task::BinaryClassification),
        ("logistic_regression", "classes", Task::MulticlassClassification),
    ] {
        let model = fit(name, &data(labels, task), "{}", &quiet(0, 1)).unwrap();
        let shares = model.importances();
        assert_eq!(shares.len(), 4);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{name}: {shares:?}");
    }
    // Twelve times 0.08 against 1 times 0.5 or so of the other columns.
    let shares = |factor: f64| {
        let mut rows = reference().features;
        for row in &mut rows {
            row[2] *= factor;
        }
        let data = regression(&rows, data("targets", Task::Regression).labels);
        fit("linear_regression", &data, "{}", &quiet(0, 1)).unwrap().importances()
    };
    for (metres, millimetres) in shares(1.0).iter().zip(shares(1000.0)) {
        assert!((metres - millimetres).abs() < 1e-9);
    }
}

#[test]
fn cancellation_stops_every_family_inside_the_fit() {
    for (name, labels, task) in [
        ("linear_regression", "targets", Task::Regression),
        ("ridge", "targets", Task::Regression),
        ("elastic_net", "targets", Task::Regression),
        ("poisson_regression", "counts", Task::Regression),
        ("logistic_regression", "classes", Task::MulticlassClassification),
    ] {
        let data = data(labels, task);
        let watcher = Recorder::new(0);
        let context = FitContext { seed: 0, threads: 1, progress: &watcher };
        assert_eq!(fit(name, &data, "{}", &context), Err(FitError::Cancelled), "{name}");
        let watcher = Recorder::new(u64::MAX);
        fit(name, &data, "{}", &FitContext { seed: 0, threads: 1, progress: &watcher }).unwrap();
        assert!(watcher.done.load(Ordering::SeqCst) >= 1, "{name}");
        let losses = watcher.losses.into_inner().unwrap();
        assert!(losses.iter().all(|loss| loss.is_finite() && *loss > 0.0), "{name}: {losses:?}");
    }
}

#[test]
fn a_fit_that_cannot_be_made_says_why() {
    let error = |name: &str, data: &Data, json: &str| fit(name, data, json, &quiet(0, 1)).unwrap_err();
    let rows: Vec<Vec<f64>> = (0..4).map(|i| vec![f64::from(i), f64::from(i % 2)]).collect();
    let few = regression(&rows[..2], vec![1.0, 2.0]);
    assert_eq!(error("linear_regression", &few, "{}"), FitError::FewRows { rows: 2, needed: 3 });
    assert!(fit("ridge", &few, "{}", &quiet(0, 1)).is_ok());

    let constant = regression(&rows, vec![2.0; 4]);
    for name in ["linear_regression", "ridge", "elastic_net", "poisson_regression"] {
        assert_eq!(error(name, &constant, "{}"), LabelError::Constant { value: 2.0 }.into(), "{name}");
        let missing = regression(&[vec![1.0, f64::NAN], vec![2.0, f64::NAN]], vec![1.0, 2.0]);
        assert_eq!(error(name, &missing, "{}"), FitError::EmptyColumn { column: "x1".into() }, "{name}");
    }
    let negative = regression(&rows, vec![0.0, 1.0, -1.0, 2.0]);
    assert_eq!(error("poisson_regression", &negative, "{}"), LabelError::Negative { row: 2, value: -1.0 }.into());
    let counts = regression(&rows, vec![0.0, 0.0, 0.0, 2.0]);
    let training = counts.training().with_weights(&[1.0, 1.0, 1.0, 0.0]).unwrap();
    let poisson = family("poisson_regression").unwrap();
    let result = poisson.fit(&training, &resolve("poisson_regression", "{}"), &quiet(0, 1));
    assert_eq!(result, Err(FitError::NoCounts));

    let labels = regression(&rows, vec![0.0, 1.0, 1.0, 0.0]);
    let task = FitError::Task {
        family: "logistic_regression",
        task: "regression",
        takes: vec!["binary_classification", "multiclass_classification"],
    };
    assert_eq!(error("logistic_regression", &labels, "{}"), task);
    let slow = error("elastic_net", &data("targets", Task::Regression), r#"{"alpha": 0.001, "max_iterations": 1}"#);
    assert_eq!(slow, FitError::NotConverged { iterations: 1 });
    let gap = Data { labels: vec![0.0, 2.0, 0.0, 2.0], ..regression(&rows, vec![]) }.of(Task::MulticlassClassification);
    assert_eq!(error("logistic_regression", &gap, "{}"), LabelError::AbsentClass { class: 1 }.into());
    let two = Data::new(&rows, vec![0.0, 1.0, 1.0, 0.0]);
    let weightless = TrainingData::with_weights(two.training(), &[0.0, 1.0, 1.0, 0.0]).unwrap();
    let logistic = family("logistic_regression").unwrap();
    let result = logistic.fit(&weightless, &resolve("logistic_regression", "{}"), &quiet(0, 1));
    assert_eq!(result, Err(FitError::WeightlessClass { class: 0 }));
}
