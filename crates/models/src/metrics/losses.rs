//! What each row adds to a metric that is a mean over rows.

use super::{Metric, regression::row_deviance};
use crate::Task;

/// The loss of every row, less of which is better; `None` for a metric that is no mean over rows. The root of a mean, as in
/// `rmse`, stands for that mean.
pub(super) fn losses(task: Task, metric: Metric, labels: &[f64], scores: &[f64]) -> Option<Vec<f64>> {
    let several = task == Task::MulticlassClassification;
    let width = if several { scores.len() / labels.len() } else { 1 };
    let of = |loss: &dyn Fn(f64, &[f64]) -> f64| {
        Some(labels.iter().zip(scores.chunks_exact(width)).map(|(label, scores)| loss(*label, scores)).collect())
    };
    match metric {
        Metric::LogLoss if several => of(&|label, scores| surprise(scores[label as usize])),
        Metric::LogLoss => of(&|label, scores| surprise(if label > 0.5 { scores[0] } else { 1.0 - scores[0] })),
        Metric::Brier if several => of(&|label, scores| {
            let squares = scores.iter().enumerate().map(|(k, score)| (score - f64::from(k == label as usize)).powi(2));
            squares.sum()
        }),
        Metric::Brier | Metric::Rmse => of(&|label, scores| (scores[0] - label).powi(2)),
        Metric::Mae => of(&|label, scores| (scores[0] - label).abs()),
        Metric::Deviance => of(&|label, scores| row_deviance(label, scores[0])),
        Metric::Auc | Metric::Accuracy | Metric::Precision | Metric::Recall | Metric::F1 | Metric::R2 => None,
    }
}

fn surprise(chance: f64) -> f64 {
    -chance.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}
