//! Usage of versions.

use std::time::Duration;

use lineal_kernel::{Caller, ModelName, Timestamp, VersionNumber};

use crate::{
    Registry,
    domain::{
        error::RegistryError,
        usage::{Usage, UsageReport},
    },
};

/// A process that was silent for this long is gone.
const SILENT: Duration = Duration::from_hours(24);
/// A report of a process that is gone can be this late.
const LATE: Duration = Duration::from_hours(30 * 24);

impl Registry {
    /// Takes note of what a process counted.
    pub(crate) async fn report_usage(&self, caller: &Caller, mut report: UsageReport) -> Result<(), RegistryError> {
        let now = self.clock.now();
        for count in &mut report.counts {
            // A clock that is ahead must not make every later use look old.
            count.totals.last_use = count.totals.last_use.map(|last_use| last_use.min(now));
        }
        Ok(self.store.report_usage(&caller.tenant, &report, now).await?)
    }

    /// What a version did in production.
    pub(crate) async fn usage(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
    ) -> Result<Usage, RegistryError> {
        let view = self.version(caller, model, number).await?;
        let totals = self.store.usage(&caller.tenant, model, &[number]).await?;
        Ok(Usage::new(totals.get(&number).copied().unwrap_or_default(), &view.reigns))
    }

    /// Adds up the counts of processes that are gone, so that there are never more rows than versions and recent processes.
    pub(crate) async fn fold_usage(&self, caller: &Caller) -> Result<(), RegistryError> {
        let now = self.clock.now();
        let before = |age: Duration| Timestamp::from_micros(now.micros().saturating_sub(age.as_micros() as i64));
        Ok(self.store.fold_usage(&caller.tenant, before(SILENT), before(LATE)).await?)
    }
}
