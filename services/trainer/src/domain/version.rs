//! The version a job is about to create.

use std::{collections::BTreeMap, time::Duration};

use lineal_kernel::{Digest, ModelName, Name};
use serde::{Deserialize, Serialize};

use super::{Upstream, text};

/// Everything the registry is told of a new version. It is stored before it is sent, so that a retry sends the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NewVersion {
    #[serde(with = "text")]
    pub(crate) model: ModelName,
    pub(crate) family: String,
    /// Digest of the uploaded manifest.
    pub(crate) digest: Digest,
    pub(crate) metrics: BTreeMap<String, f64>,
    pub(crate) description: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) run_id: String,
    /// The champion when it was trained; 0 for none.
    pub(crate) parent_number: u64,
    pub(crate) data_digest: Digest,
    pub(crate) reference_digest: Digest,
    pub(crate) feature_digest: Digest,
    pub(crate) hyperparameters_digest: Digest,
    pub(crate) code_version: String,
    #[serde(with = "text")]
    pub(crate) dataset: Name,
    #[serde(with = "text")]
    pub(crate) split_version: Name,
    #[serde(with = "text")]
    pub(crate) feature_version: Name,
    #[serde(with = "text")]
    pub(crate) model_version: Name,
    /// Wall-clock time of the fit.
    pub(crate) training_duration: Duration,
    pub(crate) training_rows: u64,
    pub(crate) validation_rows: u64,
    pub(crate) environment: BTreeMap<String, String>,
    /// The versions whose answers it takes, with their numbers.
    #[serde(default)]
    pub(crate) upstreams: Vec<Upstream>,
}
