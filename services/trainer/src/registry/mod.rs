//! The port to the registry: what a training needs of it.

mod client;
mod known;
mod retry;

use std::{collections::BTreeMap, fs::File};

use async_trait::async_trait;
use bytes::Bytes;
use lineal_bundles::Source;
use lineal_kernel::{Digest, ModelName, Name, Slot};

use crate::domain::{ModelSettings, NewVersion, PromoteNode, Upstream};

pub(crate) use client::RegistryClient;
pub(crate) use retry::patiently;

/// Largest file of rows that is loaded, in bytes.
const MAX_FILE: usize = 2 << 30;

/// Why the registry did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegistryError {
    /// It, or what it needs, is away. The call may have been done.
    #[error("the registry cannot be reached ({message}); see that it runs")]
    Unavailable {
        /// What the connection said.
        message: String,
    },
    /// It has no such thing.
    #[error("{message}")]
    NotFound {
        /// The registry's words.
        message: String,
    },
    /// What it keeps is not what was stored.
    #[error("{message}")]
    Damaged {
        /// The registry's words.
        message: String,
    },
    /// There is no room for what was sent, here or there.
    #[error("{message}")]
    Full {
        /// Where, and what to do.
        message: String,
    },
    /// The version that is to be promoted is the slot's champion.
    #[error("{message}")]
    AlreadyChampion {
        /// The registry's words.
        message: String,
    },
    /// It said no.
    #[error("the registry refused: {message}")]
    Refused {
        /// The registry's words.
        message: String,
    },
}

/// The names of the recipe that came with a slot's champion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) split: String,
    pub(crate) features: String,
    pub(crate) model: String,
}

/// What is known of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownVersion {
    /// Digest of its bundle.
    pub(crate) digest: Digest,
    /// Digest of the snapshot it was trained on.
    pub(crate) data: Digest,
    /// Digest of the reference set.
    pub(crate) reference: Digest,
    /// Digest of the feature set.
    pub(crate) features: Digest,
    /// Digest of the resolved hyperparameters.
    pub(crate) hyperparameters: Digest,
    pub(crate) run_id: String,
    pub(crate) dataset: String,
    /// Program, operating system and the like.
    pub(crate) environment: BTreeMap<String, String>,
    /// The versions whose answers it takes.
    pub(crate) upstreams: Vec<Upstream>,
    /// It was not taken out, its run is not tainted, and its files were whole when they were last read.
    pub(crate) sound: bool,
}

/// A snapshot to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotRecord {
    pub(crate) dataset: Name,
    pub(crate) digest: Digest,
    pub(crate) rows: u64,
    pub(crate) columns: Vec<String>,
}

/// A run to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewRun {
    pub(crate) model: ModelName,
    pub(crate) experiment: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) request_id: String,
}

/// What rows can be to a training.
pub(crate) const ROLES: [&str; 4] = ["source", "training", "reference", "extra"];

/// Rows that a run used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunDataset {
    pub(crate) name: Name,
    /// One of [`ROLES`].
    pub(crate) role: &'static str,
    pub(crate) digest: Digest,
    pub(crate) rows: u64,
}

/// What is added to a run in one change.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RunLog {
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) metrics: BTreeMap<String, f64>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) datasets: Vec<RunDataset>,
}

/// A signature of an uploaded bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewSignature {
    pub(crate) model: ModelName,
    /// Digest of the bundle.
    pub(crate) digest: Digest,
    /// The content of `model.sig`.
    pub(crate) envelope: String,
    /// In PEM.
    pub(crate) public_key: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunEnd {
    /// With a version.
    Finished,
    /// With this error.
    Failed(String),
    /// Because someone stopped it.
    Killed,
}

/// A judged version to make champion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Promotion {
    pub(crate) model: ModelName,
    pub(crate) slot: Slot,
    pub(crate) number: u64,
    /// The champion it was measured against; 0 for an empty slot.
    pub(crate) expected_champion: u64,
    pub(crate) report_id: String,
    pub(crate) terms: PromoteNode,
    pub(crate) request_id: String,
}

/// A promotion that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Promoted {
    pub(crate) promotion_id: String,
    pub(crate) generation: u64,
}

/// The registry. Every call can be repeated without doing more than once.
#[async_trait]
pub(crate) trait Registry: Source<Error = RegistryError> {
    /// The content with this digest, verified.
    async fn download(&self, digest: Digest) -> Result<Bytes, RegistryError> {
        self.file(digest, MAX_FILE).await
    }

    /// Writes the content with this digest, verified, to the beginning of `to`.
    async fn fetch(&self, digest: Digest, to: &File) -> Result<(), RegistryError>;

    /// Reads the content with this digest and keeps nothing; an error unless it is there and whole.
    async fn verify(&self, digest: Digest) -> Result<(), RegistryError>;

    /// Stores the file `from` under its digest.
    async fn send(&self, digest: Digest, from: &File) -> Result<(), RegistryError>;

    /// Stores content under its digest.
    async fn upload(&self, content: Bytes) -> Result<Digest, RegistryError>;

    /// Records an uploaded snapshot.
    async fn record_snapshot(&self, snapshot: &SnapshotRecord) -> Result<(), RegistryError>;

    /// The recipe of the slot's champion, if there is one.
    async fn defaults(&self, model: &ModelName, slot: &Slot) -> Result<Option<Defaults>, RegistryError>;

    /// The number of the slot's champion, 0 for none.
    async fn champion(&self, model: &ModelName, slot: &Slot) -> Result<u64, RegistryError>;

    /// The settings of a model with this digest, or the newest; `None` if there are none such.
    async fn settings(&self, model: &ModelName, digest: Option<Digest>)
    -> Result<Option<ModelSettings>, RegistryError>;

    /// One version.
    async fn version(&self, model: &ModelName, number: u64) -> Result<KnownVersion, RegistryError>;

    /// What was logged to a run; of its datasets those that a training logs.
    async fn run(&self, run_id: &str) -> Result<RunLog, RegistryError>;

    /// Opens a run and returns its id.
    async fn create_run(&self, run: &NewRun) -> Result<String, RegistryError>;

    /// Adds to an open run.
    async fn log(&self, run_id: &str, log: &RunLog) -> Result<(), RegistryError>;

    /// Marks a run whose inputs are no longer what was logged; the first reason stays.
    async fn taint(&self, run_id: &str, reason: &str) -> Result<(), RegistryError>;

    /// Closes a run.
    async fn finish_run(&self, run_id: &str, end: &RunEnd) -> Result<(), RegistryError>;

    /// Keeps the signature of an uploaded bundle; the first of each key stays.
    async fn attach_signature(&self, signature: &NewSignature) -> Result<(), RegistryError>;

    /// Gives an uploaded bundle the next number of its model.
    async fn create_version(&self, version: &NewVersion, request_id: &str) -> Result<u64, RegistryError>;

    /// Makes a version champion if the one it was measured against still is.
    async fn promote(&self, promotion: &Promotion) -> Result<Promoted, RegistryError>;
}
