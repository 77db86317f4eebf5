//! The stored verdict.

use std::{fmt, str::FromStr};

use lineal_kernel::{Digest, FieldError, ModelName, Slot, TenantId, Timestamp, VersionNumber};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Gate, Metrics, Policy, TestResult};

/// Identity of a report, ordered by the moment it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReportId(Uuid);

impl ReportId {
    /// A fresh id for a report made at `now`.
    pub(crate) fn fresh(now: Timestamp) -> Self {
        let micros = u64::try_from(now.micros()).unwrap_or(0);
        let nanos = (micros % 1_000_000) as u32 * 1000;
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, micros / 1_000_000, nanos)))
    }
}

impl fmt::Display for ReportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ReportId {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Uuid::parse_str(text).map(Self).map_err(|_| FieldError::new("report_id", "expected a UUID"))
    }
}

/// A verdict with everything it rests on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) id: ReportId,
    pub(crate) tenant: TenantId,
    pub(crate) model: ModelName,
    /// The slot it was judged for.
    pub(crate) slot: Slot,
    /// The candidate.
    pub(crate) number: VersionNumber,
    /// Digest of the candidate's bundle.
    pub(crate) digest: Digest,
    /// The slot's champion at that time.
    pub(crate) champion: Option<Champion>,
    pub(crate) reference: Reference,
    pub(crate) gates: Vec<Gate>,
    /// The candidate's metrics.
    pub(crate) metrics: Metrics,
    /// The conditions in force.
    pub(crate) policy: Policy,
    /// The settings file that they come from, if they do.
    pub(crate) settings: Option<Digest>,
    /// Who asked.
    pub(crate) actor: String,
    pub(crate) create_time: Timestamp,
}

/// The champion in a report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Champion {
    pub(crate) number: VersionNumber,
    /// Digest of its bundle.
    pub(crate) digest: Digest,
    /// Its metrics on the candidate's reference set; empty if it was not measured.
    pub(crate) metrics: Metrics,
    /// Whether the difference may be chance, where a test can tell.
    pub(crate) test: Option<TestResult>,
}

/// The rows that candidate and champion were scored on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) digest: Digest,
    pub(crate) rows: u64,
}

/// Reports, newest first.
#[derive(Debug)]
pub(crate) struct ReportPage {
    pub(crate) reports: Vec<Report>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<i64>,
}

impl Report {
    /// Whether every gate was passed.
    pub(crate) fn passed(&self) -> bool {
        self.gates.iter().all(|gate| gate.passed)
    }

    /// Gates that were not passed, one sentence each.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.gates.iter().filter(|gate| !gate.passed).map(|gate| gate.message.clone()).collect()
    }
}
