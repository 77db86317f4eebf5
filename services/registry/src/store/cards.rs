//! The port of model cards.

use async_trait::async_trait;
use lineal_kernel::{Digest, ModelName, Slot, TenantId, VersionNumber};

use super::Result;
use crate::domain::history::Tenure;

/// Where the card of a reign is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardRecord {
    /// The champion's model.
    pub model: ModelName,
    /// The slot.
    pub slot: Slot,
    /// The champion.
    pub number: VersionNumber,
    /// The generation that began the reign.
    pub generation: u64,
    /// Digest of the facts.
    pub facts: Digest,
    /// Digest of the text.
    pub text: Digest,
}

/// Model cards: one for each reign.
#[async_trait]
pub trait CardStore: Send + Sync {
    /// At most `limit` reigns that have no card yet, the latest first.
    async fn uncarded(&self, tenant: &TenantId, limit: u32) -> Result<Vec<Tenure>>;
    /// Records the card of a reign; the first one stays.
    async fn record_card(&self, tenant: &TenantId, card: &CardRecord) -> Result<()>;
    /// The card of a version's latest reign that has one.
    async fn card(&self, tenant: &TenantId, model: &ModelName, number: VersionNumber) -> Result<Option<CardRecord>>;
}
