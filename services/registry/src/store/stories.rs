//! The stories of promotions.

use async_trait::async_trait;
use lineal_kernel::TenantId;

use super::Result;
use crate::domain::{promotion::Promotion, story::PromotionEvent};

/// What happened in promotions. The writes of a promotion itself take its latest events along; `tell` is for the time between.
#[async_trait]
pub trait StoryStore: Send + Sync {
    /// Adds events to a promotion that is under way; those that are there already are left as they are. `Conflict` if it has
    /// ended.
    async fn tell(&self, tenant: &TenantId, promotion_id: &str, news: &[PromotionEvent]) -> Result<()>;
    /// A promotion and its events after `sequence` in order, read at one moment.
    async fn story(
        &self,
        tenant: &TenantId,
        promotion_id: &str,
        sequence: u64,
    ) -> Result<Option<(Promotion, Vec<PromotionEvent>)>>;
}
