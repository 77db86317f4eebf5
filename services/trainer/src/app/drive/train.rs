//! The step of a train node: a job, and what came of it.

use std::collections::BTreeSet;

use lineal_db::StoreError;
use lineal_kernel::{Caller, Digest, FieldError, FieldErrors, ModelName, RequestId, Timestamp};
use tokio_util::sync::CancellationToken;

use super::step::{StepEnd, failed};
use crate::{
    app::{App, failure::StepError},
    domain::{
        CreateFeatures, CreateJob, Job, JobState, PipelineRunId, SpecDraft, StepOutput, StepState, Stop, TrainerError,
        unfit,
    },
    failpoints::stop_here,
    registry::RegistryError,
};

/// What the graph wants of a training.
pub(super) struct Training {
    pub(super) draft: SpecDraft,
    /// What the graph declares the features to be.
    pub(super) features: Option<CreateFeatures>,
    pub(super) reusable: Option<Reusable>,
    pub(super) request_id: String,
}

/// A result that an earlier run may have made.
#[derive(Clone, Copy)]
pub(super) struct Reusable {
    pub(super) key: Digest,
    /// It is no older.
    pub(super) since: Timestamp,
}

/// Where the result of a training comes from.
enum Origin {
    Job(Box<Job>),
    Earlier(PipelineRunId, StepOutput),
}

impl App {
    /// Takes a result that is there, or makes the job unless that is there, and waits for its end.
    pub(super) async fn train_step(&self, caller: &Caller, training: Training, stop: CancellationToken) -> StepEnd {
        let job = match self.origin(caller, training).await {
            Ok(Origin::Job(job)) => *job,
            Ok(Origin::Earlier(run, output)) => return StepEnd::Reused(run, output),
            Err(TrainerError::Store(error)) => return StepEnd::Store(error),
            Err(TrainerError::Busy) => return StepEnd::Store(StoreError::Busy),
            Err(error @ TrainerError::RegistryUnavailable { .. }) => return StepEnd::Away(error.to_string()),
            Err(error) => return failed(error.to_string()),
        };
        match self.ended(caller, job, stop).await {
            Ok(job) => trained(&job),
            Err(TrainerError::Store(error)) => StepEnd::Store(error),
            Err(_) => StepEnd::Store(StoreError::Busy),
        }
    }

    /// Which settings the step's job is to use.
    pub(super) async fn settings_step(&self, draft: &SpecDraft, stop: CancellationToken) -> StepEnd {
        match stop.run_until_cancelled(self.settings_of_node(draft)).await {
            Some(Ok(settings)) => StepEnd::Settings(settings.digest),
            Some(Err(error)) => failed(error.to_string()),
            None => StepEnd::Without(StepState::Cancelled, "the run was cancelled".to_owned()),
        }
    }

    /// The job of this attempt goes before the result of another run: it may have been made before a crash.
    async fn origin(&self, caller: &Caller, training: Training) -> Result<Origin, TrainerError> {
        if let Some(known) = self.job_of_node(&training.draft, &training.request_id).await? {
            return Ok(Origin::Job(Box::new(known)));
        }
        if let Some((run, output)) = self.earlier(&training).await? {
            return Ok(Origin::Earlier(run, output));
        }
        Ok(Origin::Job(Box::new(self.training_job(caller, training).await?)))
    }

    /// The latest result of an earlier run that will do, if its version can still be served. A member of a chain has learned from
    /// versions by number: that others have the same content does not make them its own.
    async fn earlier(&self, training: &Training) -> Result<Option<(PipelineRunId, StepOutput)>, TrainerError> {
        let Some(Reusable { key, since }) = training.reusable else { return Ok(None) };
        let Some((run, output)) = self.store.result_of(key, since).await? else { return Ok(None) };
        let model = ModelName::new(&output.model).map_err(FieldErrors::from)?;
        let version = match self.registry.version(&model, output.version).await {
            Err(RegistryError::NotFound { .. }) => return Ok(None),
            version => version.map_err(StepError::from).map_err(StepError::told)?,
        };
        let known: BTreeSet<_> = version.upstreams.iter().map(|one| (one.model.as_str(), one.number)).collect();
        let given = training.draft.upstreams.iter().map(|(model, number)| (model.as_str(), *number)).collect();
        let same = output.digest == Some(version.digest) && known == given;
        Ok((version.sound && same).then_some((run, output)))
    }

    /// The job, and the features that it is to use before it. Who comes here again after a crash finds either as it is.
    async fn training_job(&self, caller: &Caller, training: Training) -> Result<Job, TrainerError> {
        let Training { mut draft, features, reusable: _, request_id } = training;
        if draft.use_settings {
            let settings = self.settings_of_node(&draft).await?;
            draft = draft.filled(&settings.beside_a_graph());
        }
        // The run is the wish for another job of the node.
        let command = CreateJob::check(draft, true, &request_id, self.families)?;
        if let Some(features) = features {
            // Settings may have named what the graph was not checked with.
            if let Some(problem) = unfit(&features.set, &command.spec) {
                return Err(FieldErrors::from(FieldError::new("spec", problem)).into());
            }
            self.create_feature_set(caller, features).await?;
            stop_here!("features_kept");
        }
        self.create_job(caller, command).await
    }

    /// The job that this attempt has made already: it has all that it needs.
    async fn job_of_node(&self, draft: &SpecDraft, request_id: &str) -> Result<Option<Job>, TrainerError> {
        let request_id = RequestId::new(request_id).map_err(FieldErrors::from)?;
        let known = self.store.job_by_request(&request_id).await?;
        let node = |job: &Job| {
            let key = job.spec.node.as_ref();
            key.is_some_and(|key| key.pipeline == draft.pipeline_id && key.node == draft.node_id)
        };
        Ok(known.filter(node))
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
