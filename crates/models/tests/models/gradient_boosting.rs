//! Gradient boosting against another library's, over threads, and on real rows.

use std::sync::atomic::Ordering;

use crate::common::{Data, Recorder, churn, fit, quiet, resolve, scores, waves};
use forust_ml::{GradientBooster, Matrix as Columns};
use lineal_data::Matrix;
use lineal_models::{FitContext, FitError, LabelError, Link, Model, Task, compute, family};

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
fn where_every_value_has_its_bin_trees_learn_what_another_librarys_do() {
    let data = with_holes(3_000);
    let coarse: Vec<f64> = data.features.values().iter().map(|value| (value * 16.0).round()).collect();
    let data = Data { features: Matrix::new(3_000, data.features.cols(), coarse).unwrap(), ..data };
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
    // The other one sums in single precision, and chooses otherwise between splits that are as good.
    let far: f64 = found.iter().zip(&expected).map(|(found, expected)| (found - expected).abs()).sum();
    assert!(far / 3_000.0 < 0.02, "{far}");
    let loss = |margins: &[f64]| {
        let scores: Vec<f64> = margins.iter().map(|margin| 1.0 / (1.0 + (-margin).exp())).collect();
        compute(data.task, &data.labels, &scores, 0.5).unwrap()["log_loss"]
    };
    let (found, expected) = (loss(&found), loss(&expected));
    assert!((found / expected - 1.0).abs() < 0.005, "{found} and {expected}");
}

#[test]
fn a_loss_beyond_all_numbers_is_an_error() {
    let data = |target: f64| Data::new(&[vec![1.0], vec![2.0]], vec![1.0, target]).of(Task::Regression);
    assert_eq!(fit(NAME, &data(1e150), "{}", &quiet(0, 1)).map(drop), Ok(()));
    let refused = LabelError::TooLarge { row: 1, value: 1e151 };
    assert_eq!(fit(NAME, &data(1e151), "{}", &quiet(0, 1)), Err(refused.into()));
    let (large, weights) = (data(1e150), [1.0, 1e200]);
    let heavy = large.training().with_weights(&weights).unwrap();
    let fitted = family(NAME).unwrap().fit(&heavy, &resolve(NAME, "{}"), &quiet(0, 1));
    assert_eq!(fitted, Err(FitError::Diverged));
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

/// Waves with each task's labels.
fn tasks(rows: usize) -> [(Data, &'static str); 4] {
    let with = |task, label: &dyn Fn(f64, usize) -> f64| {
        let data = waves(rows, 4);
        let labels = data.labels.iter().zip(0..).map(|(one, i)| label(*one, i)).collect();
        Data { labels, ..data }.of(task)
    };
    [
        (waves(rows, 4), "{}"),
        (with(Task::MulticlassClassification, &|one, i| one * (1.0 + (i % 2) as f64)), "{}"),
        (with(Task::Regression, &|one, i| 10.0 * one + (i % 3) as f64), "{}"),
        (with(Task::Regression, &|one, i| 3.0 * one + (i % 3) as f64), r#"{"regression_objective": "poisson"}"#),
    ]
}

fn with(settings: &str, more: &str) -> String {
    let mut all: serde_json::Value = serde_json::from_str(settings).unwrap();
    let more: serde_json::Map<_, _> = serde_json::from_str(more).unwrap();
    all.as_object_mut().unwrap().extend(more);
    all.to_string()
}

#[test]
fn every_task_is_learned_with_the_same_bytes_on_any_number_of_threads() {
    for (data, settings) in tasks(5_000) {
        let settings = with(settings, r#"{"rounds": 15, "subsample": 0.8}"#);
        let watcher = Recorder::new(u64::MAX);
        let context = FitContext { seed: 3, threads: 1, progress: &watcher };
        let model = fit(NAME, &data, &settings, &context).unwrap();
        let losses = watcher.losses.into_inner().unwrap();
        assert!(losses.last() < losses.first(), "{:?} {settings}: {losses:?}", data.task);
        let bytes = serde_json::to_vec(&model).unwrap();
        for threads in [2, 3] {
            assert_eq!(serde_json::to_vec(&fit(NAME, &data, &settings, &quiet(3, threads)).unwrap()).unwrap(), bytes);
        }
        let scores = scores(&model, &data.features);
        compute(data.task, &data.labels, &scores, 0.5).unwrap();
        assert!(!settings.contains("poisson") || scores.iter().all(|score| *score > 0.0));
    }
}

#[test]
fn a_row_with_weight_two_is_two_rows_and_one_without_weight_is_none() {
    for (data, settings) in tasks(600) {
        let settings = with(settings, r#"{"rounds": 10, "min_leaf_weight": 0.5}"#);
        let weights: Vec<f64> = (0..600).map(|i| f64::from(i % 3)).collect();
        let params = resolve(NAME, &settings);
        let training = data.training().with_weights(&weights).unwrap();
        let weighted = family(NAME).unwrap().fit(&training, &params, &quiet(0, 1)).unwrap();
        let copies: Vec<usize> = (0..600).flat_map(|i| std::iter::repeat_n(i, i % 3)).collect();
        let rows: Vec<Vec<f64>> = copies.iter().map(|&i| data.features.row(i).to_vec()).collect();
        let repeated = Data::new(&rows, copies.iter().map(|&i| data.labels[i]).collect()).of(data.task);
        let repeated = fit(NAME, &repeated, &settings, &quiet(0, 1)).unwrap();
        // The bins of repeated rows lie elsewhere, and so do some splits.
        let (found, expected) = (scores(&weighted, &data.features), scores(&repeated, &data.features));
        let metric = |scores: &[f64]| {
            let per_row = scores.len() / 600;
            let chosen: Vec<f64> = copies.iter().flat_map(|&i| scores[i * per_row..][..per_row].to_vec()).collect();
            let labels: Vec<f64> = copies.iter().map(|&i| data.labels[i]).collect();
            let metrics = compute(data.task, &labels, &chosen, 0.5).unwrap();
            metrics.get("log_loss").or(metrics.get("rmse")).copied().unwrap()
        };
        let (found, expected) = (metric(&found), metric(&expected));
        assert!((found / expected - 1.0).abs() < 0.05, "{:?} {settings}: {found} and {expected}", data.task);
    }
}

#[test]
fn balanced_classes_start_from_equal_odds() {
    let (train, _) = churn(0);
    let mean = |settings: &str| {
        let scores = scores(&fit(NAME, &train, settings, &quiet(0, 2)).unwrap(), &train.features);
        scores.iter().sum::<f64>() / scores.len() as f64
    };
    let plain = mean(r#"{"rounds": 1}"#);
    let balanced = mean(r#"{"rounds": 1, "class_weight": "balanced"}"#);
    assert!(plain < 0.2 && (0.4..0.55).contains(&balanced), "{plain} and {balanced}");
}

#[test]
fn early_stopping_keeps_the_round_that_was_best_on_the_validation_rows() {
    let (train, held_out) = churn(1);
    let training = train.training().with_validation(&held_out.features, &held_out.labels).unwrap();
    let run = |settings: &str| {
        let watcher = Recorder::new(u64::MAX);
        let context = FitContext { seed: 0, threads: 2, progress: &watcher };
        let model = family(NAME).unwrap().fit(&training, &resolve(NAME, settings), &context).unwrap();
        let Model::Trees(trees) = &model else { panic!("not trees") };
        (trees.clone(), watcher.losses.into_inner().unwrap())
    };
    let (stopped, losses) = run(r#"{"rounds": 400, "learning_rate": 0.3, "early_stopping_rounds": 10}"#);
    let best = losses.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).unwrap().0 + 1;
    assert_eq!((stopped.roots.len(), losses.len()), (best, best + 10));
    assert!(losses.len() < 400);
    let found = scores(&Model::Trees(stopped.clone()), &held_out.features);
    let loss = compute(Task::BinaryClassification, &held_out.labels, &found, 0.5).unwrap()["log_loss"];
    assert!((loss - losses[best - 1]).abs() < 1e-12, "{loss} and {}", losses[best - 1]);
    let fixed = format!(r#"{{"rounds": {best}, "learning_rate": 0.3}}"#);
    assert_eq!(run(&fixed).0, stopped, "as if it had been told how many rounds");

    let settings = r#"{"early_stopping_rounds": 10}"#;
    assert_eq!(fit(NAME, &train, settings, &quiet(0, 1)), Err(FitError::NoValidation));
    let twos = vec![2.0; held_out.labels.len()];
    let unknown = train.training().with_validation(&held_out.features, &twos).unwrap();
    let result = family(NAME).unwrap().fit(&unknown, &resolve(NAME, settings), &quiet(0, 1));
    assert_eq!(result, Err(LabelError::NoClass { row: 0, value: 2.0, last: 1 }.into()));
}

#[test]
fn importances_are_shares_of_the_gain() {
    for (data, settings) in tasks(2_000) {
        let shares = fit(NAME, &data, &with(settings, r#"{"rounds": 5}"#), &quiet(0, 1)).unwrap().importances();
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
    }
    let shares = fit(NAME, &waves(2_000, 4), r#"{"rounds": 5}"#, &quiet(0, 1)).unwrap().importances();
    // The labels are made of the first column, and half as much of the second.
    assert!(shares[0] > shares[1] && shares[1] > shares[2] + shares[3], "{shares:?}");
}

#[test]
fn negative_counts_are_refused() {
    let data = Data::new(&[vec![1.0], vec![2.0]], vec![1.0, -2.0]).of(Task::Regression);
    let poisson = r#"{"regression_objective": "poisson"}"#;
    let error = LabelError::Negative { row: 1, value: -2.0 }.into();
    assert_eq!(fit(NAME, &data, poisson, &quiet(0, 1)), Err(error));
    assert!(fit(NAME, &data, "{}", &quiet(0, 1)).is_ok());
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
