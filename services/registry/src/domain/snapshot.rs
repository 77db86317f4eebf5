//! Snapshots: the rows of a dataset at one moment.

use lineal_kernel::{Digest, Name, Timestamp};

/// A recorded snapshot; its rows are an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The dataset's name.
    pub dataset: Name,
    /// Digest of the canonical file.
    pub digest: Digest,
    /// How many rows.
    pub rows: u64,
    /// Column names in order.
    pub columns: Vec<String>,
    /// When it was recorded first.
    pub created: Timestamp,
}
