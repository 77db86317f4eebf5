//! Performance of versions over time.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use lineal_kernel::{PageRequest, Slot, TenantId, Timestamp, VersionNumber};
use sqlx::{QueryBuilder, Row};

use super::{
    DbRow, Sql, Store, audit,
    metrics::{split, value},
    months,
    rows::{self, Read},
    versions,
};
use crate::{
    domain::{
        audit::AuditEntry,
        performance::{PerformanceBucket, PerformanceEntry, PerformancePoint, RecordPerformance, Summary, Window},
    },
    store::{Page, PerformanceStore, Result},
};

/// Both reads begin like the key: tenant, model, metric, time.
const POINTS: &str = "SELECT * FROM performance WHERE tenant = $1 AND model = $2 AND metric = $3 \
     AND time_us >= $4 AND time_us < $5 AND ($6 = 0 OR number = $6) AND ($7 = '*' OR slot = $7) \
     AND (time_us, number, slot) > ($8, $9, $10) ORDER BY time_us, number, slot LIMIT $11";
/// The latest finite value of a bucket is the first one in descending order of time among the finite ones.
const BUCKETS: &str = "SELECT bucket, number, slot, COUNT(value) AS points, \
     CAST(COALESCE(SUM(CASE WHEN value IS NOT NULL THEN weight END), 0) AS BIGINT) AS observations, \
     COUNT(*) - COUNT(value) AS not_finite, MIN(value) AS smallest, MAX(value) AS largest, \
     SUM(value * weight) / SUM(CASE WHEN value IS NOT NULL THEN weight END) AS mean, \
     MAX(CASE WHEN place = 1 THEN value END) AS latest FROM ( \
         SELECT number, slot, value, weight, (time_us - $4) / $8 AS bucket, \
         ROW_NUMBER() OVER (PARTITION BY (time_us - $4) / $8, number, slot, kind = 'finite' ORDER BY time_us DESC) AS place \
         FROM performance WHERE tenant = $1 AND model = $2 AND metric = $3 \
         AND time_us >= $9 AND time_us < $5 AND ($6 = 0 OR number = $6) AND ($7 = '*' OR slot = $7)) placed \
     WHERE (bucket, number, slot) > ($10, $11, $12) \
     GROUP BY bucket, number, slot ORDER BY bucket, number, slot LIMIT $13";

#[async_trait]
impl PerformanceStore for Store {
    async fn record_performance(&self, tenant: &TenantId, wish: &RecordPerformance, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let touched: BTreeSet<Timestamp> = wish.points.iter().map(|point| point.time.month()).collect();
        months::prepare(&mut tx, &touched).await?;
        let slot = wish.slot.to_string();
        // One statement cannot write a row twice; the last point of a moment counts.
        let mut points: Vec<&PerformancePoint> = wish.points.iter().rev().collect();
        let mut seen = BTreeSet::new();
        points.retain(|point| seen.insert((point.metric.as_str(), point.time)));
        let mut sql: Sql = QueryBuilder::new(
            "INSERT INTO performance (tenant, model, metric, time_us, number, slot, kind, value, weight) ",
        );
        sql.push_values(points, |mut row, point| {
            let (kind, value) = split(point.value);
            row.push_bind(tenant.as_str()).push_bind(wish.model.as_str()).push_bind(point.metric.as_str());
            row.push_bind(point.time.micros()).push_bind(rows::column(wish.number.get())).push_bind(slot.as_str());
            row.push_bind(kind).push_bind(value).push_bind(rows::column(point.count));
        });
        sql.push(
            " ON CONFLICT (tenant, model, metric, time_us, number, slot) DO UPDATE SET kind = excluded.kind, \
             value = excluded.value, weight = excluded.weight",
        );
        sql.build().persistent(false).execute(&mut *tx).await?;
        audit::append(&mut tx, entry, 0, "").await?;
        Ok(tx.commit().await?)
    }

    async fn performance(
        &self,
        tenant: &TenantId,
        window: &Window,
        page: &PageRequest,
    ) -> Result<Page<PerformanceEntry>> {
        let (time, number, slot) = cursor(page).unwrap_or((i64::MIN, 0, ""));
        let found = sqlx::query(POINTS)
            .bind(tenant.as_str())
            .bind(window.model.as_str())
            .bind(&window.metric)
            .bind(window.start.micros().max(time))
            .bind(window.end.micros())
            .bind(number_or_all(window))
            .bind(slot_or_all(window))
            .bind(time)
            .bind(number)
            .bind(slot)
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let entries = found.iter().map(entry).collect::<Result<_>>()?;
        Ok(rows::page(entries, page, |entry: &PerformanceEntry| {
            format!("{} {} {}", entry.point.time.micros(), entry.number, entry.slot)
        }))
    }

    async fn performance_buckets(
        &self,
        tenant: &TenantId,
        window: &Window,
        step: Duration,
        page: &PageRequest,
    ) -> Result<Page<PerformanceBucket>> {
        let (bucket, number, slot) = cursor(page).unwrap_or((-1, 0, ""));
        let (start, step) = (window.start.micros(), step.as_micros() as i64);
        let found = sqlx::query(BUCKETS)
            .bind(tenant.as_str())
            .bind(window.model.as_str())
            .bind(&window.metric)
            .bind(start)
            .bind(window.end.micros())
            .bind(number_or_all(window))
            .bind(slot_or_all(window))
            .bind(step)
            .bind(start.saturating_add(bucket.max(0).saturating_mul(step)))
            .bind(bucket)
            .bind(number)
            .bind(slot)
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let buckets = found.iter().map(|row| self::bucket(row, start, step)).collect::<Result<_>>()?;
        Ok(rows::page(buckets, page, |bucket: &PerformanceBucket| {
            format!("{} {} {}", (bucket.start.micros() - start) / step, bucket.number, bucket.slot)
        }))
    }

    async fn drop_performance(&self, before: Timestamp) -> Result<()> {
        months::drop_before(&self.db, before).await
    }
}

/// A bucket or a time, a number and a slot, which may be empty.
fn cursor(page: &PageRequest) -> Option<(i64, i64, &str)> {
    let mut parts = page.after.as_deref()?.splitn(3, ' ');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?))
}

fn number_or_all(window: &Window) -> i64 {
    window.number.map_or(0, |number| rows::column(number.get()))
}

/// No slot's text is an asterisk.
fn slot_or_all(window: &Window) -> String {
    window.slot.as_ref().map_or_else(|| "*".to_owned(), Slot::to_string)
}

fn entry(row: &DbRow) -> Result<PerformanceEntry> {
    Ok(PerformanceEntry {
        number: versions::number(row)?,
        slot: row.slot()?,
        point: PerformancePoint {
            metric: row.text("metric")?,
            time: row.moment("time_us")?,
            value: value(row)?,
            count: row.number("weight")?,
        },
    })
}

fn bucket(row: &DbRow, start: i64, step: i64) -> Result<PerformanceBucket> {
    let bucket: i64 = row.try_get("bucket")?;
    let number: VersionNumber = versions::number(row)?;
    let values: [Option<f64>; 4] =
        [row.try_get("smallest")?, row.try_get("largest")?, row.try_get("mean")?, row.try_get("latest")?];
    let summary = match values {
        [Some(min), Some(max), Some(mean), Some(last)] => Some(Summary { min, max, mean, last }),
        _ => None,
    };
    Ok(PerformanceBucket {
        number,
        slot: row.slot()?,
        start: Timestamp::from_micros(start + bucket * step),
        points: row.number("points")?,
        count: row.number("observations")?,
        summary,
        not_finite: row.number("not_finite")?,
    })
}
