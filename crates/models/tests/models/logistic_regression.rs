//! Logistic regression against scikit-learn, over threads, and when it cannot go on.

use std::sync::atomic::Ordering;

use crate::common::{Data, Recorder, fit, quiet, waves};
use lineal_models::{FitContext, FitError, LabelError, Linear, Model};

const NAME: &str = "logistic_regression";

#[derive(serde::Deserialize)]
struct Reference {
    features: Vec<Vec<f64>>,
    labels: Vec<f64>,
    fits: Vec<Fit>,
}

#[derive(serde::Deserialize)]
struct Fit {
    c: f64,
    #[serde(rename = "fit_intercept")]
    with_intercept: bool,
    weights: Vec<f64>,
    intercept: f64,
}

fn reference() -> (Data, Vec<Fit>) {
    let reference: Reference = serde_json::from_str(include_str!("../reference/logistic_regression.json")).unwrap();
    (Data::new(&reference.features, reference.labels), reference.fits)
}

fn linear(model: Model) -> Linear {
    match model {
        Model::Linear(linear) => linear,
        other => panic!("not a linear model: {other:?}"),
    }
}

#[test]
fn coefficients_equal_scikit_learns_with_correlated_columns() {
    // F66
    let (data, fits) = reference();
    for expected in fits {
        let json = format!(r#"{{"c": {}, "fit_intercept": {}}}"#, expected.c, expected.with_intercept);
        let found = linear(fit(NAME, &data, &json, &quiet(0, 1)).unwrap());
        assert!((found.intercept - expected.intercept).abs() < 1e-6, "{json}: {found:?}");
        for (found, expected) in found.weights.iter().zip(&expected.weights) {
            assert!((found - expected).abs() < 1e-6, "{json}: {found} instead of {expected}");
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_threads() {
    // Several waves of blocks and a rest.
    let data = waves(150_000, 5);
    let bits = |threads| {
        let watcher = Recorder::new(u64::MAX);
        let context = FitContext { seed: 0, threads, progress: &watcher };
        let Linear { weights, intercept, .. } = linear(fit(NAME, &data, "{}", &context).unwrap());
        // Losses are long sums; converged weights would forgive another order of addition.
        let losses = watcher.losses.into_inner().unwrap();
        [weights, vec![intercept], losses].concat().into_iter().map(f64::to_bits).collect::<Vec<_>>()
    };
    let one = bits(1);
    assert!(one.len() > 6 + 2);
    assert_eq!(bits(2), one);
    assert_eq!(bits(3), one);
}

#[test]
fn progress_reports_a_falling_loss_and_cancellation_stops_the_fit() {
    let (data, _) = reference();
    let watcher = Recorder::new(u64::MAX);
    fit(NAME, &data, "{}", &FitContext { seed: 0, threads: 1, progress: &watcher }).unwrap();
    let losses = watcher.losses.into_inner().unwrap();
    assert!(losses.len() > 2 && losses[0] < 2f64.ln() && losses.last() < losses.first(), "{losses:?}");

    let watcher = Recorder::new(2);
    let result = fit(NAME, &data, "{}", &FitContext { seed: 0, threads: 1, progress: &watcher });
    assert_eq!(result, Err(FitError::Cancelled));
    assert_eq!(watcher.done.load(Ordering::SeqCst), 2);
}

#[test]
fn separable_and_badly_scaled_data_still_converge() {
    let rows: Vec<Vec<f64>> = (0..100).map(|i| vec![f64::from(i) * 1e4, f64::from(i % 7)]).collect();
    let labels: Vec<f64> = (0..100).map(|i| f64::from(i >= 50)).collect();
    let data = Data::new(&rows, labels);
    let model = linear(fit(NAME, &data, r#"{"c": 1000}"#, &quiet(0, 1)).unwrap());
    assert!(model.weights[0] > 0.0 && model.intercept < 0.0);
}

#[test]
fn a_fit_that_cannot_be_made_says_why() {
    let (mut data, _) = reference();
    assert_eq!(
        fit(NAME, &data, r#"{"max_iterations": 1}"#, &quiet(0, 1)),
        Err(FitError::NotConverged { iterations: 1 })
    );
    let separable = Data::new(&[vec![-2.0], vec![-1.0], vec![1.0], vec![2.0]], vec![0.0, 0.0, 1.0, 1.0]);
    let free = r#"{"c": 1e6, "max_iterations": 12}"#;
    assert_eq!(fit(NAME, &separable, free, &quiet(0, 1)), Err(FitError::Separable));
    data.labels.fill(1.0);
    assert_eq!(fit(NAME, &data, "{}", &quiet(0, 1)), Err(LabelError::OneClass { class: 1 }.into()));
    let data = Data::new(&[vec![1.0], vec![f64::NAN]], vec![0.0, 1.0]);
    let error = fit(NAME, &data, "{}", &quiet(0, 1)).unwrap_err();
    assert_eq!(error, FitError::Missing { column: "x0".into(), row: 1 });
}
