//! Whether the difference between two versions on the same rows may be chance.

use super::{Metric, MetricError, check, delong, losses::losses, mcnemar, multiclass, student};
use crate::{Task, labels::is_positive};

/// Below this probability a difference is not taken for chance.
pub const SIGNIFICANCE: f64 = 0.05;

/// What a test of a difference on the same rows says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedTest {
    /// The stable name of the test: `delong`, `mcnemar` or `paired_t`.
    pub name: &'static str,
    /// DeLong: the candidate's area minus the champion's, over the standard error of that. McNemar: the smaller number of the
    /// rows that one of the two got right and the other wrong. Paired t: the mean difference of losses over its standard error.
    pub statistic: f64,
    /// Two-sided: how likely a difference at least as large is if the two are equally good.
    pub p_value: f64,
}

/// The scores of one side; of two classes, with the threshold from which on it calls a row positive.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// One for each row; of several classes one for each, row after row.
    pub scores: &'a [f64],
    /// Of two classes, a row is predicted positive when its score is not below this.
    pub threshold: f64,
}

/// Tests the difference in `metric`: DeLong's test for auc of two classes, McNemar's exact test for accuracy, Student's paired
/// test for means over rows (of which `rmse` is the root). `None` for other metrics, and where the rows are too few or too much
/// alike.
///
/// # Errors
/// [`MetricError`] for the same rows that [`super::compute`] refuses.
pub fn paired_test(
    task: Task,
    metric: Metric,
    labels: &[f64],
    candidate: Side<'_>,
    champion: Side<'_>,
) -> Result<Option<PairedTest>, MetricError> {
    if !metric.measures(task) {
        return Ok(None);
    }
    for side in [candidate, champion] {
        check(task, labels, side.scores, side.threshold)?;
    }
    Ok(match metric {
        Metric::Auc if task == Task::BinaryClassification => delong::test(labels, candidate.scores, champion.scores),
        Metric::Accuracy => Some(mcnemar::test(&right(task, labels, candidate), &right(task, labels, champion))),
        _ => {
            let losses = |side: Side<'_>| losses(task, metric, labels, side.scores);
            losses(candidate)
                .zip(losses(champion))
                .and_then(|(candidate, champion)| student::test(&candidate, &champion))
        }
    })
}

/// Which rows were given their class.
fn right(task: Task, labels: &[f64], side: Side<'_>) -> Vec<bool> {
    if task == Task::BinaryClassification {
        let right = |(label, score): (&f64, &f64)| (*score >= side.threshold) == is_positive(*label);
        return labels.iter().zip(side.scores).map(right).collect();
    }
    let rows = side.scores.chunks_exact(side.scores.len() / labels.len());
    labels.iter().zip(rows).map(|(label, scores)| multiclass::first_best(scores) == *label as usize).collect()
}
