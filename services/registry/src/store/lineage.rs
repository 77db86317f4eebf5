//! The port of lineage: steps between versions, and what runs made.

use async_trait::async_trait;
use lineal_kernel::TenantId;

use super::Result;
use crate::domain::{
    lineage::{Direction, Edge, Relative, VersionName},
    version::VersionView,
};

/// Lineage. Its rows are written with the version that they speak of.
#[async_trait]
pub trait LineageStore: Send + Sync {
    /// At most `limit` steps from any of `versions` in this direction, in order of the younger version.
    async fn edges(
        &self,
        tenant: &TenantId,
        versions: &[VersionName],
        direction: Direction,
        limit: u32,
    ) -> Result<Vec<Edge>>;
    /// These versions as a walk shows them, in this order; what does not exist is left out.
    async fn relatives(&self, tenant: &TenantId, versions: &[VersionName]) -> Result<Vec<Relative>>;
    /// These versions with what points at them, in this order; what does not exist is left out.
    async fn versions_named(&self, tenant: &TenantId, versions: &[VersionName]) -> Result<Vec<VersionView>>;
    /// The versions that a run made.
    async fn versions_of_run(&self, tenant: &TenantId, run_id: &str) -> Result<Vec<VersionName>>;
}
