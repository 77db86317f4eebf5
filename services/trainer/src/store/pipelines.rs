//! The port to pipelines and their runs. What the driver of a run writes names the generation of its lease.

use async_trait::async_trait;
use lineal_kernel::{Digest, RequestId, Timestamp};

use super::Result;
use crate::domain::{
    Pipeline, PipelineEvent, PipelineId, PipelineRun, PipelineRunFilter, PipelineRunId, PipelineRunState, PipelineStep,
    RunCreation, RunLease, StepOutput,
};

/// Graphs that are kept, and their runs with steps and events.
#[async_trait]
pub(crate) trait PipelineStore: Send + Sync {
    /// Keeps a pipeline unless it is there, and returns the one that is there then.
    async fn save_pipeline(&self, pipeline: &Pipeline) -> Result<Pipeline>;

    /// One pipeline.
    async fn pipeline(&self, id: &PipelineId) -> Result<Option<Pipeline>>;

    /// At most `limit` pipelines, newest first, those before `before` only; of `dataset` or of all.
    async fn pipelines(
        &self,
        dataset: Option<&str>,
        before: Option<&(Timestamp, PipelineId)>,
        limit: u32,
    ) -> Result<Vec<Pipeline>>;

    /// Stores a run with its steps and its first event, or returns the run that has the same request id already. Unless it is a
    /// `rerun`, a pipeline with a run under way gets no other.
    async fn create_pipeline_run(&self, run: &PipelineRun, rerun: bool) -> Result<RunCreation>;

    /// One run.
    async fn pipeline_run(&self, id: &PipelineRunId) -> Result<Option<PipelineRun>>;

    /// The run that was created with this request id.
    async fn pipeline_run_by_request(&self, request_id: &RequestId) -> Result<Option<PipelineRun>>;

    /// At most `limit` runs, newest first, those before `before` only.
    async fn pipeline_runs(
        &self,
        filter: &PipelineRunFilter,
        before: Option<&PipelineRunId>,
        limit: u32,
    ) -> Result<Vec<PipelineRun>>;

    /// At most `limit` events of a run after number `after`, in order.
    async fn pipeline_events(&self, id: &PipelineRunId, after: u64, limit: u32) -> Result<Vec<PipelineEvent>>;

    /// Asks a run under way to stop. Any other stays as it is.
    async fn cancel_pipeline_run(&self, id: &PipelineRunId, actor: &str, now: Timestamp) -> Result<()>;

    /// Lets an ended run go on with these steps, unless its pipeline has another run under way, which it returns then; `Conflict` if
    /// the run is no longer as it was.
    async fn resume_pipeline_run(
        &self,
        run: &PipelineRun,
        steps: &[PipelineStep],
        actor: &str,
        now: Timestamp,
    ) -> Result<Option<PipelineRunId>>;
}

/// What the processes that drive runs do with them.
#[async_trait]
pub(crate) trait PipelineRunStore: Send + Sync {
    /// Gives this process all runs under way that nobody drives.
    async fn claim_pipeline_runs(&self, now: Timestamp, until: Timestamp) -> Result<Vec<RunLease>>;

    /// Keeps a lease until `until` and says whether the run is asked to stop; `Conflict` if the lease is void.
    async fn keep_pipeline_run(&self, lease: &RunLease, until: Timestamp) -> Result<bool>;

    /// Gives back all runs that this process drives.
    async fn release_pipeline_runs(&self) -> Result<()>;

    /// Writes a step of a run under way and appends the event; `Conflict` if the lease is void.
    async fn record_pipeline_step(
        &self,
        lease: &RunLease,
        step: &PipelineStep,
        message: &str,
        now: Timestamp,
    ) -> Result<()>;

    /// Ends a run and appends the event; `Conflict` if the lease is void.
    async fn end_pipeline_run(&self, lease: &RunLease, state: PipelineRunState, now: Timestamp) -> Result<()>;

    /// The latest result that a step with this key made itself, at `since` or later, and its run.
    async fn result_of(&self, key: Digest, since: Timestamp) -> Result<Option<(PipelineRunId, StepOutput)>>;
}
