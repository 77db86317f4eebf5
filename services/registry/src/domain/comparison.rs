//! Comparisons: a candidate and a champion on the same rows.

use std::collections::BTreeMap;

use lineal_kernel::{Digest, ModelName, RequestId, Timestamp, VersionNumber};
use serde::{Deserialize, Serialize};

/// What a comparison says of the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComparisonVerdict {
    /// Better, and not by chance where a test can tell.
    Better,
    /// Not better.
    NotBetter,
    /// The difference may be chance.
    Inconclusive,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Canonical text of the slot.
    pub slot: String,
    /// The rows both were scored on.
    pub reference_digest: Digest,
    /// How many they are.
    pub reference_rows: u64,
    /// The candidate's metrics.
    pub candidate_metrics: BTreeMap<String, f64>,
    /// The champion's.
    pub champion_metrics: BTreeMap<String, f64>,
    /// The metric that was compared.
    pub metric: String,
    /// The statistical test, where one fits the metric.
    pub test: Option<TestResult>,
    /// What it says of the candidate.
    pub verdict: ComparisonVerdict,
}

/// What a statistical test says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestResult {
    /// Its name.
    pub name: String,
    /// Its statistic, finite.
    pub statistic: f64,
    /// Two-sided, from 0 to 1.
    pub p_value: f64,
}

/// A stored comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Identity: a UUID, ordered by time.
    pub comparison_id: String,
    /// The model of both.
    pub model: ModelName,
    /// The version that wants to be champion.
    pub candidate: VersionNumber,
    /// The version that was.
    pub champion: VersionNumber,
    /// The report it was made for.
    pub report_id: String,
    /// What was found.
    pub outcome: Outcome,
    /// Who recorded it.
    pub actor: String,
    /// When.
    pub created: Timestamp,
}

/// The wish to keep a comparison.
#[derive(Debug, Clone)]
pub struct RecordComparison {
    /// The model of both.
    pub model: ModelName,
    /// The version that wants to be champion.
    pub candidate: VersionNumber,
    /// The version that is.
    pub champion: VersionNumber,
    /// The report it was made for.
    pub report_id: String,
    /// What was found.
    pub outcome: Outcome,
    /// Key of this intended change.
    pub request_id: RequestId,
}

/// Which comparisons of a model a listing asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pair {
    /// Only those of this candidate.
    pub candidate: Option<VersionNumber>,
    /// Only those against this champion.
    pub champion: Option<VersionNumber>,
}
