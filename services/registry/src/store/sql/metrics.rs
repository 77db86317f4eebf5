//! Metrics of runs: every point, and the latest of each key.

use std::collections::{BTreeMap, HashMap};

use lineal_db::StoreError;
use lineal_kernel::{PageRequest, TenantId};
use sqlx::{QueryBuilder, Row};

use super::{
    Connection, DbRow, Sql, Store,
    rows::{self, Read},
};
use crate::{
    domain::metric::MetricPoint,
    store::{Page, Result},
};

const HISTORY: &str = "SELECT * FROM run_metrics WHERE tenant = $1 AND run_id = $2 AND key = $3 \
     AND (step, time_us, sequence) > ($4, $5, $6) ORDER BY step, time_us, sequence LIMIT $7";
const LAST: &str = "SELECT COALESCE(MAX(sequence), 0) AS sequence FROM run_metrics WHERE tenant = $1 AND run_id = $2";

/// Rows of one statement. SQLite looks for each bound value among all of them, so one statement for hundreds of rows takes longer than
/// several; and one of this length is prepared once and kept.
const ROWS: usize = 25;

/// Adds points inside the transaction of their batch.
pub(super) async fn append(tx: &mut Connection, tenant: &TenantId, run_id: &str, points: &[MetricPoint]) -> Result<()> {
    if points.is_empty() {
        return Ok(());
    }
    let last = sqlx::query(LAST).bind(tenant.as_str()).bind(run_id).fetch_one(&mut *tx).await?;
    let mut sequence: i64 = last.try_get("sequence")?;
    for points in points.chunks(ROWS) {
        let mut sql: Sql =
            QueryBuilder::new("INSERT INTO run_metrics (tenant, run_id, sequence, key, step, time_us, kind, value) ");
        sql.push_values(points, |mut row, point| {
            sequence += 1;
            let (kind, value) = split(point.value);
            row.push_bind(tenant.as_str()).push_bind(run_id).push_bind(sequence).push_bind(point.key.as_str());
            row.push_bind(point.step).push_bind(point.time.micros()).push_bind(kind).push_bind(value);
        });
        sql.push(" ON CONFLICT DO NOTHING");
        sql.build().persistent(points.len() == ROWS).execute(&mut *tx).await?;
    }
    keep_latest(tx, tenant, run_id, points).await
}

/// Among points of one step and time the one written last counts.
async fn keep_latest(tx: &mut Connection, tenant: &TenantId, run_id: &str, points: &[MetricPoint]) -> Result<()> {
    let mut latest: BTreeMap<&str, &MetricPoint> = BTreeMap::new();
    for point in points {
        let kept = latest.entry(&point.key).or_insert(point);
        if point.place() >= kept.place() {
            *kept = point;
        }
    }
    let latest: Vec<_> = latest.into_iter().collect();
    for latest in latest.chunks(ROWS) {
        let mut sql: Sql =
            QueryBuilder::new("INSERT INTO run_latest_metrics (tenant, run_id, key, step, time_us, kind, value) ");
        sql.push_values(latest, |mut row, (key, point)| {
            let (kind, value) = split(point.value);
            row.push_bind(tenant.as_str()).push_bind(run_id).push_bind(*key).push_bind(point.step);
            row.push_bind(point.time.micros()).push_bind(kind).push_bind(value);
        });
        sql.push(
            " ON CONFLICT (tenant, run_id, key) DO UPDATE SET step = excluded.step, time_us = excluded.time_us, \
             kind = excluded.kind, value = excluded.value \
             WHERE (excluded.step, excluded.time_us) >= (run_latest_metrics.step, run_latest_metrics.time_us)",
        );
        sql.build().persistent(latest.len() == ROWS).execute(&mut *tx).await?;
    }
    Ok(())
}

/// The latest values of each run in `run_ids`.
pub(super) async fn latest(
    connection: &mut Connection,
    tenant: &TenantId,
    run_ids: &[String],
) -> Result<HashMap<String, BTreeMap<String, f64>>> {
    let mut sql: Sql = QueryBuilder::new("SELECT * FROM run_latest_metrics WHERE tenant = ");
    sql.push_bind(tenant.as_str()).push(" AND run_id");
    rows::among(&mut sql, run_ids);
    let mut found: HashMap<String, BTreeMap<String, f64>> = HashMap::new();
    for row in sql.build().fetch_all(connection).await? {
        found.entry(row.text("run_id")?).or_default().insert(row.text("key")?, value(&row)?);
    }
    Ok(found)
}

/// Every point of one metric, in order of step, time and writing.
pub(super) async fn history(
    store: &Store,
    tenant: &TenantId,
    run_id: &str,
    key: &str,
    page: &PageRequest,
) -> Result<Page<MetricPoint>> {
    let (step, time, sequence) = page.after.as_deref().and_then(cursor).unwrap_or((i64::MIN, i64::MIN, 0));
    let found = sqlx::query(HISTORY)
        .bind(tenant.as_str())
        .bind(run_id)
        .bind(key)
        .bind(step)
        .bind(time)
        .bind(sequence)
        .bind(rows::limit(page))
        .fetch_all(store.db.reader())
        .await?;
    let points = found.iter().map(|row| Ok((row.number("sequence")?, point(row)?))).collect::<Result<_>>()?;
    let page = rows::page(points, page, |(sequence, point): &(u64, MetricPoint)| {
        format!("{} {} {sequence}", point.step, point.time.micros())
    });
    Ok(Page { items: page.items.into_iter().map(|(_, point)| point).collect(), next: page.next })
}

fn cursor(text: &str) -> Option<(i64, i64, i64)> {
    let mut numbers = text.split(' ').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

fn point(row: &DbRow) -> Result<MetricPoint> {
    Ok(MetricPoint {
        key: row.text("key")?,
        value: value(row)?,
        step: row.try_get("step")?,
        time: row.moment("time_us")?,
    })
}

/// How a value is kept: what is not finite is a kind without a number.
pub(super) fn split(value: f64) -> (&'static str, Option<f64>) {
    match value {
        value if value.is_finite() => ("finite", Some(value)),
        value if value.is_nan() => ("nan", None),
        value if value > 0.0 => ("infinity", None),
        _ => ("-infinity", None),
    }
}

pub(super) fn value(row: &DbRow) -> Result<f64> {
    let (kind, value): (&str, Option<f64>) = (row.try_get("kind")?, row.try_get("value")?);
    match (kind, value) {
        ("finite", Some(value)) => Ok(value),
        ("nan", None) => Ok(f64::NAN),
        ("infinity", None) => Ok(f64::INFINITY),
        ("-infinity", None) => Ok(f64::NEG_INFINITY),
        _ => Err(StoreError::corrupt(format!("kind: `{kind}` does not fit its value"))),
    }
}
