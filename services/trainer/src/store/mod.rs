//! The port to the trainer's tables. One method is one atomic change; a change of a job takes its event along.

mod datasets;
mod feature_sets;
mod imports;
mod pipelines;
mod postgres;
mod queue;
mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use lineal_db::{DatabaseUrl, OpenError, StoreError};
use lineal_kernel::{RequestId, Timestamp};

pub(crate) use self::{
    datasets::DatasetStore,
    feature_sets::FeatureSetStore,
    imports::ImportStore,
    pipelines::{PipelineRunStore, PipelineStore},
    postgres::PostgresStore,
    queue::{QueueStore, Taken},
    sqlite::SqliteStore,
};
use crate::domain::{Attempt, Creation, DefinitionKind, Job, JobEvent, JobFilter, JobId, Stop};

type Result<T> = std::result::Result<T, StoreError>;

/// Opens the database that `url` names, with its schema brought up to date.
pub(crate) async fn open(url: &DatabaseUrl) -> std::result::Result<Arc<dyn TrainerStore>, OpenError> {
    Ok(match url {
        DatabaseUrl::Sqlite(_) => Arc::new(SqliteStore::open(url).await?),
        DatabaseUrl::Postgres { .. } => Arc::new(PostgresStore::open(url).await?),
    })
}

/// Everything the trainer keeps.
#[async_trait]
pub(crate) trait TrainerStore:
    JobStore
    + QueueStore
    + DefinitionStore
    + FeatureSetStore
    + DatasetStore
    + ImportStore
    + PipelineStore
    + PipelineRunStore
{
    /// Finishes what is under way.
    async fn close(&self);
}

/// Jobs with their events and attempts, as callers see them.
#[async_trait]
pub(crate) trait JobStore: Send + Sync {
    /// Stores a queued job with its first event, or returns the job that has the same request id already. Unless it is a `rerun`, a
    /// node with an active job gets no other.
    async fn create_job(&self, job: &Job, rerun: bool) -> Result<Creation>;

    /// One job.
    async fn job(&self, id: &JobId) -> Result<Option<Job>>;

    /// The job that was created with this request id.
    async fn job_by_request(&self, request_id: &RequestId) -> Result<Option<Job>>;

    /// At most `limit` jobs, newest first, those before `before` only.
    async fn jobs(&self, filter: &JobFilter, before: Option<&JobId>, limit: u32) -> Result<Vec<Job>>;

    /// At most `limit` events of a job after number `after`, in order.
    async fn events(&self, id: &JobId, after: u64, limit: u32) -> Result<Vec<JobEvent>>;

    /// The number of the latest event of each of these jobs.
    async fn heads(&self, ids: &[JobId]) -> Result<Vec<(JobId, u64)>>;

    /// At most `limit` attempts of a job after number `after`, in order.
    async fn attempts(&self, id: &JobId, after: u64, limit: u32) -> Result<Vec<Attempt>>;

    /// Stops a waiting job or asks a running one to stop. A job that has ended, or is about to create its version, stays as it is.
    /// Returns the job as it is then.
    async fn stop(&self, id: &JobId, stop: Stop, actor: &str, now: Timestamp) -> Result<Option<Job>>;

    /// Queues a suspended job again, or takes back the request to suspend a running one. Any other stays as it is. Returns the job
    /// as it is then.
    async fn resume(&self, id: &JobId, actor: &str, now: Timestamp) -> Result<Option<Job>>;
}

/// What the names of recipes mean.
#[async_trait]
pub(crate) trait DefinitionStore: Send + Sync {
    /// What a name means, as JSON.
    async fn definition(&self, kind: DefinitionKind, scope: &str, name: &str) -> Result<Option<String>>;

    /// Gives a name its meaning unless it has one, and returns the one it has now.
    async fn define(&self, kind: DefinitionKind, scope: &str, name: &str, body: &str, now: Timestamp)
    -> Result<String>;
}
