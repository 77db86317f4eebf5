//! Settings of models.

use async_trait::async_trait;
use lineal_kernel::{ModelName, PageRequest, TenantId};

use super::{
    DbRow, Store, audit,
    rows::{self, Read},
};
use crate::{
    domain::{
        audit::AuditEntry,
        settings::{Applied, ModelSettings, Wanted},
    },
    store::{Page, Result, SettingsStore},
};

const INSERT: &str = "INSERT INTO settings (tenant, model, revision, digest, content, body, actor, created_us) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const GET: &str = "SELECT * FROM settings WHERE tenant = $1 AND model = $2 AND ($3 = 0 OR revision = $3) \
     AND ($4 = '' OR digest = $4) ORDER BY revision DESC LIMIT 1";
const LIST: &str = "SELECT model, revision, digest, actor, created_us FROM settings WHERE tenant = $1 AND model = $2 AND revision < $3 \
     ORDER BY revision DESC LIMIT $4";

#[async_trait]
impl SettingsStore for Store {
    async fn apply_settings(&self, tenant: &TenantId, settings: &ModelSettings, entry: &AuditEntry) -> Result<()> {
        let (applied, mut tx) = (&settings.applied, self.db.begin().await?);
        sqlx::query(INSERT)
            .bind(tenant.as_str())
            .bind(applied.model.as_str())
            .bind(rows::column(applied.revision))
            .bind(applied.digest.to_string())
            .bind(&settings.text)
            .bind(rows::json(&settings.settings)?)
            .bind(&applied.actor)
            .bind(applied.created.micros())
            .execute(&mut *tx)
            .await?;
        audit::append(&mut tx, entry, 0, &applied.revision.to_string()).await?;
        Ok(tx.commit().await?)
    }

    async fn settings(&self, tenant: &TenantId, model: &ModelName, wanted: Wanted) -> Result<Option<ModelSettings>> {
        let (number, digest) = match wanted {
            Wanted::Newest => (0, String::new()),
            Wanted::Revision(number) => (rows::column(number), String::new()),
            Wanted::Digest(digest) => (0, digest.to_string()),
        };
        let row = sqlx::query(GET)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(number)
            .bind(digest)
            .fetch_optional(self.db.reader())
            .await?;
        row.as_ref().map(settings).transpose()
    }

    async fn settings_history(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        page: &PageRequest,
    ) -> Result<Page<Applied>> {
        let found = sqlx::query(LIST)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(rows::before(page))
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let history = found.iter().map(applied).collect::<Result<_>>()?;
        Ok(rows::page(history, page, |applied: &Applied| applied.revision.to_string()))
    }
}

fn settings(row: &DbRow) -> Result<ModelSettings> {
    Ok(ModelSettings { applied: applied(row)?, text: row.text("content")?, settings: row.json("body")? })
}

fn applied(row: &DbRow) -> Result<Applied> {
    Ok(Applied {
        model: row.parsed("model")?,
        revision: row.number("revision")?,
        digest: row.parsed("digest")?,
        actor: row.text("actor")?,
        created: row.moment("created_us")?,
    })
}
