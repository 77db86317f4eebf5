//! Comparisons of candidates with champions.

use lineal_db::StoreError;
use lineal_kernel::{Caller, ModelName, PageRequest, Slot};

use super::requests::request;
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        comparison::{Comparison, Pair, RecordComparison},
        error::RegistryError,
    },
    store::Page,
};

const RECORD: &str = "record_comparison";

impl Registry {
    /// Keeps a comparison, once for each report.
    pub(crate) async fn record_comparison(
        &self,
        caller: &Caller,
        wish: RecordComparison,
    ) -> Result<Comparison, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if let Some(comparison_id) = self.replayed(caller, RECORD, &request).await? {
            return self.comparison(caller, &comparison_id).await;
        }
        self.version(caller, &wish.model, wish.candidate).await?;
        self.version(caller, &wish.model, wish.champion).await?;
        let now = self.clock.now();
        let entry = AuditEntry::new(caller, now, RECORD)
            .about(&wish.model, &Slot::parse(&wish.outcome.slot)?, Some(wish.candidate))
            .detail(format!("against {}", wish.champion))
            .request(request.clone());
        let comparison = Comparison {
            comparison_id: uuid::Uuid::now_v7().to_string(),
            model: wish.model,
            candidate: wish.candidate,
            champion: wish.champion,
            report_id: wish.report_id,
            outcome: wish.outcome,
            actor: caller.actor.clone(),
            created: now,
        };
        match self.store.record_comparison(&caller.tenant, &comparison, &entry).await {
            Ok(()) => Ok(comparison),
            Err(StoreError::Conflict) => match self.replayed(caller, RECORD, &request).await? {
                Some(comparison_id) => self.comparison(caller, &comparison_id).await,
                // The report has another comparison under another key.
                None => Err(RegistryError::RequestIdReused),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// One comparison.
    pub(crate) async fn comparison(&self, caller: &Caller, comparison_id: &str) -> Result<Comparison, RegistryError> {
        let found = self.store.comparison(&caller.tenant, comparison_id).await?;
        found.ok_or_else(|| RegistryError::ComparisonNotFound { comparison_id: comparison_id.to_owned() })
    }

    /// Comparisons of a model, newest first.
    pub(crate) async fn comparisons(
        &self,
        caller: &Caller,
        model: &ModelName,
        pair: Pair,
        page: &PageRequest,
    ) -> Result<Page<Comparison>, RegistryError> {
        self.model(caller, model).await?;
        Ok(self.store.comparisons(&caller.tenant, model, pair, page).await?)
    }
}
