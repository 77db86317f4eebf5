//! Creating a job.

use lineal_kernel::Caller;

use super::App;
use crate::{
    domain::{CreateJob, Creation, Job, ModelDefinition, SpecDraft, SplitDefinition, TrainerError},
    failpoints::stop_here,
};

impl App {
    /// Stores a job for a specification as it arrived. Its blanks are filled first, if it asks for the model's settings.
    pub(crate) async fn submit_job(
        &self,
        caller: &Caller,
        draft: SpecDraft,
        rerun: bool,
        request_id: &str,
    ) -> Result<Job, TrainerError> {
        let newest = draft.use_settings && draft.settings_digest.is_empty();
        match self.submit_filled(caller, draft.clone(), rerun, request_id).await {
            // Sent twice at once while a file was applied: those settings count that the first one found.
            Err(TrainerError::RequestIdReused { .. }) if newest => {
                self.submit_filled(caller, draft, rerun, request_id).await
            }
            answer => answer,
        }
    }

    async fn submit_filled(
        &self,
        caller: &Caller,
        draft: SpecDraft,
        rerun: bool,
        request_id: &str,
    ) -> Result<Job, TrainerError> {
        let draft = self.with_settings(draft, request_id).await?;
        let command = CreateJob::check(draft, rerun, request_id, self.families)?;
        self.create_job(caller, command).await
    }

    /// Stores a job as queued. The same request id returns the job it created; a node with an active job gets no other unless that
    /// is what the caller wants.
    pub(crate) async fn create_job(&self, caller: &Caller, command: CreateJob) -> Result<Job, TrainerError> {
        let command = self.scoped(command).await?;
        if let Some(known) = self.store.job_by_request(&command.request_id).await? {
            return same(known, &command);
        }
        let spec = &command.spec;
        self.check_name::<SplitDefinition>(spec, spec.split_version.as_ref()).await?;
        self.check_split(spec).await?;
        self.check_features(spec).await?;
        self.check_name::<ModelDefinition>(spec, spec.model_version.as_ref()).await?;
        self.check_reports(&spec.source()).await?;
        let job = Job::queued(command.request_id.clone(), spec.clone(), caller.actor.clone(), self.clock.now());
        match self.store.create_job(&job, command.rerun).await? {
            Creation::Job(stored) => {
                stop_here!("queued");
                self.queue.notify_one();
                same(*stored, &command)
            }
            Creation::NodeBusy(job_id) => {
                let node = job.spec.node.map_or_else(String::new, |key| format!("{}/{}", key.pipeline, key.node));
                Err(TrainerError::NodeBusy { node, job_id })
            }
        }
    }
}

/// The job, if it is the one that `command` asks for.
fn same(job: Job, command: &CreateJob) -> Result<Job, TrainerError> {
    if job.spec == command.spec {
        return Ok(job);
    }
    Err(TrainerError::RequestIdReused { request_id: command.request_id.clone(), job_id: job.id })
}
