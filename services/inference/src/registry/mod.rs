//! What a replica needs of the registry, and how it asks for it.

mod batches;
mod remote;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lineal_kernel::{Digest, FieldError, ModelName, Name, Slot};

pub(crate) use remote::RemoteRegistry;

use crate::{
    domain::{Facts, Listing, ScoringDefaults, Standing, VersionCounts, Wanted},
    folder::BatchManifest,
};

/// The registry as a replica sees it.
#[async_trait]
pub(crate) trait Registry: Send + Sync {
    /// Every alias, as one consistent snapshot.
    async fn serving_table(&self) -> Result<Listing, RegistryError>;

    /// Digests of the bundles to keep ready for a rollback.
    async fn standbys(&self) -> Result<Vec<Digest>, RegistryError>;

    /// The file with this digest, verified; [`RegistryError::Damaged`] also if it has more than `limit` bytes.
    async fn download(&self, digest: Digest, limit: usize) -> Result<Bytes, RegistryError>;

    /// The signatures of the bundle with this manifest; none if nobody signed it.
    async fn signatures(&self, bundle: Digest) -> Result<Vec<String>, RegistryError>;

    /// Takes a lease for the replica that others reach at `address`.
    async fn register(&self, replica: &Name, address: &str) -> Result<Lease, RegistryError>;

    /// Renews the lease and returns the generation to be served.
    async fn heartbeat(&self, replica: &Name, beat: Beat) -> Result<u64, RegistryError>;

    /// Says what the process `incarnation` of the replica has counted since it started.
    async fn report_usage(
        &self,
        replica: &Name,
        incarnation: &str,
        counts: &[VersionCounts],
    ) -> Result<(), RegistryError>;

    /// What is known of a version that this replica need not serve; `None` if there is none such.
    async fn version(&self, model: &ModelName, slot: &Slot, wanted: &Wanted) -> Result<Option<Facts>, RegistryError>;

    /// What the model's newest settings say of batches; `None` if it has no settings.
    async fn settings(&self, model: &ModelName) -> Result<Option<ScoringDefaults>, RegistryError>;

    /// Where the batch of this id was written to, if it is on record.
    async fn batch_output(&self, model: &ModelName, batch_id: &Name) -> Result<Option<String>, RegistryError>;

    /// The id of the batch on record last, and the edges of its bins.
    async fn last_batch(&self, model: &ModelName, slot: &Slot) -> Result<Option<(String, Vec<f64>)>, RegistryError>;

    /// Puts a batch on record, once, and returns how far it is from the batch before.
    async fn record_batch(&self, batch: &BatchRecord<'_>) -> Result<Option<f64>, RegistryError>;

    /// Gives the lease back.
    async fn deregister(&self, replica: &Name) -> Result<(), RegistryError>;
}

/// What a replica says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Beat {
    /// The generation it serves.
    pub(crate) generation: u64,
    /// What stands in the way of more; empty when all is well.
    pub(crate) problem: String,
    /// The standbys it looked after.
    pub(crate) standbys: Vec<(Digest, Standing)>,
}

/// A batch that is finished.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchRecord<'a> {
    pub(crate) manifest: &'a BatchManifest,
    /// Digest of the manifest.
    pub(crate) digest: Digest,
    /// The folder that holds it.
    pub(crate) output: &'a str,
    /// The version that scored.
    pub(crate) facts: &'a Facts,
}

/// A replica's lease.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    /// It ends this long after the last heartbeat.
    pub(crate) duration: Duration,
    /// The generation to be served.
    pub(crate) generation: u64,
}

/// Why the registry did not give what was asked of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// No usable answer; asking again later can help.
    #[error("the registry is unavailable: {problem}")]
    Unavailable {
        /// What came back instead.
        problem: String,
    },
    /// The lease has ended, or the registry never heard of this replica.
    #[error("the registry does not know this replica")]
    ReplicaUnknown,
    /// The artifact store does not hold the file.
    #[error("the file {digest} is not in the artifact store")]
    Absent {
        /// What was asked for.
        digest: Digest,
    },
    /// The artifact store holds something else.
    #[error("the file {digest} is damaged in the artifact store: {problem}")]
    Damaged {
        /// What was asked for.
        digest: Digest,
        /// What is wrong with it.
        problem: String,
    },
    /// The registry has a batch of this id that was written elsewhere.
    #[error("the registry has another batch of this id")]
    BatchTaken,
    /// An answer that makes no sense, e.g. from another release of the registry.
    #[error("the registry's answer cannot be read: {0}")]
    Answer(#[from] FieldError),
}
