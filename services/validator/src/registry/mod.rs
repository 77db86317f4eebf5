//! What a verdict needs of the registry, and how it asks for it.

mod remote;

use async_trait::async_trait;
use lineal_bundles::Source;
use lineal_kernel::{Digest, ModelName, Slot, VersionNumber};

pub(crate) use remote::RemoteRegistry;

use crate::domain::Report;

/// The registry as the validator sees it. A file that is absent, damaged or too large is [`RegistryError::Artifact`].
#[async_trait]
pub(crate) trait Registry: Source<Error = RegistryError> {
    /// The version, if it exists.
    async fn version(&self, model: &ModelName, number: VersionNumber) -> Result<Option<Version>, RegistryError>;

    /// The slot's champion, if it has one.
    async fn champion(&self, model: &ModelName, slot: &Slot) -> Result<Option<Pointer>, RegistryError>;

    /// What the model's newest settings say of validation; `None` if it has no settings.
    async fn settings(&self, model: &ModelName) -> Result<Option<Settings>, RegistryError>;

    /// Stores the verdict on the version, and the comparison with the champion if there was one. Recording the same report again changes nothing.
    async fn record(&self, report: &Report) -> Result<(), RegistryError>;
}

/// What a verdict needs to know of a version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    /// Digest of its bundle.
    pub(crate) digest: Digest,
    /// Digest of its reference set, if it was registered with one.
    pub(crate) reference: Option<Digest>,
}

/// What a model's settings say of validation, unchecked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// Digest of their file.
    pub(crate) digest: Digest,
    /// Metrics and what they must not be worse than.
    pub(crate) limits: Vec<(String, f64)>,
    /// Empty for none.
    pub(crate) comparison_metric: String,
    pub(crate) skip_comparison: bool,
}

/// Where an alias points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pointer {
    pub(crate) number: VersionNumber,
    /// Digest of the version's bundle.
    pub(crate) digest: Digest,
}

/// Why the registry did not give what was asked of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// No usable answer; asking again can help.
    #[error("{problem}")]
    Unavailable { problem: String },
    /// The artifact store does not hold the file, or holds something else.
    #[error("{problem}")]
    Artifact { problem: String },
    /// A refusal or an answer that makes no sense here.
    #[error("{problem}")]
    Answer { problem: String },
}
