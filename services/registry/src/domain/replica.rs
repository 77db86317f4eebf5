//! Replicas: inference processes, known by their leases.

use lineal_kernel::{Digest, Name, Timestamp};
use serde::{Deserialize, Serialize};

/// One inference process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Stable over restarts.
    pub name: Name,
    /// Where it is reached, e.g. `http://10.0.0.7:7400`.
    pub address: String,
    /// The generation it said it serves.
    pub generation: u64,
    /// What keeps it from the wanted generation; empty when all is well.
    pub problem: String,
    /// When it counts as gone.
    pub lease_end: Timestamp,
    /// When it was first seen.
    pub created: Timestamp,
    /// The standby bundles it looked after.
    pub standbys: Vec<StandbyReport>,
}

/// What a replica says of itself in a heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beat {
    /// The generation it serves.
    pub generation: u64,
    /// What keeps it from the wanted generation; empty when all is well.
    pub problem: String,
    /// The standby bundles it looked after; `None` if it did not speak of them.
    pub standbys: Option<Vec<StandbyReport>>,
}

/// What a replica knows of one bundle that it keeps ready for a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandbyReport {
    /// The bundle's digest.
    pub digest: Digest,
    /// Since when it could be loaded each time it was tried, in microseconds; `None` if it is not ready.
    pub ready_us: Option<i64>,
    /// When it was tried last, in microseconds.
    pub checked_us: Option<i64>,
    /// Why it is not ready; empty when all is well.
    pub problem: String,
}

impl Replica {
    /// Whether its lease still runs.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.lease_end > now
    }
}
