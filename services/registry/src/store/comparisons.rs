//! The port of comparisons.

use async_trait::async_trait;
use lineal_kernel::{ModelName, PageRequest, TenantId};

use super::{Page, Result};
use crate::domain::{
    audit::AuditEntry,
    comparison::{Comparison, Pair},
};

/// Comparisons.
#[async_trait]
pub trait ComparisonStore: Send + Sync {
    /// Keeps a comparison; `Conflict` if its report has one already.
    async fn record_comparison(&self, tenant: &TenantId, comparison: &Comparison, entry: &AuditEntry) -> Result<()>;
    /// One comparison.
    async fn comparison(&self, tenant: &TenantId, comparison_id: &str) -> Result<Option<Comparison>>;
    /// Comparisons of a model, newest first.
    async fn comparisons(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        pair: Pair,
        page: &PageRequest,
    ) -> Result<Page<Comparison>>;
}
