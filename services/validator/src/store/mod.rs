//! Where reports are kept.

mod sqlite;

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{Caller, ModelName, RequestId, TenantId};

pub(crate) use sqlite::SqliteStore;

use crate::domain::{Report, ReportId, ReportPage};

/// Reports, which are written once and never changed.
#[async_trait]
pub(crate) trait ReportStore: Send + Sync {
    /// Keeps `report` as the answer to its actor's request; `Conflict` if that request already has an answer.
    async fn insert(&self, report: &Report, request_id: &RequestId) -> Result<(), StoreError>;

    /// The answer to the caller's request, if it was given.
    async fn answer(&self, caller: &Caller, request_id: &RequestId) -> Result<Option<Report>, StoreError>;

    /// The report with this id.
    async fn report(&self, tenant: &TenantId, id: ReportId) -> Result<Option<Report>, StoreError>;

    /// At most `size` reports of `model`, newest first, made before the one that `after` points to.
    async fn reports(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        size: u32,
        after: Option<i64>,
    ) -> Result<ReportPage, StoreError>;

    /// Finishes what is under way.
    async fn close(&self);
}
