//! Runs.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{PageRequest, TenantId};

use super::{
    DbRow, Store, audit,
    rows::{self, Read},
};
use crate::domain::{audit::AuditEntry, run::Run};
use crate::store::{Page, Result, RunStore};

const GET: &str = "SELECT * FROM runs WHERE tenant = $1 AND run_id = $2";
const LIST: &str = "SELECT * FROM runs WHERE tenant = $1 AND ($2 IS NULL OR experiment = $2) \
     AND ($3 = '' OR run_id < $3) ORDER BY run_id DESC LIMIT $4";
const INSERT: &str = "INSERT INTO runs (tenant, run_id, experiment, body, revision) VALUES ($1, $2, $3, $4, $5)";
const UPDATE: &str = "UPDATE runs SET body = $3, revision = revision + 1 \
     WHERE tenant = $1 AND run_id = $2 AND revision = $4";

#[async_trait]
impl RunStore for Store {
    async fn run(&self, tenant: &TenantId, run_id: &str) -> Result<Option<Run>> {
        let row = sqlx::query(GET).bind(tenant.as_str()).bind(run_id).fetch_optional(self.db.reader()).await?;
        row.as_ref().map(read).transpose()
    }

    async fn runs(&self, tenant: &TenantId, experiment: Option<&str>, page: &PageRequest) -> Result<Page<Run>> {
        let found = sqlx::query(LIST)
            .bind(tenant.as_str())
            .bind(experiment)
            .bind(rows::after(page))
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let runs = found.iter().map(read).collect::<Result<_>>()?;
        Ok(rows::page(runs, page, |run: &Run| run.run_id.clone()))
    }

    async fn create_run(&self, tenant: &TenantId, run: &Run, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(INSERT)
            .bind(tenant.as_str())
            .bind(&run.run_id)
            .bind(&run.experiment)
            .bind(rows::json(run)?)
            .bind(rows::column(run.revision))
            .execute(&mut *tx)
            .await?;
        audit::append(&mut tx, entry, 0, &run.run_id).await?;
        Ok(tx.commit().await?)
    }

    async fn update_run(&self, tenant: &TenantId, run: &Run, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let written = sqlx::query(UPDATE)
            .bind(tenant.as_str())
            .bind(&run.run_id)
            .bind(rows::json(run)?)
            .bind(rows::column(run.revision))
            .execute(&mut *tx)
            .await?;
        if written.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        audit::append(&mut tx, entry, 0, &run.run_id).await?;
        Ok(tx.commit().await?)
    }
}

fn read(row: &DbRow) -> Result<Run> {
    Ok(Run { revision: row.number("revision")?, ..row.json("body")? })
}
