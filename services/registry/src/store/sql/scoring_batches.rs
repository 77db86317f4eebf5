//! Scoring batches.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{FieldError, ModelName, Name, PageRequest, Slot, TenantId, VersionNumber};
use serde::{Deserialize, Serialize};

use super::{
    DbRow, Store, audit,
    rows::{self, Read},
};
use crate::{
    domain::{
        audit::AuditEntry,
        scoring_batch::{Scored, ScoringBatch},
    },
    store::{Page, Result, ScoringBatchStore},
};

const INSERT: &str = "INSERT INTO scoring_batches (tenant, model, batch_id, record_id, slot, number, manifest_digest, body, \
     created_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const GET: &str = "SELECT * FROM scoring_batches WHERE tenant = $1 AND model = $2 AND batch_id = $3";
/// No slot's text is an asterisk.
const LIST: &str = "SELECT * FROM scoring_batches WHERE tenant = $1 AND model = $2 AND ($3 = '*' OR slot = $3) \
     AND ($4 = '' OR record_id < $4) ORDER BY record_id DESC LIMIT $5";

/// The part of a batch that nobody looks for.
#[derive(Serialize, Deserialize)]
struct Body {
    scored: Scored,
    psi: Option<f64>,
    actor: String,
}

#[async_trait]
impl ScoringBatchStore for Store {
    async fn record_scoring_batch(&self, tenant: &TenantId, batch: &ScoringBatch, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let body = Body { scored: batch.scored.clone(), psi: batch.psi, actor: batch.actor.clone() };
        sqlx::query(INSERT)
            .bind(tenant.as_str())
            .bind(batch.model.as_str())
            .bind(batch.batch_id.as_str())
            .bind(&batch.record_id)
            .bind(batch.slot.to_string())
            .bind(rows::column(batch.number.get()))
            .bind(batch.manifest.to_string())
            .bind(rows::json(&body)?)
            .bind(batch.created.micros())
            .execute(&mut *tx)
            .await?;
        audit::append(&mut tx, entry, 0, batch.batch_id.as_str()).await?;
        Ok(tx.commit().await?)
    }

    async fn scoring_batch(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        batch_id: &Name,
    ) -> Result<Option<ScoringBatch>> {
        let row = sqlx::query(GET)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(batch_id.as_str())
            .fetch_optional(self.db.reader())
            .await?;
        row.as_ref().map(batch).transpose()
    }

    async fn scoring_batches(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        slot: Option<&Slot>,
        page: &PageRequest,
    ) -> Result<Page<ScoringBatch>> {
        let found = sqlx::query(LIST)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(slot.map_or_else(|| "*".to_owned(), Slot::to_string))
            .bind(rows::after(page))
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let batches = found.iter().map(batch).collect::<Result<_>>()?;
        Ok(rows::page(batches, page, |batch: &ScoringBatch| batch.record_id.clone()))
    }
}

fn batch(row: &DbRow) -> Result<ScoringBatch> {
    let corrupt = |error: FieldError| StoreError::corrupt(error.problem);
    let Body { scored, psi, actor } = row.json("body")?;
    Ok(ScoringBatch {
        model: row.parsed("model")?,
        batch_id: row.parsed("batch_id")?,
        record_id: row.text("record_id")?,
        slot: row.slot()?,
        number: VersionNumber::new(row.number("number")?).map_err(corrupt)?,
        manifest: row.parsed("manifest_digest")?,
        scored,
        psi,
        actor,
        created: row.moment("created_us")?,
    })
}
