//! Metrics against scikit-learn.

use std::collections::BTreeMap;

use lineal_models::{Metric, Side, Task, compute, paired_test};

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    task: Task,
    labels: Vec<f64>,
    scores: Vec<f64>,
    threshold: f64,
    expected: BTreeMap<String, f64>,
}

#[test]
fn metrics_equal_scikit_learns_ties_included() {
    // F76
    let cases: Vec<Case> = serde_json::from_str(include_str!("../reference/metrics.json")).unwrap();
    assert_eq!(cases.len(), 14);
    for case in cases {
        let found = compute(case.task, &case.labels, &case.scores, case.threshold).unwrap();
        assert!(found.keys().copied().eq(case.expected.keys().map(String::as_str)), "{}", case.name);
        for (metric, expected) in &case.expected {
            let found = found[metric.as_str()];
            let error = (found - expected).abs() / expected.abs().max(1.0);
            assert!(error <= 1e-12, "{} of `{}`: {found} instead of {expected}", metric, case.name);
        }
    }
}

#[derive(serde::Deserialize)]
struct Pair {
    name: String,
    labels: Vec<f64>,
    candidate: Vec<f64>,
    champion: Vec<f64>,
    delong: Expected,
    mcnemar: Expected,
}

#[derive(serde::Deserialize)]
struct Expected {
    statistic: f64,
    p_value: f64,
}

const TWO: Task = Task::BinaryClassification;

fn side(scores: &[f64]) -> Side<'_> {
    Side { scores, threshold: 0.5 }
}

#[test]
fn tests_of_differences_equal_their_references_ties_included() {
    // F28
    let pairs: Vec<Pair> = serde_json::from_str(include_str!("../reference/comparisons.json")).unwrap();
    assert_eq!(pairs.len(), 6);
    for pair in pairs {
        for (metric, name, expected) in
            [(Metric::Auc, "delong", &pair.delong), (Metric::Accuracy, "mcnemar", &pair.mcnemar)]
        {
            let (candidate, champion) = (side(&pair.candidate), side(&pair.champion));
            let found = paired_test(TWO, metric, &pair.labels, candidate, champion).unwrap().unwrap();
            assert_eq!(found.name, name);
            for (found, expected) in [(found.statistic, expected.statistic), (found.p_value, expected.p_value)] {
                let error = (found - expected).abs() / expected.abs().max(1e-9);
                assert!(error <= 1e-9, "{name} of `{}`: {found} instead of {expected}", pair.name);
            }
        }
    }
}

#[derive(serde::Deserialize)]
struct Paired {
    name: String,
    task: Task,
    metric: String,
    labels: Vec<f64>,
    candidate: Vec<f64>,
    champion: Vec<f64>,
    statistic: f64,
    p_value: f64,
}

#[test]
fn tests_of_numbers_counts_and_several_classes_equal_their_references() {
    // F28
    let cases: Vec<Paired> = serde_json::from_str(include_str!("../reference/paired.json")).unwrap();
    assert_eq!(cases.len(), 7);
    for case in cases {
        let (metric, sides) = (case.metric.parse().unwrap(), (side(&case.candidate), side(&case.champion)));
        let found = paired_test(case.task, metric, &case.labels, sides.0, sides.1).unwrap().unwrap();
        for (found, expected) in [(found.statistic, case.statistic), (found.p_value, case.p_value)] {
            let error = (found - expected).abs() / expected.abs().max(1e-9);
            assert!(error <= 1e-9, "{metric} of `{}`: {found} instead of {expected}", case.name);
        }
    }
}

#[test]
fn a_version_does_not_differ_from_itself() {
    // F28
    let (labels, scores) = ([0.0, 1.0, 0.0, 1.0, 1.0], [0.2, 0.6, 0.7, 0.9, 0.4]);
    for metric in [Metric::Auc, Metric::Accuracy, Metric::LogLoss, Metric::Brier] {
        let found = paired_test(TWO, metric, &labels, side(&scores), side(&scores)).unwrap().unwrap();
        assert_eq!((found.statistic, found.p_value), (0.0, 1.0), "{metric}");
    }
}

#[test]
fn where_no_test_fits_there_is_none() {
    let (labels, scores, others) = ([0.0, 0.0, 1.0], [0.2, 0.6, 0.7], [0.3, 0.5, 0.4]);
    let test = |metric, labels: &[f64]| paired_test(TWO, metric, labels, side(&scores), side(&others));
    assert_eq!(test(Metric::F1, &labels), Ok(None));
    assert_eq!(test(Metric::Rmse, &labels), Ok(None), "it does not measure classes");
    assert_eq!(test(Metric::Auc, &labels), Ok(None), "one positive says nothing about how areas vary");
    assert!(test(Metric::Auc, &[0.0, 0.0, 0.0]).is_err());
    assert!(test(Metric::Accuracy, &[0.0, 1.0]).is_err());
}
