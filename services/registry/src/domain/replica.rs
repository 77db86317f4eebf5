//! Replicas: inference processes, known by their leases.

use lineal_kernel::{Name, Timestamp};

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
}

impl Replica {
    /// Whether its lease still runs.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.lease_end > now
    }
}
