//! Runs.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{PageRequest, TenantId};
use sqlx::{QueryBuilder, Row};

use super::{
    Connection, DbRow, Sql, Store, audit, experiments, metrics,
    rows::{self, Read},
    search,
};
use crate::domain::{
    audit::AuditEntry,
    metric::MetricPoint,
    run::{LogBatch, Run, Taint},
    search::Search,
    tags::TagChange,
};
use crate::store::{Page, Result, RunStore};

const GET: &str = "SELECT r.*, e.name AS experiment FROM runs r \
     JOIN experiments e ON e.tenant = r.tenant AND e.experiment_id = r.experiment_id \
     WHERE r.tenant = $1 AND r.run_id = $2";
const INSERT: &str = "INSERT INTO runs (tenant, run_id, experiment_id, name, description, status, stage, started_us, ended_us, \
     parent_run_id, source, datasets, error, revision, model) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
const UPDATE: &str = "UPDATE runs SET name = $4, description = $5, status = $6, stage = $7, ended_us = $8, error = $9, \
     taint = $10, revision = revision + 1 WHERE tenant = $1 AND run_id = $2 AND revision = $3";
const REPLACE: &str = " ON CONFLICT (tenant, run_id, key) DO UPDATE SET value = excluded.value";
const LOG: &str = "UPDATE runs SET datasets = $4, revision = revision + $5 \
     WHERE tenant = $1 AND run_id = $2 AND revision = $3";

#[async_trait]
impl RunStore for Store {
    async fn run(&self, tenant: &TenantId, run_id: &str) -> Result<Option<Run>> {
        let mut tx = self.db.snapshot().await?;
        let row = sqlx::query(GET).bind(tenant.as_str()).bind(run_id).fetch_optional(&mut *tx).await?;
        Ok(whole(&mut tx, tenant, row.as_slice()).await?.pop())
    }

    async fn search_runs(&self, tenant: &TenantId, search: &Search, page: &PageRequest) -> Result<Page<Run>> {
        let mut tx = self.db.snapshot().await?;
        let found = search::select(tenant, search, page).build().persistent(false).fetch_all(&mut *tx).await?;
        let cursors = found.iter().map(|row| search::cursor(row, &search.order.by)).collect::<Result<Vec<_>>>()?;
        let runs = whole(&mut tx, tenant, &found).await?;
        let page = rows::page(runs.into_iter().zip(cursors).collect(), page, |(_, cursor)| cursor.clone());
        Ok(Page { items: page.items.into_iter().map(|(run, _)| run).collect(), next: page.next })
    }

    async fn metric_history(
        &self,
        tenant: &TenantId,
        run_id: &str,
        key: &str,
        page: &PageRequest,
    ) -> Result<Page<MetricPoint>> {
        metrics::history(self, tenant, run_id, key, page).await
    }

    async fn create_run(&self, tenant: &TenantId, run: &Run, entry: &AuditEntry) -> Result<String> {
        let mut tx = self.db.begin().await?;
        let experiment_id = experiments::ensure(&mut tx, tenant, run, entry.created.micros()).await?;
        sqlx::query(INSERT)
            .bind(tenant.as_str())
            .bind(&run.run_id)
            .bind(&experiment_id)
            .bind(&run.name)
            .bind(&run.description)
            .bind(run.status.to_string())
            .bind(run.stage.to_string())
            .bind(run.started_us)
            .bind(run.ended_us)
            .bind(&run.parent_run_id)
            .bind(rows::json(&run.source)?)
            .bind(rows::json(&run.datasets)?)
            .bind(&run.error)
            .bind(rows::column(run.revision))
            .bind(&run.model)
            .execute(&mut *tx)
            .await?;
        put(&mut tx, "run_params", (tenant, &run.run_id), &run.parameters, "").await?;
        put(&mut tx, "run_tags", (tenant, &run.run_id), &run.tags, "").await?;
        audit::append(&mut tx, entry, 0, &run.run_id).await?;
        tx.commit().await?;
        Ok(experiment_id)
    }

    async fn log_batch(&self, tenant: &TenantId, run: &Run, news: &LogBatch, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let datasets: Vec<_> = run.datasets.iter().chain(&news.datasets).collect();
        let written = sqlx::query(LOG)
            .bind(tenant.as_str())
            .bind(&run.run_id)
            .bind(rows::column(run.revision))
            .bind(rows::json(&datasets)?)
            .bind(i64::from(!news.datasets.is_empty()))
            .execute(&mut *tx)
            .await?;
        if written.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        let place = (tenant, run.run_id.as_str());
        put(&mut tx, "run_params", place, &news.parameters, "").await?;
        put(&mut tx, "run_tags", place, &news.tags, REPLACE).await?;
        metrics::append(&mut tx, tenant, &run.run_id, &news.points).await?;
        audit::append(&mut tx, entry, 0, &run.run_id).await?;
        Ok(tx.commit().await?)
    }

    async fn update_run(&self, tenant: &TenantId, run: &Run, tags: &TagChange, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let written = sqlx::query(UPDATE)
            .bind(tenant.as_str())
            .bind(&run.run_id)
            .bind(rows::column(run.revision))
            .bind(&run.name)
            .bind(&run.description)
            .bind(run.status.to_string())
            .bind(run.stage.to_string())
            .bind(run.ended_us)
            .bind(&run.error)
            .bind(run.taint.as_ref().map(rows::json).transpose()?)
            .execute(&mut *tx)
            .await?;
        if written.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        if !tags.removed.is_empty() {
            let mut sql: Sql = QueryBuilder::new("DELETE FROM run_tags WHERE tenant = ");
            sql.push_bind(tenant.as_str()).push(" AND run_id = ").push_bind(run.run_id.as_str()).push(" AND key");
            rows::among(&mut sql, &tags.removed);
            sql.build().execute(&mut *tx).await?;
        }
        put(&mut tx, "run_tags", (tenant, &run.run_id), &tags.set, REPLACE).await?;
        audit::append(&mut tx, entry, 0, &run.run_id).await?;
        Ok(tx.commit().await?)
    }
}

/// Writes words of a run; without `on_conflict` a key that is taken is a `Conflict`.
async fn put(
    tx: &mut Connection,
    table: &'static str,
    (tenant, run_id): (&TenantId, &str),
    words: &BTreeMap<String, String>,
    on_conflict: &'static str,
) -> Result<()> {
    if words.is_empty() {
        return Ok(());
    }
    let mut sql: Sql = QueryBuilder::new(format!("INSERT INTO {table} (tenant, run_id, key, value) "));
    sql.push_values(words, |mut row, (key, value)| {
        row.push_bind(tenant.as_str()).push_bind(run_id).push_bind(key.as_str()).push_bind(value.as_str());
    });
    sql.push(on_conflict);
    sql.build().persistent(rows::is_usual(words.len())).execute(tx).await?;
    Ok(())
}

/// The words of each run in `run_ids`.
pub(super) async fn words(
    connection: &mut Connection,
    table: &'static str,
    tenant: &TenantId,
    run_ids: &[String],
) -> Result<HashMap<String, BTreeMap<String, String>>> {
    let mut sql: Sql = QueryBuilder::new(format!("SELECT run_id, key, value FROM {table} WHERE tenant = "));
    sql.push_bind(tenant.as_str()).push(" AND run_id");
    rows::among(&mut sql, run_ids);
    let mut found: HashMap<String, BTreeMap<String, String>> = HashMap::new();
    for row in sql.build().fetch_all(connection).await? {
        found.entry(row.text("run_id")?).or_default().insert(row.text("key")?, row.text("value")?);
    }
    Ok(found)
}

pub(super) fn taint(row: &DbRow) -> Result<Option<Taint>> {
    let stored: Option<&str> = row.try_get("taint")?;
    stored.map(|_| row.json("taint")).transpose()
}

/// Runs with everything that was logged of them, in the order of their rows.
async fn whole(connection: &mut Connection, tenant: &TenantId, heads: &[DbRow]) -> Result<Vec<Run>> {
    let ids = heads.iter().map(|row| row.text("run_id")).collect::<Result<Vec<_>>>()?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut parameters = words(connection, "run_params", tenant, &ids).await?;
    let mut tags = words(connection, "run_tags", tenant, &ids).await?;
    let mut metrics = metrics::latest(connection, tenant, &ids).await?;
    let run = |(row, run_id): (&DbRow, String)| {
        Ok(Run {
            parameters: parameters.remove(&run_id).unwrap_or_default(),
            tags: tags.remove(&run_id).unwrap_or_default(),
            metrics: metrics.remove(&run_id).unwrap_or_default(),
            model: row.text("model")?,
            name: row.text("name")?,
            experiment: row.text("experiment")?,
            experiment_id: row.text("experiment_id")?,
            parent_run_id: row.text("parent_run_id")?,
            description: row.text("description")?,
            source: row.json("source")?,
            status: row.parsed("status")?,
            stage: row.parsed("stage")?,
            started_us: row.try_get("started_us")?,
            ended_us: row.try_get("ended_us")?,
            datasets: row.json("datasets")?,
            error: row.text("error")?,
            taint: taint(row)?,
            revision: row.number("revision")?,
            run_id,
        })
    };
    heads.iter().zip(ids).map(run).collect()
}
