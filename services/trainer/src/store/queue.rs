//! The port to the queue: what workers do with jobs. Every write names the generation of its lease.

use async_trait::async_trait;
use futures::stream::BoxStream;
use lineal_kernel::Timestamp;

use super::Result;
use crate::domain::{Claim, Hold, JobChange, JobId, JobState, Lease, OpenRun, Unreadable};

/// A job in the hands of a worker, if that one can read it.
pub(crate) type Taken = std::result::Result<Claim, Unreadable>;

/// The queue that all processes of a database share.
#[async_trait]
pub(crate) trait QueueStore: Send + Sync {
    /// The name of this process among those that share the database.
    fn process(&self) -> &str;

    /// Gives the first job that may run to `owner`, who loses it at `until` unless there is a heartbeat. The greatest priority comes
    /// first, then the oldest job; a model with `per_model` running jobs gets no other, 0 stands for no limit.
    async fn claim(&self, owner: &str, now: Timestamp, until: Timestamp, per_model: u32) -> Result<Option<Taken>>;

    /// Keeps a lease until `until` and says whether someone asked to stop.
    async fn heartbeat(&self, lease: &Lease, until: Timestamp) -> Result<Hold>;

    /// Changes a running job and appends the event; `Conflict` if the lease is void or the change's condition does not hold.
    async fn record(&self, lease: &Lease, change: &JobChange, now: Timestamp) -> Result<()>;

    /// Running jobs whose lease has ended, or whose process is gone.
    async fn lost(&self, now: Timestamp) -> Result<Vec<Taken>>;

    /// Fails one waiting job whose deadline has passed, if there is one, with `error`.
    async fn expire(&self, now: Timestamp, error: &str) -> Result<Option<JobId>>;

    /// Running jobs of `owner` that are asked to stop.
    async fn asked(&self, owner: &str) -> Result<Vec<JobId>>;

    /// Whether a job waits that may run.
    async fn waiting(&self, now: Timestamp) -> Result<bool>;

    /// At most `limit` runs of ended jobs that the registry has still to close.
    async fn open_runs(&self, limit: u32) -> Result<Vec<OpenRun>>;

    /// The registry knows how the run of this job ended.
    async fn run_closed(&self, id: &JobId) -> Result<()>;

    /// Jobs that any process has news of, with the state they are in then. Some news may be missed; it never ends.
    fn news(&self) -> BoxStream<'static, (JobState, JobId)>;
}
