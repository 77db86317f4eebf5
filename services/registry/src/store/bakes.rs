//! The port of bake times. They begin with the commit of their promotion.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lineal_kernel::TenantId;

use super::Result;
use crate::domain::{bake::Bake, promotion::Promotion};

/// Bake times.
#[async_trait]
pub trait BakeStore: Send + Sync {
    /// Promotions whose champion is watched, oldest first.
    async fn baking(&self, tenant: &TenantId) -> Result<Vec<(Promotion, Bake)>>;
    /// The bake times of these promotions, by promotion.
    async fn bakes(&self, tenant: &TenantId, promotion_ids: &[String]) -> Result<BTreeMap<String, Bake>>;
    /// Writes how a bake time ended; one that has ended stays as it is.
    async fn end_bake(&self, tenant: &TenantId, bake: &Bake) -> Result<()>;
}
