//! The port of usage.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lineal_kernel::{ModelName, TenantId, Timestamp, VersionNumber};

use super::Result;
use crate::domain::usage::{Totals, UsageReport};

/// Usage. Counts come by the second and are not audited.
#[async_trait]
pub trait UsageStore: Send + Sync {
    /// Keeps the highest counts of each process and version. Reports of processes that are folded change nothing, and counts of
    /// unknown versions are left out.
    async fn report_usage(&self, tenant: &TenantId, report: &UsageReport, now: Timestamp) -> Result<()>;
    /// The sums over all processes of these versions; those without any usage are absent.
    async fn usage(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        numbers: &[VersionNumber],
    ) -> Result<BTreeMap<VersionNumber, Totals>>;
    /// Adds up the counts of processes that were last heard of before `silent`, and forgets the names of those folded ones that
    /// were last heard of before `forgotten`. Sums stay the same.
    async fn fold_usage(&self, tenant: &TenantId, silent: Timestamp, forgotten: Timestamp) -> Result<()>;
}
