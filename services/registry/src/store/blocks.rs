//! The port of blocks. Those of training, validation and rollback are written with what they speak of.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lineal_kernel::{ModelName, TenantId, VersionNumber};

use super::Result;
use crate::domain::{
    audit::AuditEntry,
    block::{Blocks, RecordBlock},
};

/// Blocks of versions.
#[async_trait]
pub trait BlockStore: Send + Sync {
    /// The blocks of these versions; those without any are absent.
    async fn blocks(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        numbers: &[VersionNumber],
    ) -> Result<BTreeMap<VersionNumber, Blocks>>;
    /// Stores a block in place of the one of the same stage. `Conflict` if the request is recorded already.
    async fn record_block(&self, tenant: &TenantId, block: &RecordBlock, entry: &AuditEntry) -> Result<()>;
}
