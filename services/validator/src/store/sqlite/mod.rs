//! Reports in SQLite.

mod rows;

use async_trait::async_trait;
use lineal_db::{DatabaseUrl, OpenError, Sqlite, StoreError};
use lineal_kernel::{Caller, ModelName, RequestId, TenantId};
use sqlx::migrate::Migrator;

use super::ReportStore;
use crate::domain::{Report, ReportId, ReportPage};
use rows::{Body, Row};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// Reports in one SQLite file.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    database: Sqlite,
}

impl SqliteStore {
    /// Opens or creates the file and brings its schema up to date.
    pub(crate) async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        Ok(Self { database: Sqlite::open(url, &MIGRATIONS).await? })
    }
}

#[async_trait]
impl ReportStore for SqliteStore {
    async fn insert(&self, report: &Report, request_id: &RequestId) -> Result<(), StoreError> {
        let mut transaction = self.database.begin().await?;
        sqlx::query(
            "INSERT INTO reports (report_id, tenant, model, slot, number, champion_number, actor, request_id, \
             create_time, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(report.id.to_string())
        .bind(report.tenant.as_str())
        .bind(report.model.as_str())
        .bind(report.slot.to_string())
        .bind(report.number.get() as i64)
        .bind(report.champion.as_ref().map(|champion| champion.number.get() as i64))
        .bind(&report.actor)
        .bind(request_id.as_str())
        .bind(report.create_time.micros())
        .bind(Body::of(report).to_json()?)
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    async fn answer(&self, caller: &Caller, request_id: &RequestId) -> Result<Option<Report>, StoreError> {
        let row: Option<Row> =
            sqlx::query_as("SELECT * FROM reports WHERE tenant = ? AND actor = ? AND request_id = ?")
                .bind(caller.tenant.as_str())
                .bind(&caller.actor)
                .bind(request_id.as_str())
                .fetch_optional(self.database.reader())
                .await?;
        row.map(Row::report).transpose()
    }

    async fn report(&self, tenant: &TenantId, id: ReportId) -> Result<Option<Report>, StoreError> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM reports WHERE tenant = ? AND report_id = ?")
            .bind(tenant.as_str())
            .bind(id.to_string())
            .fetch_optional(self.database.reader())
            .await?;
        row.map(Row::report).transpose()
    }

    async fn reports(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        size: u32,
        after: Option<i64>,
    ) -> Result<ReportPage, StoreError> {
        let mut rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM reports WHERE tenant = ? AND model = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
        )
        .bind(tenant.as_str())
        .bind(model.as_str())
        .bind(after.unwrap_or(i64::MAX))
        .bind(i64::from(size) + 1)
        .fetch_all(self.database.reader())
        .await?;
        let more = rows.len() > size as usize;
        rows.truncate(size as usize);
        let next = rows.last().filter(|_| more).map(|row| row.sequence);
        Ok(ReportPage { reports: rows.into_iter().map(Row::report).collect::<Result<_, _>>()?, next })
    }

    async fn close(&self) {
        self.database.close().await;
    }
}
