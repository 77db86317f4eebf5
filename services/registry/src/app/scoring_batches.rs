//! Scoring batches.

use lineal_db::StoreError;
use lineal_kernel::{Caller, FieldError, ModelName, Name, PageRequest, Slot};

use super::requests::request;
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        error::RegistryError,
        scoring_batch::{RecordScoringBatch, ScoringBatch},
    },
    store::Page,
};

const RECORD: &str = "record_scoring_batch";

impl Registry {
    /// Keeps a batch, once.
    pub(crate) async fn record_scoring_batch(
        &self,
        caller: &Caller,
        wish: RecordScoringBatch,
    ) -> Result<ScoringBatch, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if self.replayed(caller, RECORD, &request).await?.is_some() {
            return self.scoring_batch(caller, &wish.model, &wish.batch_id).await;
        }
        if let Some(recorded) = self.recorded_batch(caller, &wish).await? {
            return Ok(recorded);
        }
        self.version(caller, &wish.model, wish.number).await?;
        let psi = self.psi(caller, &wish).await?;
        let now = self.clock.now();
        let moved = psi.map(|psi| format!(", psi {psi:.4}")).unwrap_or_default();
        let entry = AuditEntry::new(caller, now, RECORD)
            .about(&wish.model, &wish.slot, Some(wish.number))
            .detail(format!("batch {}: {} rows{moved}", wish.batch_id, wish.scored.rows))
            .request(request.clone());
        let batch = ScoringBatch {
            model: wish.model.clone(),
            batch_id: wish.batch_id.clone(),
            record_id: uuid::Uuid::now_v7().to_string(),
            slot: wish.slot.clone(),
            number: wish.number,
            manifest: wish.manifest,
            scored: wish.scored.clone(),
            psi,
            actor: caller.actor.clone(),
            created: now,
        };
        match self.store.record_scoring_batch(&caller.tenant, &batch, &entry).await {
            Ok(()) => Ok(batch),
            Err(StoreError::Conflict) => {
                let recorded = self.recorded_batch(caller, &wish).await?;
                recorded.ok_or(RegistryError::Store(StoreError::Conflict))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The record of the very same batch, if there is one.
    async fn recorded_batch(
        &self,
        caller: &Caller,
        wish: &RecordScoringBatch,
    ) -> Result<Option<ScoringBatch>, RegistryError> {
        let found = self.store.scoring_batch(&caller.tenant, &wish.model, &wish.batch_id).await?;
        match found {
            Some(found) if found.manifest != wish.manifest => Err(RegistryError::ScoringBatchExists {
                model: wish.model.clone(),
                batch_id: wish.batch_id.clone(),
                found: found.manifest,
            }),
            found => Ok(found),
        }
    }

    /// How far the scores are from those of the batch that the wish names as the one before.
    async fn psi(&self, caller: &Caller, wish: &RecordScoringBatch) -> Result<Option<f64>, RegistryError> {
        let Some(previous) = &wish.scored.previous else { return Ok(None) };
        let bad = |field: &str, problem: &str| FieldError::new(format!("batch.{field}"), problem);
        let batch_id = Name::new(&previous.batch_id).map_err(|error| error.under("batch.previous_batch_id"))?;
        let found = self.store.scoring_batch(&caller.tenant, &wish.model, &batch_id).await?;
        let before = found.ok_or_else(|| bad("previous_batch_id", "the model has no such batch"))?;
        let psi = wish.scored.psi(&before.scored.distribution);
        Ok(Some(psi.ok_or_else(|| bad("previous_counts", "expected one count for each bin of the previous batch"))?))
    }

    /// One batch.
    pub(crate) async fn scoring_batch(
        &self,
        caller: &Caller,
        model: &ModelName,
        batch_id: &Name,
    ) -> Result<ScoringBatch, RegistryError> {
        let found = self.store.scoring_batch(&caller.tenant, model, batch_id).await?;
        found.ok_or_else(|| RegistryError::ScoringBatchNotFound { model: model.clone(), batch_id: batch_id.clone() })
    }

    /// Batches of a model, newest first.
    pub(crate) async fn scoring_batches(
        &self,
        caller: &Caller,
        model: &ModelName,
        slot: Option<&Slot>,
        page: &PageRequest,
    ) -> Result<Page<ScoringBatch>, RegistryError> {
        self.model(caller, model).await?;
        Ok(self.store.scoring_batches(&caller.tenant, model, slot, page).await?)
    }
}
