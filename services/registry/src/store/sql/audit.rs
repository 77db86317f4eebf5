//! The audit, and the requests it remembers.

use async_trait::async_trait;
use lineal_kernel::{ModelName, PageRequest, TenantId};
use sqlx::Row;

use super::{
    Connection, DbRow, Store,
    rows::{self, Read},
};
use crate::domain::audit::{AuditEntry, AuditRecord, Recorded};
use crate::store::{AuditStore, Page, Result};

const RECORDED: &str = "SELECT fingerprint, subject FROM audit WHERE tenant = $1 AND action = $2 AND request_id = $3";
const APPEND: &str = "INSERT INTO audit (tenant, sequence, created_us, actor, action, model, slot, number, from_stage, \
     to_stage, done, detail, generation, request_id, fingerprint, subject) \
     SELECT $1, COALESCE(MAX(sequence), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15 \
     FROM audit WHERE tenant = $1";
const LIST: &str = "SELECT * FROM audit WHERE tenant = $1 AND ($2 IS NULL OR model = $2) AND sequence < $3 \
     ORDER BY sequence DESC LIMIT $4";

/// Appends an entry inside the transaction of its change. `subject` is what a repeated request is answered with.
pub(super) async fn append(tx: &mut Connection, entry: &AuditEntry, generation: u64, subject: &str) -> Result<()> {
    let request_id = entry.request.as_ref().map(|request| request.id.as_str());
    let fingerprint = entry.request.as_ref().map(|request| request.fingerprint.to_string());
    sqlx::query(APPEND)
        .bind(&entry.tenant)
        .bind(entry.created.micros())
        .bind(&entry.actor)
        .bind(entry.action)
        .bind(&entry.model)
        .bind(entry.slot.to_string())
        .bind(rows::column(entry.number))
        .bind(entry.from_stage)
        .bind(entry.to_stage)
        .bind(entry.done)
        .bind(&entry.detail)
        .bind(rows::column(generation))
        .bind(request_id)
        .bind(fingerprint.unwrap_or_default())
        .bind(subject)
        .execute(tx)
        .await?;
    Ok(())
}

#[async_trait]
impl AuditStore for Store {
    async fn recorded(&self, tenant: &TenantId, action: &str, request_id: &str) -> Result<Option<Recorded>> {
        let row = sqlx::query(RECORDED)
            .bind(tenant.as_str())
            .bind(action)
            .bind(request_id)
            .fetch_optional(self.db.reader())
            .await?;
        row.map(|row| Ok(Recorded { fingerprint: row.text("fingerprint")?, subject: row.text("subject")? })).transpose()
    }

    async fn record(&self, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        append(&mut tx, entry, 0, "").await?;
        Ok(tx.commit().await?)
    }

    async fn audit(
        &self,
        tenant: &TenantId,
        model: Option<&ModelName>,
        page: &PageRequest,
    ) -> Result<Page<AuditRecord>> {
        let found = sqlx::query(LIST)
            .bind(tenant.as_str())
            .bind(model.map(ModelName::as_str))
            .bind(rows::before(page))
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let records = found.iter().map(record).collect::<Result<_>>()?;
        Ok(rows::page(records, page, |record: &AuditRecord| record.sequence.to_string()))
    }
}

fn record(row: &DbRow) -> Result<AuditRecord> {
    Ok(AuditRecord {
        sequence: row.number("sequence")?,
        created: row.moment("created_us")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        model: row.text("model")?,
        slot: row.slot()?,
        number: row.number("number")?,
        from_stage: row.text("from_stage")?,
        to_stage: row.text("to_stage")?,
        done: row.try_get("done")?,
        detail: row.text("detail")?,
        generation: row.number("generation")?,
    })
}
