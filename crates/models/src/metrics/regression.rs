//! Metrics of a regression, over at least one row of finite numbers.

pub(super) fn rmse(targets: &[f64], predictions: &[f64]) -> f64 {
    mean(targets.iter().zip(predictions).map(|(target, prediction)| (target - prediction).powi(2))).sqrt()
}

pub(super) fn mae(targets: &[f64], predictions: &[f64]) -> f64 {
    mean(targets.iter().zip(predictions).map(|(target, prediction)| (target - prediction).abs()))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
