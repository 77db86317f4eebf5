//! Standbys: what is kept ready for a rollback.

use lineal_kernel::{ModelName, Slot};

use super::{promotion::Skipped, version::VersionView};

/// The way back of one slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Standby {
    /// The model.
    pub model: ModelName,
    /// The slot.
    pub slot: Slot,
    /// The rollback candidate, last, after the versions whose answers it uses; empty when there is none.
    pub chain: Vec<VersionView>,
    /// Later candidates that have failed or did not pass their last check.
    pub skipped: Vec<Skipped>,
}
