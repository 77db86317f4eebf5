//! How well trees score on real rows that they have not seen, against scikit-learn.

use std::collections::BTreeMap;

use crate::common::{CHURN, fit, held_out, quiet, scores};
use lineal_models::{Direction, Metric, Task, compute};

const WINE: &str = include_str!("../reference/wine.csv");
const DIABETES: &str = include_str!("../reference/diabetes.csv");

/// The mean score over five folds and a few seeds.
fn mean(family: &str, settings: &str, seeds: u64, (csv, skip, task, metric): (&str, usize, Task, Metric)) -> f64 {
    let mut sum = 0.0;
    for fold in 0..5 {
        let (train, kept) = held_out(csv, skip, task, fold);
        for seed in 0..seeds {
            let model = fit(family, &train, settings, &quiet(seed, 2)).unwrap();
            let found = compute(task, &kept.labels, &scores(&model, &kept.features), 0.5).unwrap();
            sum += found[metric.name()];
        }
    }
    sum / (5 * seeds) as f64
}

#[test]
fn forests_and_boosted_trees_score_within_half_a_percent_of_scikit_learns() {
    // F66
    let expected: BTreeMap<String, BTreeMap<String, f64>> =
        serde_json::from_str(include_str!("../reference/trees.json")).unwrap();
    let tables = [
        ("churn", "{}", (CHURN, 1, Task::BinaryClassification, Metric::Auc)),
        ("wine", "{}", (WINE, 0, Task::MulticlassClassification, Metric::Auc)),
        // As many rows in a leaf as scikit-learn's boosting leaves there.
        ("diabetes", r#"{"min_leaf_weight": 20}"#, (DIABETES, 0, Task::Regression, Metric::Rmse)),
    ];
    for (name, boosting, table) in tables {
        let families = [("forest", "random_forest", "{}", 3), ("boosting", "gradient_boosting", boosting, 1)];
        for (key, family, settings, seeds) in families {
            let (found, expected) = (mean(family, settings, seeds, table), expected[name][key]);
            println!("{name}: {family} {found:.5}, scikit-learn {expected:.5}");
            let worst = match table.3.direction() {
                Direction::HigherIsBetter => expected * 0.995,
                Direction::LowerIsBetter => expected * 1.005,
            };
            assert!(!table.3.direction().improves(worst, found), "{name}: {family} {found} and {expected}");
        }
    }
}
