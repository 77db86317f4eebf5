//! The port to the trainer's tables. One method is one atomic change; a change of a job takes its event along.

mod sqlite;

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{RequestId, Timestamp};

use crate::domain::{Claim, DefinitionKind, Job, JobChange, JobEvent, JobFilter, JobId, Lease};

pub(crate) use sqlite::SqliteStore;

/// Jobs with their events, the queue, and what the names of recipes mean.
#[async_trait]
pub(crate) trait TrainerStore: Send + Sync {
    /// Stores a queued job with its first event, or returns the job that has the same request id already.
    async fn create_job(&self, job: &Job) -> Result<Job, StoreError>;

    /// One job.
    async fn job(&self, id: &JobId) -> Result<Option<Job>, StoreError>;

    /// The job that was created with this request id.
    async fn job_by_request(&self, request_id: &RequestId) -> Result<Option<Job>, StoreError>;

    /// At most `limit` jobs, newest first, those before `before` only.
    async fn jobs(&self, filter: &JobFilter, before: Option<&JobId>, limit: u32) -> Result<Vec<Job>, StoreError>;

    /// At most `limit` events of a job after number `after`, in order.
    async fn events(&self, id: &JobId, after: u64, limit: u32) -> Result<Vec<JobEvent>, StoreError>;

    /// Cancels a queued job or asks a running one to stop. A job that has ended, or is about to create its version,
    /// stays as it is. Returns the job as it is then.
    async fn cancel(&self, id: &JobId, actor: &str, now: Timestamp) -> Result<Option<Job>, StoreError>;

    /// Gives the oldest queued job to `owner`, who loses it at `until` unless there is a heartbeat.
    async fn claim(&self, owner: &str, now: Timestamp, until: Timestamp) -> Result<Option<Claim>, StoreError>;

    /// Keeps a lease until `until` and says whether someone asked to cancel; `None` if the lease is void.
    async fn heartbeat(&self, lease: &Lease, until: Timestamp) -> Result<Option<bool>, StoreError>;

    /// Changes a running job and appends the event; `Conflict` if the lease is void, or if the change prepares a
    /// version and someone asked to cancel.
    async fn record(&self, lease: &Lease, change: &JobChange, now: Timestamp) -> Result<(), StoreError>;

    /// Running jobs whose lease ends before `moment`.
    async fn lost(&self, moment: Timestamp) -> Result<Vec<Claim>, StoreError>;

    /// What a name means, as JSON.
    async fn definition(&self, kind: DefinitionKind, scope: &str, name: &str) -> Result<Option<String>, StoreError>;

    /// Gives a name its meaning unless it has one, and returns the one it has now.
    async fn define(
        &self,
        kind: DefinitionKind,
        scope: &str,
        name: &str,
        body: &str,
        now: Timestamp,
    ) -> Result<String, StoreError>;

    /// Finishes what is under way.
    async fn close(&self);
}
