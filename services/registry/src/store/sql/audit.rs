//! The audit, its seal, and the requests it remembers.

use async_trait::async_trait;
use lineal_kernel::{ModelName, PageRequest, TenantId};
use sqlx::{QueryBuilder, Row};

use super::{
    Connection, Database, DbRow, Sql, Store, outbox,
    rows::{self, Read},
};
use crate::domain::{
    audit::{AuditEntry, AuditRecord, AuditSearch, Recorded},
    seal::Head,
};
use crate::store::{AuditStore, Page, Result};

const RECORDED: &str = "SELECT fingerprint, subject FROM audit WHERE tenant = $1 AND action = $2 AND request_id = $3";
const INSERT: &str = "INSERT INTO audit (tenant, sequence, created_us, actor, action, model, slot, number, from_stage, \
     to_stage, done, detail, generation, request_id, fingerprint, subject, digest) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, NULLIF($14, ''), $15, $16, $17)";
const AFTER: &str = "SELECT * FROM audit WHERE tenant = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
const HEAD: &str = "SELECT sequence, digest FROM audit_heads WHERE tenant = $1";
const PUT_HEAD: &str = "INSERT INTO audit_heads (tenant, sequence, digest) VALUES ($1, $2, $3) \
     ON CONFLICT (tenant) DO UPDATE SET sequence = excluded.sequence, digest = excluded.digest";
const UNSEALED: &str = "SELECT tenant FROM audit_heads WHERE digest = ''";
const SEAL: &str = "UPDATE audit SET digest = $3 WHERE tenant = $1 AND sequence = $2";
/// Entries that are sealed between two reads.
const SEALED_AT_ONCE: i64 = 200;

/// Appends an entry inside the transaction of its change, and puts its messages into the outbox. `subject` is what a repeated request is answered with.
pub(super) async fn append(tx: &mut Connection, entry: &AuditEntry, generation: u64, subject: &str) -> Result<()> {
    let head = sqlx::query(HEAD).bind(&entry.tenant).fetch_optional(&mut *tx).await?;
    let head = head.as_ref().map_or_else(|| Ok(Head::start(&entry.tenant)), read_head)?;
    let record = AuditRecord::of(entry, head.sequence + 1, generation, subject);
    let head = head.extended(&record);
    sqlx::query(INSERT)
        .bind(&entry.tenant)
        .bind(rows::column(record.sequence))
        .bind(record.created.micros())
        .bind(&record.actor)
        .bind(&record.action)
        .bind(&record.model)
        .bind(&record.slot)
        .bind(rows::column(record.number))
        .bind(&record.from_stage)
        .bind(&record.to_stage)
        .bind(record.done)
        .bind(&record.detail)
        .bind(rows::column(record.generation))
        .bind(&record.request_id)
        .bind(&record.fingerprint)
        .bind(&record.subject)
        .bind(&head.digest)
        .execute(&mut *tx)
        .await?;
    put_head(tx, &entry.tenant, &head).await?;
    outbox::put(tx, &entry.messages, entry.created).await
}

/// Gives digests to the entries that an earlier schema left without, all or none.
pub(super) async fn seal(db: &Database) -> Result<()> {
    let mut tx = db.begin().await?;
    let tenants: Vec<String> = sqlx::query_scalar(UNSEALED).fetch_all(&mut *tx).await?;
    for tenant in tenants {
        let mut head = Head::start(&tenant);
        loop {
            let found = sqlx::query(AFTER)
                .bind(&tenant)
                .bind(rows::column(head.sequence))
                .bind(SEALED_AT_ONCE)
                .fetch_all(&mut *tx)
                .await?;
            if found.is_empty() {
                break;
            }
            for row in &found {
                head = head.extended(&record(row)?);
                let sealed = sqlx::query(SEAL).bind(&tenant).bind(rows::column(head.sequence)).bind(&head.digest);
                sealed.execute(&mut *tx).await?;
            }
        }
        put_head(&mut tx, &tenant, &head).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn put_head(tx: &mut Connection, tenant: &str, head: &Head) -> Result<()> {
    sqlx::query(PUT_HEAD).bind(tenant).bind(rows::column(head.sequence)).bind(&head.digest).execute(tx).await?;
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

    async fn audit(&self, tenant: &TenantId, search: &AuditSearch, page: &PageRequest) -> Result<Page<AuditRecord>> {
        let mut sql: Sql = QueryBuilder::new("SELECT * FROM audit WHERE tenant = ");
        sql.push_bind(tenant.as_str()).push(" AND sequence < ").push_bind(rows::before(page));
        let texts = [
            ("model", search.model.as_ref().map(ModelName::as_str)),
            ("actor", search.actor.as_deref()),
            ("action", search.action.as_deref()),
        ];
        for (column, text) in texts {
            if let Some(text) = text {
                sql.push(format!(" AND {column} = ")).push_bind(text.to_owned());
            }
        }
        if let Some(number) = search.number {
            sql.push(" AND number = ").push_bind(rows::column(number.get()));
        }
        if let Some(done) = search.done {
            sql.push(" AND done = ").push_bind(done);
        }
        if let Some(since) = search.since {
            sql.push(" AND created_us >= ").push_bind(since.micros());
        }
        if let Some(until) = search.until {
            sql.push(" AND created_us < ").push_bind(until.micros());
        }
        sql.push(" ORDER BY sequence DESC LIMIT ").push_bind(rows::limit(page));
        let found = sql.build().persistent(false).fetch_all(self.db.reader()).await?;
        let records = found.iter().map(record).collect::<Result<_>>()?;
        Ok(rows::page(records, page, |record: &AuditRecord| record.sequence.to_string()))
    }

    async fn audit_after(
        &self,
        tenant: &TenantId,
        sequence: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Option<AuditRecord>)>> {
        let found = sqlx::query(AFTER)
            .bind(tenant.as_str())
            .bind(rows::column(sequence))
            .bind(i64::from(limit))
            .fetch_all(self.db.reader())
            .await?;
        found.iter().map(|row| Ok((row.number("sequence")?, record(row).ok()))).collect()
    }

    async fn audit_head(&self, tenant: &TenantId) -> Result<Head> {
        let row = sqlx::query(HEAD).bind(tenant.as_str()).fetch_optional(self.db.reader()).await?;
        row.as_ref().map_or_else(|| Ok(Head::start(tenant.as_str())), read_head)
    }
}

fn read_head(row: &DbRow) -> Result<Head> {
    Ok(Head { sequence: row.number("sequence")?, digest: row.text("digest")? })
}

/// Numbers that this program cannot have written are read too: they show as another digest.
fn record(row: &DbRow) -> Result<AuditRecord> {
    Ok(AuditRecord {
        sequence: row.number("sequence")?,
        created: row.moment("created_us")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        model: row.text("model")?,
        slot: row.text("slot")?,
        number: row.try_get::<i64, _>("number")?.cast_unsigned(),
        from_stage: row.text("from_stage")?,
        to_stage: row.text("to_stage")?,
        done: row.try_get("done")?,
        detail: row.text("detail")?,
        generation: row.try_get::<i64, _>("generation")?.cast_unsigned(),
        request_id: row.try_get::<Option<String>, _>("request_id")?.unwrap_or_default(),
        fingerprint: row.text("fingerprint")?,
        subject: row.text("subject")?,
        digest: row.text("digest")?,
    })
}
