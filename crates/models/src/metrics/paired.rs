//! Whether the difference between two versions on the same rows may be chance.

use super::{Metric, MetricError, classification, delong, mcnemar};

/// Below this probability a difference is not taken for chance.
pub const SIGNIFICANCE: f64 = 0.05;

/// What a test of a difference on the same rows says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedTest {
    /// The stable name of the test: `delong` or `mcnemar`.
    pub name: &'static str,
    /// DeLong: the candidate's area minus the champion's, over the standard error of that. McNemar: the smaller number of the
    /// rows that one of the two got right and the other wrong.
    pub statistic: f64,
    /// Two-sided: how likely a difference at least as large is if the two are equally good.
    pub p_value: f64,
}

/// The scores of one side and the threshold from which on it calls a row positive.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// One probability for each row.
    pub scores: &'a [f64],
    /// A row is predicted positive when its score is not below this.
    pub threshold: f64,
}

/// Tests the difference in `metric`: DeLong's test for auc, McNemar's exact test for accuracy. `None` for other metrics, and
/// where the rows are too few or too much alike for DeLong's.
///
/// # Errors
/// [`MetricError`] for the same rows that [`super::compute`] refuses.
pub fn paired_test(
    metric: Metric,
    labels: &[f64],
    candidate: Side<'_>,
    champion: Side<'_>,
) -> Result<Option<PairedTest>, MetricError> {
    if !matches!(metric, Metric::Auc | Metric::Accuracy) {
        return Ok(None);
    }
    for side in [candidate, champion] {
        if labels.len() != side.scores.len() {
            return Err(MetricError::Length { labels: labels.len(), scores: side.scores.len() });
        }
        classification::check(labels, side.scores, side.threshold)?;
    }
    Ok(match metric {
        Metric::Auc => delong::test(labels, candidate.scores, champion.scores),
        _ => Some(mcnemar::test(labels, candidate, champion)),
    })
}
