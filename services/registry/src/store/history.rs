//! The port of history.

use async_trait::async_trait;
use lineal_kernel::{ModelName, PageRequest, Slot, TenantId, Timestamp};

use super::{Page, Result};
use crate::domain::history::{Occupant, Tenure};

/// Who was champion when.
#[async_trait]
pub trait HistoryStore: Send + Sync {
    /// Who held a slot at a moment.
    async fn occupant(&self, tenant: &TenantId, model: &ModelName, slot: &Slot, moment: Timestamp) -> Result<Occupant>;
    /// A slot's champions, latest reign first.
    async fn tenures(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        slot: &Slot,
        page: &PageRequest,
    ) -> Result<Page<Tenure>>;
}
