//! Verdicts on versions, as the validator recorded them.

use std::collections::BTreeMap;

use lineal_kernel::{Digest, ModelName, RequestId, Timestamp, VersionNumber};
use serde::{Deserialize, Serialize};

/// A verdict. The latest one of a slot counts at promotion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// The validator's report.
    pub report_id: String,
    /// Every gate passed.
    pub passed: bool,
    /// The champion it was measured against; 0 for an empty slot.
    pub champion_number: u64,
    /// Digest of the rows that both were scored on.
    pub reference_digest: Digest,
    /// The candidate's metrics.
    pub metrics: BTreeMap<String, f64>,
    /// Gates that did not pass, one sentence each.
    pub failures: Vec<String>,
    /// Every gate; empty in what earlier releases recorded.
    #[serde(default)]
    pub gates: Vec<Gate>,
    /// Canonical text of the slot it was judged for.
    pub slot: String,
    /// When it was recorded, in microseconds.
    #[serde(skip)]
    pub created: Option<Timestamp>,
}

/// One condition of a verdict and its outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// E.g. `auc floor`.
    pub name: String,
    /// Name of the metric; empty if the gate counts something else.
    pub metric: String,
    /// The candidate's value, finite, if it has one.
    pub value: Option<f64>,
    /// What it had to reach or beat, finite, if there was something.
    pub limit: Option<f64>,
    /// How the two are compared: `>=`, `>`, `<=` or `<`.
    pub comparison: String,
    /// Whether the condition holds, or does not apply.
    pub passed: bool,
    /// One sentence for people.
    pub message: String,
}

/// The wish to store a verdict.
#[derive(Debug, Clone)]
pub struct RecordValidation {
    /// The model.
    pub model: ModelName,
    /// The version.
    pub number: VersionNumber,
    /// The verdict.
    pub validation: Validation,
    /// Key of this intended change.
    pub request_id: RequestId,
}
