//! Registered models.

use lineal_kernel::{ModelName, RequestId, Timestamp};

/// A name that groups versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Unique within the tenant, never reused.
    pub name: ModelName,
    /// For people.
    pub description: String,
    /// The highest number given so far; 0 before the first version.
    pub latest_version: u64,
    /// When the name was registered.
    pub created: Timestamp,
}

/// The wish to register a name.
#[derive(Debug, Clone)]
pub struct CreateModel {
    /// The name.
    pub name: ModelName,
    /// For people.
    pub description: String,
    /// Key of this intended change.
    pub request_id: RequestId,
}
