//! Performance of versions over time.

use std::time::Duration;

use lineal_kernel::{Caller, ModelName, PageRequest};

use super::requests::request;
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        error::RegistryError,
        performance::{PerformanceBucket, PerformanceEntry, RecordPerformance, Window, kept_from},
    },
    store::Page,
};

const RECORD: &str = "record_performance";

impl Registry {
    /// Adds points to a version.
    pub(crate) async fn record_performance(
        &self,
        caller: &Caller,
        wish: RecordPerformance,
    ) -> Result<(), RegistryError> {
        let request = request(&wish.request_id, &wish);
        if self.replayed(caller, RECORD, &request).await?.is_some() {
            return Ok(());
        }
        self.version(caller, &wish.model, wish.number).await?;
        let entry = AuditEntry::new(caller, self.clock.now(), RECORD)
            .about(&wish.model, &wish.slot, Some(wish.number))
            .detail(format!("{} points", wish.points.len()))
            .request(request.clone());
        if let Err(error) = self.store.record_performance(&caller.tenant, &wish, &entry).await {
            self.raced(caller, RECORD, &request, error).await?;
        }
        Ok(())
    }

    /// The points of a window.
    pub(crate) async fn performance(
        &self,
        caller: &Caller,
        window: &Window,
        page: &PageRequest,
    ) -> Result<Page<PerformanceEntry>, RegistryError> {
        self.known(caller, &window.model).await?;
        Ok(self.store.performance(&caller.tenant, window, page).await?)
    }

    /// The points of a window in buckets.
    pub(crate) async fn performance_buckets(
        &self,
        caller: &Caller,
        window: &Window,
        step: Duration,
        page: &PageRequest,
    ) -> Result<Page<PerformanceBucket>, RegistryError> {
        self.known(caller, &window.model).await?;
        Ok(self.store.performance_buckets(&caller.tenant, window, step, page).await?)
    }

    async fn known(&self, caller: &Caller, model: &ModelName) -> Result<(), RegistryError> {
        self.model(caller, model).await.map(drop)
    }

    /// Drops points that are older than the configured age, if there is one.
    pub(crate) async fn drop_performance(&self) -> Result<(), RegistryError> {
        let Some(retention) = self.limits.performance_retention else { return Ok(()) };
        Ok(self.store.drop_performance(kept_from(self.clock.now(), retention)).await?)
    }
}
