//! Usage: a row for each process and version, and one for all processes that are gone.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lineal_kernel::{ModelName, TenantId, Timestamp, VersionNumber};
use sqlx::{QueryBuilder, Row};

use super::{
    Connection, DbRow, Sql, Store,
    rows::{self, Read},
    versions,
};
use crate::{
    domain::usage::{Totals, UsageCount, UsageReport},
    store::{Result, UsageStore},
};

const IS_FOLDED: &str = "SELECT folded FROM usage_reporters WHERE tenant = $1 AND incarnation = $2";
const HEARD: &str = "INSERT INTO usage_reporters (tenant, incarnation, replica, reported_us, folded) \
     VALUES ($1, $2, $3, $4, FALSE) ON CONFLICT (tenant, incarnation) DO UPDATE SET reported_us = excluded.reported_us";
/// Counts only grow, so the highest is the latest, in whatever order reports arrive.
const RAISE: &str = "INSERT INTO usage (tenant, model, number, incarnation, requests, errors, row_count, \
     inference_micros, last_use_us) \
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 \
     WHERE EXISTS (SELECT 1 FROM versions WHERE tenant = $1 AND model = $2 AND number = $3) \
     ON CONFLICT (tenant, model, number, incarnation) DO UPDATE SET \
     requests = CASE WHEN excluded.requests > usage.requests THEN excluded.requests ELSE usage.requests END, \
     errors = CASE WHEN excluded.errors > usage.errors THEN excluded.errors ELSE usage.errors END, \
     row_count = CASE WHEN excluded.row_count > usage.row_count THEN excluded.row_count ELSE usage.row_count END, \
     inference_micros = CASE WHEN excluded.inference_micros > usage.inference_micros \
         THEN excluded.inference_micros ELSE usage.inference_micros END, \
     last_use_us = CASE WHEN excluded.last_use_us > usage.last_use_us \
         THEN excluded.last_use_us ELSE usage.last_use_us END";
const SUMS: &str = "SELECT number, CAST(SUM(requests) AS BIGINT) AS requests, CAST(SUM(errors) AS BIGINT) AS errors, \
     CAST(SUM(row_count) AS BIGINT) AS row_count, CAST(SUM(inference_micros) AS BIGINT) AS inference_micros, \
     MAX(last_use_us) AS last_use_us FROM usage WHERE tenant = ";
const ANY_TO_FOLD: &str = "SELECT 1 FROM usage_reporters WHERE tenant = $1 \
     AND ((folded = FALSE AND reported_us < $2) OR (folded = TRUE AND reported_us < $3)) LIMIT 1";
/// Their rows go into the row whose incarnation is empty: in the order of these statements, all or none.
const FOLD: [&str; 3] = [
    "INSERT INTO usage (tenant, model, number, incarnation, requests, errors, row_count, inference_micros, last_use_us) \
     SELECT tenant, model, number, '', CAST(SUM(requests) AS BIGINT), CAST(SUM(errors) AS BIGINT), \
     CAST(SUM(row_count) AS BIGINT), CAST(SUM(inference_micros) AS BIGINT), MAX(last_use_us) FROM usage \
     WHERE tenant = $1 AND incarnation IN \
     (SELECT incarnation FROM usage_reporters WHERE tenant = $1 AND folded = FALSE AND reported_us < $2) \
     GROUP BY tenant, model, number \
     ON CONFLICT (tenant, model, number, incarnation) DO UPDATE SET requests = usage.requests + excluded.requests, \
     errors = usage.errors + excluded.errors, row_count = usage.row_count + excluded.row_count, \
     inference_micros = usage.inference_micros + excluded.inference_micros, \
     last_use_us = CASE WHEN excluded.last_use_us > usage.last_use_us \
         THEN excluded.last_use_us ELSE usage.last_use_us END",
    "DELETE FROM usage WHERE tenant = $1 AND incarnation IN \
     (SELECT incarnation FROM usage_reporters WHERE tenant = $1 AND folded = FALSE AND reported_us < $2)",
    "UPDATE usage_reporters SET folded = TRUE WHERE tenant = $1 AND folded = FALSE AND reported_us < $2",
];
const FORGET: &str = "DELETE FROM usage_reporters WHERE tenant = $1 AND folded = TRUE AND reported_us < $2";

#[async_trait]
impl UsageStore for Store {
    async fn report_usage(&self, tenant: &TenantId, report: &UsageReport, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let incarnation = report.incarnation.as_str();
        let known = sqlx::query(IS_FOLDED).bind(tenant.as_str()).bind(incarnation).fetch_optional(&mut *tx).await?;
        if known.map(|row| row.try_get("folded")).transpose()?.unwrap_or(false) {
            return Ok(());
        }
        sqlx::query(HEARD)
            .bind(tenant.as_str())
            .bind(incarnation)
            .bind(report.replica.as_str())
            .bind(now.micros())
            .execute(&mut *tx)
            .await?;
        for count in &report.counts {
            raise(&mut tx, tenant, incarnation, count).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn usage(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        numbers: &[VersionNumber],
    ) -> Result<BTreeMap<VersionNumber, Totals>> {
        let mut connection = self.db.reader().acquire().await?;
        sums(&mut connection, tenant, model, numbers).await
    }

    async fn fold_usage(&self, tenant: &TenantId, silent: Timestamp, forgotten: Timestamp) -> Result<()> {
        let due = sqlx::query(ANY_TO_FOLD)
            .bind(tenant.as_str())
            .bind(silent.micros())
            .bind(forgotten.micros())
            .fetch_optional(self.db.reader())
            .await?;
        if due.is_none() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        for statement in FOLD {
            sqlx::query(statement).bind(tenant.as_str()).bind(silent.micros()).execute(&mut *tx).await?;
        }
        sqlx::query(FORGET).bind(tenant.as_str()).bind(forgotten.micros()).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }
}

async fn raise(tx: &mut Connection, tenant: &TenantId, incarnation: &str, count: &UsageCount) -> Result<()> {
    let UsageCount { model, number, totals } = count;
    sqlx::query(RAISE)
        .bind(tenant.as_str())
        .bind(model.as_str())
        .bind(rows::column(number.get()))
        .bind(incarnation)
        .bind(rows::column(totals.requests))
        .bind(rows::column(totals.errors))
        .bind(rows::column(totals.rows))
        .bind(rows::column(totals.inference_micros))
        .bind(totals.last_use.map_or(0, Timestamp::micros))
        .execute(tx)
        .await?;
    Ok(())
}

/// The sums over all processes of some versions of a model.
pub(super) async fn sums(
    connection: &mut Connection,
    tenant: &TenantId,
    model: &ModelName,
    numbers: &[VersionNumber],
) -> Result<BTreeMap<VersionNumber, Totals>> {
    if numbers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut sql: Sql = QueryBuilder::new(SUMS);
    sql.push_bind(tenant.as_str()).push(" AND model = ").push_bind(model.as_str()).push(" AND number");
    rows::among_numbers(&mut sql, numbers);
    sql.push(" GROUP BY number");
    let found = sql.build().fetch_all(connection).await?;
    found.iter().map(|row| Ok((versions::number(row)?, totals(row)?))).collect()
}

fn totals(row: &DbRow) -> Result<Totals> {
    let last_use: i64 = row.try_get("last_use_us")?;
    Ok(Totals {
        requests: row.number("requests")?,
        errors: row.number("errors")?,
        rows: row.number("row_count")?,
        inference_micros: row.number("inference_micros")?,
        last_use: (last_use > 0).then(|| Timestamp::from_micros(last_use)),
    })
}
