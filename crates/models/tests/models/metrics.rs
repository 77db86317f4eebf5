//! Metrics against scikit-learn.

use std::collections::BTreeMap;

use lineal_models::{Task, compute};

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
    assert_eq!(cases.len(), 13);
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
