//! Models.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{ModelName, PageRequest, Slot, TenantId, Timestamp, VersionNumber};
use sqlx::{QueryBuilder, Row};

use super::{
    Connection, DbRow, Sql, Store, aliases, audit,
    rows::{self, Read},
    views::grouped,
};
use crate::domain::{
    audit::AuditEntry,
    model::{LastRun, Model, ModelView},
};
use crate::store::{ModelStore, Page, Result};

/// A model and the run about it that began last.
const SELECT: &str = "SELECT m.*, l.run_id AS last_run_id, l.started_us AS last_run_us FROM models m \
     LEFT JOIN runs l ON l.tenant = m.tenant AND l.run_id = (SELECT r.run_id FROM runs r \
     WHERE r.tenant = m.tenant AND r.model = m.name ORDER BY r.started_us DESC, r.run_id DESC LIMIT 1) \
     WHERE m.tenant = ";
const INSERT: &str = "INSERT INTO models (tenant, name, description, latest_version, created_us, tags, revision) \
     VALUES ($1, $2, $3, 0, $4, $5, 1)";
const UPDATE: &str = "UPDATE models SET description = $4, tags = $5, revision = $6 \
     WHERE tenant = $1 AND name = $2 AND revision = $3";
const NEXT_NUMBER: &str = "INSERT INTO models (tenant, name, description, latest_version, created_us) \
     VALUES ($1, $2, '', 1, $3) \
     ON CONFLICT (tenant, name) DO UPDATE SET latest_version = models.latest_version + 1 RETURNING latest_version";

/// The number of a model's next version, inside the transaction that makes it. The first version makes the model.
pub(super) async fn next_number(
    tx: &mut Connection,
    tenant: &TenantId,
    name: &ModelName,
    now: Timestamp,
) -> Result<VersionNumber> {
    let number: i64 = sqlx::query_scalar(NEXT_NUMBER)
        .bind(tenant.as_str())
        .bind(name.as_str())
        .bind(now.micros())
        .fetch_one(tx)
        .await?;
    VersionNumber::new(number.unsigned_abs()).map_err(|error| StoreError::corrupt(error.problem))
}

#[async_trait]
impl ModelStore for Store {
    async fn model(&self, tenant: &TenantId, name: &ModelName) -> Result<Option<ModelView>> {
        let mut tx = self.db.snapshot().await?;
        let mut sql: Sql = QueryBuilder::new(SELECT);
        sql.push_bind(tenant.as_str()).push(" AND m.name = ").push_bind(name.as_str());
        let found = sql.build().fetch_all(&mut *tx).await?;
        Ok(views(&mut tx, tenant, &found).await?.pop())
    }

    async fn models(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<ModelView>> {
        let mut tx = self.db.snapshot().await?;
        let mut sql: Sql = QueryBuilder::new(SELECT);
        sql.push_bind(tenant.as_str()).push(" AND m.name > ").push_bind(rows::after(page).to_owned());
        sql.push(" ORDER BY m.name LIMIT ").push_bind(rows::limit(page));
        let found = sql.build().fetch_all(&mut *tx).await?;
        let models = views(&mut tx, tenant, &found).await?;
        Ok(rows::page(models, page, |view: &ModelView| view.model.name.to_string()))
    }

    async fn create_model(&self, tenant: &TenantId, model: &Model, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(INSERT)
            .bind(tenant.as_str())
            .bind(model.name.as_str())
            .bind(&model.description)
            .bind(model.created.micros())
            .bind(rows::json(&model.tags)?)
            .execute(&mut *tx)
            .await?;
        audit::append(&mut tx, entry, 0, model.name.as_str()).await?;
        Ok(tx.commit().await?)
    }

    async fn update_model(&self, tenant: &TenantId, model: &Model, base: u64, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let written = sqlx::query(UPDATE)
            .bind(tenant.as_str())
            .bind(model.name.as_str())
            .bind(rows::column(base))
            .bind(&model.description)
            .bind(rows::json(&model.tags)?)
            .bind(rows::column(model.revision))
            .execute(&mut *tx)
            .await?;
        if written.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        audit::append(&mut tx, entry, 0, model.name.as_str()).await?;
        Ok(tx.commit().await?)
    }
}

/// Models with their champions, in the order of their rows.
async fn views(tx: &mut Connection, tenant: &TenantId, found: &[DbRow]) -> Result<Vec<ModelView>> {
    let names = found.iter().map(|row| row.text("name")).collect::<Result<Vec<_>>>()?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql: Sql = QueryBuilder::new("SELECT * FROM aliases WHERE name = 'champion' AND tenant = ");
    sql.push_bind(tenant.as_str()).push(" AND model");
    rows::among(&mut sql, &names);
    sql.push(" ORDER BY slot");
    let champions = sql.build().fetch_all(tx).await?;
    let champion = |row: &DbRow| aliases::alias(row).map(|alias| (alias.slot, alias.number));
    let mut champions = grouped(&champions, |row| row.text("model"), champion)?;
    let view = |(row, name): (&DbRow, &String)| view(row, champions.remove(name).unwrap_or_default());
    found.iter().zip(&names).map(view).collect()
}

fn view(row: &DbRow, champions: Vec<(Slot, VersionNumber)>) -> Result<ModelView> {
    let model = Model {
        name: row.parsed("name")?,
        description: row.text("description")?,
        tags: row.json("tags")?,
        latest_version: row.number("latest_version")?,
        created: row.moment("created_us")?,
        revision: row.number("revision")?,
    };
    let run_id: Option<String> = row.try_get("last_run_id")?;
    let started: Option<i64> = row.try_get("last_run_us")?;
    let last_run =
        run_id.zip(started).map(|(run_id, micros)| LastRun { run_id, started: Timestamp::from_micros(micros) });
    Ok(ModelView { model, champions, last_run })
}
