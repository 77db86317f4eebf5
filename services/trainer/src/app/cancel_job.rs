//! Cancelling a job.

use lineal_kernel::Caller;

use super::App;
use crate::{
    domain::{Job, JobId, JobState, TrainerError},
    registry::RunEnd,
};

impl App {
    /// Cancels a queued job at once and asks a running one to stop. One that has ended, or whose version is being
    /// created, stays as it is.
    pub(crate) async fn cancel_job(&self, caller: &Caller, id: &JobId) -> Result<Job, TrainerError> {
        let job = self.store.cancel(id, &caller.actor, self.clock.now()).await?;
        let job = job.ok_or_else(|| TrainerError::JobNotFound { job_id: id.clone() })?;
        self.cancels.tell(id);
        self.events.tell(id);
        if job.state == JobState::Cancelled {
            self.close_run(job.run_id.as_deref(), &RunEnd::Killed).await;
        }
        Ok(job)
    }
}
