//! The tables in SQLite.

mod jobs;
mod queue;
mod rows;
mod sql;

use async_trait::async_trait;
use lineal_db::{DatabaseUrl, OpenError, Sqlite, StoreError};
use lineal_kernel::{RequestId, Timestamp};
use sqlx::{SqliteConnection, migrate::Migrator};

use super::TrainerStore;
use crate::domain::{Claim, DefinitionKind, Job, JobChange, JobEvent, JobFilter, JobId, Lease, Step};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// The store in one file.
#[derive(Debug, Clone)]
pub(crate) struct SqliteStore {
    db: Sqlite,
}

impl SqliteStore {
    /// Opens or creates the file and brings its schema up to date.
    pub(crate) async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        Ok(Self { db: Sqlite::open(url, &MIGRATIONS).await? })
    }
}

#[async_trait]
impl TrainerStore for SqliteStore {
    async fn create_job(&self, job: &Job) -> Result<Job, StoreError> {
        jobs::create(&self.db, job).await
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        jobs::get(&self.db, id).await
    }

    async fn job_by_request(&self, request_id: &RequestId) -> Result<Option<Job>, StoreError> {
        jobs::by_request(&self.db, request_id).await
    }

    async fn jobs(&self, filter: &JobFilter, before: Option<&JobId>, limit: u32) -> Result<Vec<Job>, StoreError> {
        jobs::list(&self.db, filter, before, limit).await
    }

    async fn events(&self, id: &JobId, after: u64, limit: u32) -> Result<Vec<JobEvent>, StoreError> {
        jobs::events(&self.db, id, after, limit).await
    }

    async fn cancel(&self, id: &JobId, actor: &str, now: Timestamp) -> Result<Option<Job>, StoreError> {
        jobs::cancel(&self.db, id, actor, now).await
    }

    async fn claim(&self, owner: &str, now: Timestamp, until: Timestamp) -> Result<Option<Claim>, StoreError> {
        queue::claim(&self.db, owner, now, until).await
    }

    async fn heartbeat(&self, lease: &Lease, until: Timestamp) -> Result<Option<bool>, StoreError> {
        queue::heartbeat(&self.db, lease, until).await
    }

    async fn record(&self, lease: &Lease, change: &JobChange, now: Timestamp) -> Result<(), StoreError> {
        queue::record(&self.db, lease, change, now).await
    }

    async fn lost(&self, moment: Timestamp) -> Result<Vec<Claim>, StoreError> {
        queue::lost(&self.db, moment).await
    }

    async fn definition(&self, kind: DefinitionKind, scope: &str, name: &str) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar(sql::DEFINITION).bind(kind.as_str()).bind(scope).bind(name);
        Ok(query.fetch_optional(self.db.reader()).await?)
    }

    async fn define(
        &self,
        kind: DefinitionKind,
        scope: &str,
        name: &str,
        body: &str,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let mut tx = self.db.begin().await?;
        let insert = sqlx::query(sql::DEFINE).bind(kind.as_str()).bind(scope).bind(name).bind(body);
        insert.bind(now.micros()).execute(&mut *tx).await?;
        let select = sqlx::query_scalar(sql::DEFINITION).bind(kind.as_str()).bind(scope).bind(name);
        let body = select.fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok(body)
    }

    async fn close(&self) {
        self.db.close().await;
    }
}

/// Appends an event whose number the job has just been given in the same transaction.
async fn append(tx: &mut SqliteConnection, id: &JobId, event: &JobEvent) -> Result<(), StoreError> {
    sqlx::query(sql::INSERT_EVENT)
        .bind(id.as_str())
        .bind(event.sequence as i64)
        .bind(event.create_time.micros())
        .bind(&event.actor)
        .bind(event.state.as_str())
        .bind(step_word(event.step))
        .bind(event.progress)
        .bind(rows::to_json(&event.metrics)?)
        .bind(&event.message)
        .execute(tx)
        .await?;
    Ok(())
}

fn step_word(step: Option<Step>) -> &'static str {
    step.map_or("", Step::as_str)
}
