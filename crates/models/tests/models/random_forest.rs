//! Random forests over threads, weights and tasks, and when they cannot go on.

use std::sync::atomic::Ordering;

use crate::common::{Data, Recorder, fit, quiet, resolve, scores, waves};
use lineal_models::{FitContext, FitError, LabelError, Model, Task, compute, family};

const NAME: &str = "random_forest";

/// Waves with labels of each task, every eleventh value missing.
fn tasks(rows: usize) -> [Data; 3] {
    let with = |task, label: &dyn Fn(f64, usize) -> f64| {
        let data = waves(rows, 4);
        let labels = data.labels.iter().zip(0..).map(|(one, i)| label(*one, i)).collect();
        let hole = |(k, value): (usize, &f64)| if k % 11 == 3 { f64::NAN } else { *value };
        let values: Vec<f64> = data.features.values().iter().enumerate().map(hole).collect();
        let rows: Vec<Vec<f64>> = values.chunks(4).map(<[f64]>::to_vec).collect();
        Data::new(&rows, labels).of(task)
    };
    [
        with(Task::BinaryClassification, &|one, _| one),
        with(Task::MulticlassClassification, &|one, i| one * (1.0 + (i % 2) as f64)),
        with(Task::Regression, &|one, i| 10.0 * one + (i % 3) as f64),
    ]
}

#[test]
fn the_bytes_do_not_depend_on_threads_or_repetition() {
    for data in tasks(1_500) {
        let bytes = |seed, threads| {
            serde_json::to_vec(&fit(NAME, &data, r#"{"trees": 12}"#, &quiet(seed, threads)).unwrap()).unwrap()
        };
        let one = bytes(7, 1);
        assert_eq!(bytes(7, 1), one);
        assert_eq!(bytes(7, 2), one);
        assert_eq!(bytes(7, 3), one);
        assert_ne!(bytes(8, 1), one, "the seed draws rows and features");
    }
}

#[test]
fn a_tree_without_resampling_knows_its_rows_by_heart() {
    let settings = r#"{"trees": 3, "bootstrap": false, "max_features": "all"}"#;
    for data in tasks(200) {
        let found = scores(&fit(NAME, &data, settings, &quiet(0, 1)).unwrap(), &data.features);
        let classes = if data.task == Task::MulticlassClassification { 3 } else { 1 };
        for (row, (label, scores)) in data.labels.iter().zip(found.chunks(classes)).enumerate() {
            let found = if classes == 1 { scores[0] } else { scores[*label as usize] + *label - 1.0 };
            assert!((found - label).abs() < 1e-12, "{:?} row {row}: {scores:?} instead of {label}", data.task);
        }
    }
}

#[test]
fn probabilities_are_probabilities_and_sum_to_one() {
    for data in tasks(900) {
        let found = scores(&fit(NAME, &data, "{}", &quiet(1, 2)).unwrap(), &data.features);
        compute(data.task, &data.labels, &found, 0.5).unwrap();
        if data.task == Task::MulticlassClassification {
            assert!(found.chunks(3).all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12));
        }
    }
}

#[test]
fn limits_on_depth_and_leaves_hold() {
    let [binary, _, numbers] = tasks(1_000);
    for data in [binary, numbers] {
        let Model::Trees(stumps) = fit(NAME, &data, r#"{"max_depth": 1, "trees": 5}"#, &quiet(0, 1)).unwrap() else {
            panic!("not trees")
        };
        assert_eq!((stumps.roots.len(), stumps.children.len()), (5, 15));
        let settings = r#"{"min_leaf_rows": 100, "trees": 1, "bootstrap": false}"#;
        let model = fit(NAME, &data, settings, &quiet(0, 1)).unwrap();
        let mut found = scores(&model, &data.features);
        found.sort_by(f64::total_cmp);
        let sizes: Vec<usize> = found.chunk_by(|a, b| a.to_bits() == b.to_bits()).map(<[f64]>::len).collect();
        assert!(sizes.len() > 2 && sizes.iter().all(|size| *size >= 100), "{sizes:?}");
    }
}

#[test]
fn a_row_with_weight_two_is_two_rows_and_one_without_weight_is_none() {
    let settings = r#"{"trees": 1, "bootstrap": false, "max_features": "all", "max_depth": 3}"#;
    for data in tasks(120) {
        let weights: Vec<f64> = (0..120).map(|i| f64::from(i % 3)).collect();
        let training = data.training().with_weights(&weights).unwrap();
        let weighted = family(NAME).unwrap().fit(&training, &resolve(NAME, settings), &quiet(0, 1)).unwrap();
        let copies: Vec<usize> = (0..120).flat_map(|i| std::iter::repeat_n(i, i % 3)).collect();
        let rows: Vec<Vec<f64>> = copies.iter().map(|&i| data.features.row(i).to_vec()).collect();
        let labels = copies.iter().map(|&i| data.labels[i]).collect();
        let repeated = Data::new(&rows, labels).of(data.task);
        let expected = scores(&fit(NAME, &repeated, settings, &quiet(0, 1)).unwrap(), &repeated.features);
        for (found, expected) in scores(&weighted, &repeated.features).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{:?}: {found} instead of {expected}", data.task);
        }
    }
}

#[test]
fn balanced_classes_weigh_the_same() {
    // One row in ten is positive, and nothing tells which: a stump that may not split says the base rate.
    let rows: Vec<Vec<f64>> = (0..400).map(|i| vec![f64::from(i % 2)]).collect();
    let data = Data::new(&rows, (0..400).map(|i| f64::from(i % 10 == 0)).collect());
    let settings = |class_weight: &str| {
        format!(r#"{{"trees": 1, "bootstrap": false, "min_leaf_rows": 300, "class_weight": "{class_weight}"}}"#)
    };
    let score =
        |class_weight| scores(&fit(NAME, &data, &settings(class_weight), &quiet(0, 1)).unwrap(), &data.features)[0];
    assert!((score("none") - 0.1).abs() < 1e-12 && (score("balanced") - 0.5).abs() < 1e-12);
}

#[test]
fn importances_are_shares_of_the_gain() {
    let settings = r#"{"trees": 20, "max_features": "all"}"#;
    let shares = fit(NAME, &waves(2_000, 4), settings, &quiet(0, 1)).unwrap().importances();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
    assert!(shares[0] > shares[1] && shares[1] > shares[2] && shares[1] > shares[3], "{shares:?}");
}

#[test]
fn progress_is_told_every_tree_and_cancellation_stops_inside_one() {
    let [data, ..] = tasks(2_000);
    let watcher = Recorder::new(u64::MAX);
    fit(NAME, &data, r#"{"trees": 7}"#, &FitContext { seed: 0, threads: 3, progress: &watcher }).unwrap();
    assert_eq!(watcher.done.load(Ordering::SeqCst), 7);

    let watcher = Recorder::new(2);
    let context = FitContext { seed: 0, threads: 1, progress: &watcher };
    assert_eq!(fit(NAME, &data, "{}", &context), Err(FitError::Cancelled));
    assert_eq!(watcher.done.load(Ordering::SeqCst), 2);
}

#[test]
fn a_fit_that_cannot_be_made_says_why_and_the_smallest_one_is_made() {
    let two = |labels: Vec<f64>, task| Data::new(&[vec![1.0], vec![f64::NAN]], labels).of(task);
    let error = |data: &Data| fit(NAME, data, "{}", &quiet(0, 1)).unwrap_err();
    assert_eq!(error(&two(vec![0.0, 0.0], Task::BinaryClassification)), LabelError::OneClass { class: 0 }.into());
    assert_eq!(error(&two(vec![3.5, 3.5], Task::Regression)), LabelError::Constant { value: 3.5 }.into());
    assert_eq!(
        error(&two(vec![0.0, 2.0], Task::MulticlassClassification)),
        LabelError::AbsentClass { class: 1 }.into()
    );
    let data = two(vec![0.0, 1.0], Task::BinaryClassification);
    let settings = r#"{"bootstrap": false, "trees": 1}"#;
    let found = scores(&fit(NAME, &data, settings, &quiet(0, 1)).unwrap(), &data.features);
    assert_eq!(found, [0.0, 1.0], "a missing value is told from one that is there");
}
