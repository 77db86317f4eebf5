//! Gradient boosting against the library whose trees it grows, over threads, and on real rows.

use std::sync::atomic::Ordering;

use crate::common::{Data, Recorder, churn, fit, quiet, scores, waves};
use forust_ml::{GradientBooster, Matrix as Columns};
use lineal_models::{FitContext, FitError, LabelError, Link, Model, Task, compute};

const NAME: &str = "gradient_boosting";

/// Waves with every seventh value missing, one constant and one empty column.
fn with_holes(rows: usize) -> Data {
    let data = waves(rows, 4);
    let hole = |k: usize, value: f64| if k % 7 == 3 { f64::NAN } else { value };
    let features: Vec<Vec<f64>> = (0..rows)
        .map(|i| {
            let row = data.features.row(i).iter().enumerate().map(|(j, &value)| hole(i * 4 + j, value));
            row.chain([1.0, f64::NAN]).collect()
        })
        .collect();
    Data::new(&features, data.labels)
}

fn margins(model: &Model) -> Model {
    let Model::Trees(mut trees) = model.clone() else { panic!("not trees") };
    trees.link = Link::Identity;
    Model::Trees(trees)
}

#[test]
fn predictions_equal_the_tree_librarys_missing_values_included() {
    let data = with_holes(3_000);
    let columns: Vec<f64> = (0..data.features.cols()).flat_map(|j| data.features.column(j)).collect();
    let columns = Columns::new(&columns, data.features.rows(), data.features.cols());
    let mut booster = GradientBooster::default()
        .set_iterations(30)
        .set_learning_rate(0.1)
        .set_max_depth(5)
        .set_min_leaf_weight(1.0)
        .set_l2(1.0)
        .set_initialize_base_score(true)
        .set_num_threads(Some(1));
    booster.fit_unweighted(&columns, &data.labels, None).unwrap();
    let expected = booster.predict(&columns, false);

    let model = fit(NAME, &data, r#"{"rounds": 30, "max_depth": 5}"#, &quiet(0, 2)).unwrap();
    let found = scores(&margins(&model), &data.features);
    let probabilities = scores(&model, &data.features);
    for row in 0..expected.len() {
        assert!((found[row] - expected[row]).abs() <= 1e-12, "row {row}: {} and {}", found[row], expected[row]);
        assert!((probabilities[row] - 1.0 / (1.0 + (-expected[row]).exp())).abs() <= 1e-12);
    }
    let spread = found.iter().fold(0f64, |spread, margin| spread.max((margin - found[0]).abs()));
    assert!(spread > 1.0, "the trees learned nothing");
}

#[test]
fn the_bytes_do_not_depend_on_threads_or_repetition() {
    let data = with_holes(6_000);
    let settings = r#"{"rounds": 20, "subsample": 0.7}"#;
    let bytes =
        |seed, threads| serde_json::to_vec(&fit(NAME, &data, settings, &quiet(seed, threads)).unwrap()).unwrap();
    let one = bytes(7, 1);
    assert_eq!(bytes(7, 1), one);
    assert_eq!(bytes(7, 2), one);
    assert_eq!(bytes(7, 3), one);
    assert_ne!(bytes(8, 1), one, "the seed draws the rows");
}

#[test]
fn churn_is_ranked_well_on_held_out_rows() {
    // F66
    for settings in ["{}", r#"{"subsample": 0.8}"#] {
        let auc = (0..5).map(|fold| {
            let (train, held_out) = churn(fold);
            let model = fit(NAME, &train, settings, &quiet(1, 2)).unwrap();
            let scores = scores(&model, &held_out.features);
            compute(Task::BinaryClassification, &held_out.labels, &scores, 0.5).unwrap()["auc"]
        });
        let mean = auc.sum::<f64>() / 5.0;
        println!("auc {mean:.4} with {settings}");
        assert!(mean >= 0.90, "{settings}: {mean}");
    }
}

#[test]
fn progress_is_told_every_round_and_cancellation_stops_the_next() {
    let data = waves(500, 3);
    let watcher = Recorder::new(u64::MAX);
    let context = FitContext { seed: 0, threads: 1, progress: &watcher };
    fit(NAME, &data, r#"{"rounds": 12}"#, &context).unwrap();
    let losses = watcher.losses.into_inner().unwrap();
    assert_eq!(losses.len(), 12);
    assert!(losses.windows(2).all(|pair| pair[1] < pair[0]), "{losses:?}");

    let watcher = Recorder::new(3);
    let context = FitContext { seed: 0, threads: 1, progress: &watcher };
    assert_eq!(fit(NAME, &data, "{}", &context), Err(FitError::Cancelled));
    assert_eq!(watcher.done.load(Ordering::SeqCst), 3);
}

#[test]
fn the_smallest_data_gives_a_model() {
    let data = Data::new(&[vec![1.0], vec![2.0]], vec![0.0, 1.0]);
    let model = fit(NAME, &data, r#"{"rounds": 3, "subsample": 0.01}"#, &quiet(0, 1)).unwrap();
    assert_eq!(scores(&model, &data.features), [0.5, 0.5]);
    let data = Data::new(&[vec![f64::NAN], vec![f64::NAN]], vec![0.0, 1.0]);
    assert!(fit(NAME, &data, "{}", &quiet(0, 1)).is_ok());
    let data = Data::new(&[vec![1.0], vec![2.0]], vec![0.0, 0.0]);
    assert_eq!(fit(NAME, &data, "{}", &quiet(0, 1)), Err(LabelError::OneClass { class: 0 }.into()));
}
