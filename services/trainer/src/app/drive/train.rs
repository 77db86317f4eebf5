//! The step of a train node: a job, and what came of it.

use lineal_db::StoreError;
use lineal_kernel::Caller;
use tokio_util::sync::CancellationToken;

use super::step::{StepEnd, failed};
use crate::{
    app::App,
    domain::{CreateFeatures, CreateJob, Job, JobState, SpecDraft, StepOutput, StepState, Stop, TrainerError},
    failpoints::stop_here,
};

/// What the graph wants of a training.
pub(super) struct Training {
    pub(super) draft: SpecDraft,
    /// What the graph declares the features to be.
    pub(super) features: Option<CreateFeatures>,
    pub(super) request_id: String,
}

impl App {
    /// Makes the job unless it is there, and waits for its end.
    pub(super) async fn train_step(&self, caller: &Caller, training: Training, stop: CancellationToken) -> StepEnd {
        let job = match self.training_job(caller, training).await {
            Ok(job) => job,
            Err(TrainerError::Store(error)) => return StepEnd::Store(error),
            Err(TrainerError::Busy) => return StepEnd::Store(StoreError::Busy),
            Err(error) => return failed(error.to_string()),
        };
        match self.ended(caller, job, stop).await {
            Ok(job) => trained(&job),
            Err(TrainerError::Store(error)) => StepEnd::Store(error),
            Err(_) => StepEnd::Store(StoreError::Busy),
        }
    }

    /// The job, and the features that it is to use before it. Who comes here again after a crash finds either as it is.
    async fn training_job(&self, caller: &Caller, training: Training) -> Result<Job, TrainerError> {
        let Training { draft, features, request_id } = training;
        // The run is the wish for another job of the node.
        let command = CreateJob::check(draft, true, &request_id, self.families)?;
        if let Some(features) = features {
            self.create_feature_set(caller, features).await?;
            stop_here!("features_kept");
        }
        self.create_job(caller, command).await
    }

    /// The job once it has ended; it is cancelled if someone stops the run.
    async fn ended(&self, caller: &Caller, mut job: Job, stop: CancellationToken) -> Result<Job, TrainerError> {
        let mut live = self.feed.follow(&job);
        let mut asked = false;
        loop {
            job = self.job(&job.id).await?;
            if job.state.is_final() {
                return Ok(job);
            }
            tokio::select! {
                () = stop.cancelled(), if !asked => {
                    asked = true;
                    self.stop_job(caller, &job.id, Stop::Cancel).await?;
                }
                event = live.recv() => if event.is_err() {
                    live = self.feed.follow(&job);
                },
            }
        }
    }
}

/// What a job that has ended hands on.
fn trained(job: &Job) -> StepEnd {
    match (job.state, job.version) {
        (JobState::Succeeded, Some(version)) => {
            let model = job.spec.model.to_string();
            let message = format!("{model} {version} was made");
            let output =
                StepOutput { digest: job.digest, job_id: job.id.to_string(), model, version, ..StepOutput::default() };
            StepEnd::Done(output, message)
        }
        (JobState::Cancelled, _) => StepEnd::Without(StepState::Cancelled, format!("job {} was cancelled", job.id)),
        _ => failed(format!("job {}: {}", job.id, job.error.lines().next().unwrap_or_default())),
    }
}
