//! What a report says of candidate against champion.

use lineal_models::SIGNIFICANCE;
use serde::{Deserialize, Serialize};

use super::{Champion, Report};

/// What a statistical test of the difference says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TestResult {
    /// Its name.
    pub(crate) name: String,
    pub(crate) statistic: f64,
    /// Two-sided.
    pub(crate) p_value: f64,
}

/// How a comparison ended for the candidate. The gate is another matter: it asks for a better value and not for certainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Better, and not by chance where a test can tell.
    Better,
    /// Not better.
    NotBetter,
    /// The difference may be chance.
    Inconclusive,
}

impl Report {
    /// The champion and how the comparison with it ended; `None` if both sides have no value of the metric in question.
    pub(crate) fn comparison(&self) -> Option<(&Champion, Verdict)> {
        let metric = self.policy.comparison;
        let champion = self.champion.as_ref()?;
        let (value, other) = (self.metrics.get(metric.name())?, champion.metrics.get(metric.name())?);
        let verdict = match &champion.test {
            Some(test) if test.p_value >= SIGNIFICANCE => Verdict::Inconclusive,
            _ if metric.direction().improves(*value, *other) => Verdict::Better,
            _ => Verdict::NotBetter,
        };
        Some((champion, verdict))
    }
}
