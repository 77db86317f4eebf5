//! The port of scoring batches.

use async_trait::async_trait;
use lineal_kernel::{ModelName, Name, PageRequest, Slot, TenantId};

use super::{Page, Result};
use crate::domain::{audit::AuditEntry, scoring_batch::ScoringBatch};

/// Scoring batches.
#[async_trait]
pub trait ScoringBatchStore: Send + Sync {
    /// Keeps a batch; `Conflict` if the model has one of this id already.
    async fn record_scoring_batch(&self, tenant: &TenantId, batch: &ScoringBatch, entry: &AuditEntry) -> Result<()>;
    /// One batch.
    async fn scoring_batch(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        batch_id: &Name,
    ) -> Result<Option<ScoringBatch>>;
    /// Batches of a model, of one slot or of all, newest first.
    async fn scoring_batches(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        slot: Option<&Slot>,
        page: &PageRequest,
    ) -> Result<Page<ScoringBatch>>;
}
