//! Cancelling, suspending and resuming a job.

use lineal_kernel::Caller;

use super::App;
use crate::domain::{Job, JobId, JobState, Stop, TrainerError};

impl App {
    /// Stops a waiting job at once and asks a running one to stop. One that has ended, or whose version is being created, stays as
    /// it is.
    pub(crate) async fn stop_job(&self, caller: &Caller, id: &JobId, stop: Stop) -> Result<Job, TrainerError> {
        let job = self.store.stop(id, stop, &caller.actor, self.clock.now()).await?;
        let job = job.ok_or_else(|| TrainerError::JobNotFound { job_id: id.clone() })?;
        self.stops.tell(id);
        self.feed.tell(id);
        if job.state == JobState::Cancelled {
            self.ended.notify_one();
        }
        Ok(job)
    }

    /// Queues a suspended job again. Any other stays as it is; one that was asked to suspend but still runs goes on.
    pub(crate) async fn resume_job(&self, caller: &Caller, id: &JobId) -> Result<Job, TrainerError> {
        let job = self.store.resume(id, &caller.actor, self.clock.now()).await?;
        let job = job.ok_or_else(|| TrainerError::JobNotFound { job_id: id.clone() })?;
        self.feed.tell(id);
        self.queue.notify_one();
        Ok(job)
    }
}
