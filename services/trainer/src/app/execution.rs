//! One job in the hands of this worker.

use std::collections::BTreeMap;

use lineal_db::StoreError;
use lineal_kernel::Name;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::App;
use crate::domain::{Claim, Job, JobChange, JobSample, JobSpec, Lease, NewVersion, Step};

/// A job being trained: where it is, and its way to the log.
pub(super) struct Execution<'a> {
    pub(super) app: &'a App,
    job: Job,
    lease: Lease,
    step: Option<Step>,
    /// The version an earlier attempt was about to create.
    pub(super) pending: Option<Box<NewVersion>>,
    prepared: bool,
    stop: CancellationToken,
    /// Work on other threads stops when nobody waits for it any more.
    _stop: DropGuard,
}

impl<'a> Execution<'a> {
    pub(super) fn new(app: &'a App, claim: Claim) -> Self {
        let stop = CancellationToken::new();
        Self {
            app,
            lease: claim.lease,
            step: None,
            prepared: claim.pending.is_some(),
            pending: claim.pending,
            job: claim.job,
            _stop: stop.clone().drop_guard(),
            stop,
        }
    }

    pub(super) fn job(&self) -> &Job {
        &self.job
    }

    pub(super) fn spec(&self) -> &JobSpec {
        &self.job.spec
    }

    /// The step it is at.
    pub(super) fn step(&self) -> Option<Step> {
        self.step
    }

    /// Cancelled when the work has become useless.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Begins `step`.
    pub(super) async fn enter(&mut self, step: Step, message: &str) -> Result<(), StoreError> {
        self.step = Some(step);
        self.record(&JobChange::progress(Some(step), 0.0, message)).await
    }

    /// Tells how far the step has come, from 0 to 1.
    pub(super) async fn note(
        &self,
        progress: f64,
        metrics: BTreeMap<String, f64>,
        message: &str,
    ) -> Result<(), StoreError> {
        self.record(&JobChange { metrics, ..JobChange::progress(self.step, progress, message) }).await
    }

    /// Keeps the run's id with the job.
    pub(super) async fn opened(&self, run_id: String) -> Result<(), StoreError> {
        let message = format!("run {run_id}");
        self.record(&JobChange { run_id: Some(run_id), ..JobChange::progress(self.step, 0.0, message) }).await
    }

    /// Marks the job as one that learns from a sample.
    pub(super) async fn sampled(&self, sample: JobSample) -> Result<(), StoreError> {
        let JobSample { fraction, seed, source_rows } = sample;
        let message = format!(
            "sampled: {source_rows} rows are too many, those with the lowest hashes are used (fraction {fraction}, seed {seed})"
        );
        self.record(&JobChange { sample: Some(sample), ..JobChange::progress(self.step, 1.0, message) }).await
    }

    /// Keeps the metrics with the job; `split` is the version whose reference set they are of.
    pub(super) async fn measured(&self, split: &Name, metrics: BTreeMap<String, f64>) -> Result<(), StoreError> {
        let message = format!("measured on the reference set of dataset `{}`, split `{split}`", self.spec().dataset);
        let change = JobChange { metrics, keep_metrics: true, ..JobChange::progress(self.step, 1.0, message) };
        self.record(&change).await
    }

    /// Begins the last step. From here on the job cannot be stopped; `Conflict` if someone asked for it already.
    pub(super) async fn prepare(&mut self, version: NewVersion) -> Result<(), StoreError> {
        self.step = Some(Step::CreateVersion);
        // Also if the answer is lost: the version may be written down.
        self.prepared = true;
        self.record(&JobChange::prepare(version)).await
    }

    /// Whether its version may exist.
    pub(super) fn prepared(&self) -> bool {
        self.prepared
    }

    async fn record(&self, change: &JobChange) -> Result<(), StoreError> {
        self.app.store.record(&self.lease, change, self.app.clock.now()).await?;
        self.app.feed.tell(&self.lease.job_id);
        Ok(())
    }
}
