//! Scoring batches: files that a version scored.

use std::collections::BTreeMap;

use lineal_kernel::{Digest, ModelName, Name, RequestId, Slot, Timestamp, VersionNumber};
use serde::{Deserialize, Serialize};

use super::stability::psi;

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The generation in which the version was found.
    pub generation: u64,
    /// The replica that finished the batch.
    pub replica: String,
    /// Where the rows came from.
    pub input: String,
    /// The digest of that file.
    pub input_digest: Digest,
    /// The folder of the predictions.
    pub output: String,
    /// How many rows.
    pub rows: u64,
    /// How many files.
    pub parts: u64,
    /// Rows by predicted label; empty where the score is the answer.
    pub label_counts: BTreeMap<String, u64>,
    /// How the scores are distributed.
    pub distribution: Distribution,
    /// How they lie in the bins of the batch before; `None` for a first batch.
    pub previous: Option<Previous>,
    /// When the batch began, in microseconds since 1970.
    pub started_us: i64,
    /// When the last of it was written.
    pub finished_us: i64,
}

/// How scores are distributed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Pairs of level and score, ascending.
    pub quantiles: Vec<(f64, f64)>,
    /// The mean.
    pub mean: f64,
    /// Deciles without repetitions, ascending.
    pub edges: Vec<f64>,
    /// Rows up to and with each edge, and beyond the last one.
    pub counts: Vec<u64>,
}

/// A batch seen from the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Previous {
    /// The batch before.
    pub batch_id: String,
    /// Rows of this batch in the bins of that one.
    pub counts: Vec<u64>,
}

/// A stored batch.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoringBatch {
    /// The model.
    pub model: ModelName,
    /// Chosen by whoever asked for it; unique within the model.
    pub batch_id: Name,
    /// Orders the batches of a model by time: a UUID.
    pub record_id: String,
    /// The slot whose champion was asked.
    pub slot: Slot,
    /// The one version that scored every row.
    pub number: VersionNumber,
    /// Digest of the manifest in the output.
    pub manifest: Digest,
    /// What became of it.
    pub scored: Scored,
    /// How far its scores are from those of the batch before; `None` for a first batch.
    pub psi: Option<f64>,
    /// Who recorded it.
    pub actor: String,
    /// When.
    pub created: Timestamp,
}

/// The wish to keep a batch.
#[derive(Debug, Clone)]
pub struct RecordScoringBatch {
    /// The model.
    pub model: ModelName,
    /// The batch.
    pub batch_id: Name,
    /// The slot whose champion was asked.
    pub slot: Slot,
    /// The one version that scored every row.
    pub number: VersionNumber,
    /// Digest of the manifest in the output.
    pub manifest: Digest,
    /// What became of it.
    pub scored: Scored,
    /// Key of this intended change.
    pub request_id: RequestId,
}

impl Scored {
    /// The stability index against the batch `before`; `None` if the counts are not of its bins.
    pub fn psi(&self, before: &Distribution) -> Option<f64> {
        let counts = &self.previous.as_ref()?.counts;
        (counts.len() == before.counts.len()).then(|| psi(&before.counts, counts))
    }
}
