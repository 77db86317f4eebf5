//! Creating a job.

use lineal_data::FeatureSet;
use lineal_kernel::Caller;

use super::App;
use crate::domain::{CreateJob, Job, ModelDefinition, SplitDefinition, TrainerError};

impl App {
    /// Stores a job as queued. The same request id returns the job it created.
    pub(crate) async fn create_job(&self, caller: &Caller, command: CreateJob) -> Result<Job, TrainerError> {
        if let Some(known) = self.store.job_by_request(&command.request_id).await? {
            return same(known, &command);
        }
        let spec = &command.spec;
        self.check_name::<SplitDefinition>(spec, spec.split_version.as_ref()).await?;
        self.check_name::<FeatureSet>(spec, spec.feature_version.as_ref()).await?;
        self.check_name::<ModelDefinition>(spec, spec.model_version.as_ref()).await?;
        let job = Job::queued(command.request_id.clone(), spec.clone(), caller.actor.clone(), self.clock.now());
        let stored = self.store.create_job(&job).await?;
        self.queue.notify_one();
        same(stored, &command)
    }
}

/// The job, if it is the one that `command` asks for.
fn same(job: Job, command: &CreateJob) -> Result<Job, TrainerError> {
    if job.spec == command.spec {
        return Ok(job);
    }
    Err(TrainerError::RequestIdReused { request_id: command.request_id.clone(), job_id: job.id })
}
