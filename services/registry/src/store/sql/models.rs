//! Models.

use async_trait::async_trait;
use lineal_kernel::{ModelName, PageRequest, TenantId};

use super::{
    Connection, DbRow, Store, audit,
    rows::{self, Read},
};
use crate::domain::{audit::AuditEntry, model::Model};
use crate::store::{ModelStore, Page, Result};

const GET: &str = "SELECT * FROM models WHERE tenant = $1 AND name = $2";
const LIST: &str = "SELECT * FROM models WHERE tenant = $1 AND name > $2 ORDER BY name LIMIT $3";
const INSERT: &str =
    "INSERT INTO models (tenant, name, description, latest_version, created_us) VALUES ($1, $2, $3, 0, $4)";
const ENSURE: &str = "INSERT INTO models (tenant, name, description, latest_version, created_us) \
     VALUES ($1, $2, '', 0, $3) ON CONFLICT (tenant, name) DO NOTHING";

/// Makes sure that the model exists, inside the transaction of its first version.
pub(super) async fn ensure(tx: &mut Connection, tenant: &TenantId, name: &ModelName, now: i64) -> Result<()> {
    sqlx::query(ENSURE).bind(tenant.as_str()).bind(name.as_str()).bind(now).execute(tx).await?;
    Ok(())
}

#[async_trait]
impl ModelStore for Store {
    async fn model(&self, tenant: &TenantId, name: &ModelName) -> Result<Option<Model>> {
        let row = sqlx::query(GET).bind(tenant.as_str()).bind(name.as_str()).fetch_optional(self.db.reader()).await?;
        row.as_ref().map(model).transpose()
    }

    async fn models(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<Model>> {
        let found = sqlx::query(LIST)
            .bind(tenant.as_str())
            .bind(rows::after(page))
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let models = found.iter().map(model).collect::<Result<_>>()?;
        Ok(rows::page(models, page, |model: &Model| model.name.to_string()))
    }

    async fn create_model(&self, tenant: &TenantId, model: &Model, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(INSERT)
            .bind(tenant.as_str())
            .bind(model.name.as_str())
            .bind(&model.description)
            .bind(model.created.micros())
            .execute(&mut *tx)
            .await?;
        audit::append(&mut tx, entry, 0, model.name.as_str()).await?;
        Ok(tx.commit().await?)
    }
}

fn model(row: &DbRow) -> Result<Model> {
    Ok(Model {
        name: row.parsed("name")?,
        description: row.text("description")?,
        latest_version: row.number("latest_version")?,
        created: row.moment("created_us")?,
    })
}
