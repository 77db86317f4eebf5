//! What a verdict rests on.

use std::collections::BTreeMap;

use lineal_kernel::VersionNumber;

use super::TestResult;

/// Finite values by the name of the metric.
pub(crate) type Metrics = BTreeMap<String, f64>;

/// What scoring one version on the reference set showed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Evidence {
    /// How many rows the reference set has.
    pub(crate) rows: usize,
    /// How many raw columns the version reads.
    pub(crate) inputs: usize,
    /// Those that the reference set does not have.
    pub(crate) missing_inputs: Vec<String>,
    /// How many rows it answered with a finite number, which is all of them, or why it did not.
    pub(crate) answers: Result<usize, String>,
    /// How good the answers are; empty if that is undefined.
    pub(crate) metrics: Metrics,
}

/// Who the candidate has to beat.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rival {
    /// Nobody: the slot has no champion.
    Absent,
    /// Nobody: the candidate is the champion.
    Itself,
    /// Nobody: the policy does not ask for it.
    Skipped,
    /// A champion, measured on the candidate's reference set.
    Measured { number: VersionNumber, metrics: Metrics, test: Option<TestResult> },
    /// A champion that cannot be measured on the candidate's reference set, for this reason.
    Incomparable { number: VersionNumber, problem: String },
}

impl Rival {
    /// The champion's metrics on the candidate's reference set.
    pub(crate) fn metrics(&self) -> Option<&Metrics> {
        match self {
            Self::Measured { metrics, .. } => Some(metrics),
            Self::Absent | Self::Itself | Self::Skipped | Self::Incomparable { .. } => None,
        }
    }

    /// Whether the difference to the candidate may be chance.
    pub(crate) fn test(&self) -> Option<&TestResult> {
        match self {
            Self::Measured { test, .. } => test.as_ref(),
            Self::Absent | Self::Itself | Self::Skipped | Self::Incomparable { .. } => None,
        }
    }
}
