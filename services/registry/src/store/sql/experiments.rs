//! Experiments.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{PageRequest, TenantId};

use super::{
    Connection, DbRow, Store, audit,
    rows::{self, Read},
};
use crate::domain::{
    audit::AuditEntry,
    experiment::{Experiment, Stage},
    run::Run,
};
use crate::store::{ExperimentStore, Page, Result};

const GET: &str = "SELECT * FROM experiments WHERE tenant = $1 AND experiment_id = $2";
const NAMED: &str = "SELECT * FROM experiments WHERE tenant = $1 AND name = $2";
const LIST: &str = "SELECT * FROM experiments WHERE tenant = $1 AND ($2 IS NULL OR stage = $2) AND name > $3 \
     ORDER BY name LIMIT $4";
const INSERT: &str = "INSERT INTO experiments \
     (tenant, experiment_id, name, description, tags, stage, created_us, updated_us, revision, artifact_location) \
     VALUES ($1, $2, $3, $4, $5, 'active', $6, $6, 1, $7)";
const ENSURE: &str = "INSERT INTO experiments \
     (tenant, experiment_id, name, description, tags, stage, created_us, updated_us, revision) \
     VALUES ($1, $2, $3, '', '{}', 'active', $4, $4, 1) ON CONFLICT (tenant, name) DO NOTHING";
const ACTIVE: &str = "SELECT experiment_id FROM experiments WHERE tenant = $1 AND name = $2 AND stage = 'active'";
const UPDATE: &str = "UPDATE experiments SET description = $4, tags = $5, stage = $6, updated_us = $7, name = $8, \
     revision = revision + 1 WHERE tenant = $1 AND experiment_id = $2 AND revision = $3";

/// The id of the active experiment that a new run belongs to, which is made on the way.
pub(super) async fn ensure(tx: &mut Connection, tenant: &TenantId, run: &Run, now: i64) -> Result<String> {
    sqlx::query(ENSURE)
        .bind(tenant.as_str())
        .bind(&run.experiment_id)
        .bind(&run.experiment)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    let found = sqlx::query(ACTIVE).bind(tenant.as_str()).bind(&run.experiment).fetch_optional(tx).await?;
    found.ok_or(StoreError::Conflict)?.text("experiment_id")
}

#[async_trait]
impl ExperimentStore for Store {
    async fn experiment(&self, tenant: &TenantId, experiment_id: &str) -> Result<Option<Experiment>> {
        let row = sqlx::query(GET).bind(tenant.as_str()).bind(experiment_id).fetch_optional(self.db.reader()).await?;
        row.as_ref().map(read).transpose()
    }

    async fn experiment_named(&self, tenant: &TenantId, name: &str) -> Result<Option<Experiment>> {
        let row = sqlx::query(NAMED).bind(tenant.as_str()).bind(name).fetch_optional(self.db.reader()).await?;
        row.as_ref().map(read).transpose()
    }

    async fn experiments(
        &self,
        tenant: &TenantId,
        stage: Option<Stage>,
        page: &PageRequest,
    ) -> Result<Page<Experiment>> {
        let found = sqlx::query(LIST)
            .bind(tenant.as_str())
            .bind(stage.map(|stage| stage.to_string()))
            .bind(rows::after(page))
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let experiments = found.iter().map(read).collect::<Result<_>>()?;
        Ok(rows::page(experiments, page, |experiment: &Experiment| experiment.name.clone()))
    }

    async fn create_experiment(&self, tenant: &TenantId, experiment: &Experiment, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(INSERT)
            .bind(tenant.as_str())
            .bind(&experiment.experiment_id)
            .bind(&experiment.name)
            .bind(&experiment.description)
            .bind(rows::json(&experiment.tags)?)
            .bind(experiment.created.micros())
            .bind(&experiment.artifact_location)
            .execute(&mut *tx)
            .await?;
        audit::append(&mut tx, entry, 0, &experiment.experiment_id).await?;
        Ok(tx.commit().await?)
    }

    async fn update_experiment(&self, tenant: &TenantId, experiment: &Experiment, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let written = sqlx::query(UPDATE)
            .bind(tenant.as_str())
            .bind(&experiment.experiment_id)
            .bind(rows::column(experiment.revision))
            .bind(&experiment.description)
            .bind(rows::json(&experiment.tags)?)
            .bind(experiment.stage.to_string())
            .bind(experiment.updated.micros())
            .bind(&experiment.name)
            .execute(&mut *tx)
            .await?;
        if written.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        audit::append(&mut tx, entry, 0, &experiment.experiment_id).await?;
        Ok(tx.commit().await?)
    }
}

fn read(row: &DbRow) -> Result<Experiment> {
    Ok(Experiment {
        experiment_id: row.text("experiment_id")?,
        name: row.text("name")?,
        description: row.text("description")?,
        tags: row.json("tags")?,
        artifact_location: row.text("artifact_location")?,
        stage: row.parsed("stage")?,
        created: row.moment("created_us")?,
        updated: row.moment("updated_us")?,
        revision: row.number("revision")?,
    })
}
