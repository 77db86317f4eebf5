//! The port of performance.

use std::time::Duration;

use async_trait::async_trait;
use lineal_kernel::{PageRequest, TenantId, Timestamp};

use super::{Page, Result};
use crate::domain::{
    audit::AuditEntry,
    performance::{PerformanceBucket, PerformanceEntry, RecordPerformance, Window},
};

/// Performance of versions over time.
#[async_trait]
pub trait PerformanceStore: Send + Sync {
    /// Adds points, all or none; one of the same version, slot, metric and time is replaced. `Conflict` if the request is
    /// recorded already.
    async fn record_performance(&self, tenant: &TenantId, wish: &RecordPerformance, entry: &AuditEntry) -> Result<()>;
    /// The points of a window in order of time, number and slot.
    async fn performance(
        &self,
        tenant: &TenantId,
        window: &Window,
        page: &PageRequest,
    ) -> Result<Page<PerformanceEntry>>;
    /// The points of a window in buckets as wide as `step`, in order of time, number and slot.
    async fn performance_buckets(
        &self,
        tenant: &TenantId,
        window: &Window,
        step: Duration,
        page: &PageRequest,
    ) -> Result<Page<PerformanceBucket>>;
    /// Drops every tenant's points before a moment, which is the beginning of a month.
    async fn drop_performance(&self, before: Timestamp) -> Result<()>;
}
