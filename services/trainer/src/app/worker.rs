//! Claiming jobs and running them.

use std::time::Duration;

use futures::future::join_all;
use lineal_db::StoreError;
use lineal_kernel::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{App, execution::Execution, failure::StepError};
use crate::{
    domain::{Claim, JobChange, Lease},
    registry::RunEnd,
};

/// A job that was lost this often is not tried again.
const MAX_ATTEMPTS: u32 = 3;
/// How long an idle worker waits at most before it looks into the queue.
const POLL: Duration = Duration::from_secs(5);
/// How long the end of a job may wait for the registry to close its run.
const CLOSE_RUN: Duration = Duration::from_secs(1);

/// How a worker's time with a job ended.
enum End {
    /// The job went through its steps.
    Done(Result<JobChange, StepError>),
    /// Someone asked to cancel.
    Cancelled,
    /// The lease is void: the job is someone else's.
    Lost,
    /// This process is about to end.
    Shutdown,
}

impl App {
    /// Works until `shutdown`; jobs under way then go back to the queue.
    pub(crate) async fn run(&self, shutdown: CancellationToken) {
        let owner = uuid::Uuid::now_v7().to_string();
        // Nobody else uses this database: whatever runs was running in a process that is gone.
        self.settle_lost(Timestamp::from_micros(i64::MAX)).await;
        let workers = join_all((0..self.settings.concurrency.max(1)).map(|_| self.work(&owner, &shutdown)));
        let stop = async {
            shutdown.cancelled().await;
            self.stopping.cancel();
        };
        tokio::join!(workers, stop);
    }

    async fn work(&self, owner: &str, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            let now = self.clock.now();
            match self.store.claim(owner, now, now.plus(self.settings.lease)).await {
                Ok(Some(claim)) => {
                    self.events.tell(&claim.job.id);
                    self.execute(claim, shutdown).await;
                    continue;
                }
                Ok(None) => self.settle_lost(now).await,
                Err(error) => tracing::error!(%error, "could not claim a job"),
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.queue.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Decides on jobs whose lease ended before `moment`.
    async fn settle_lost(&self, moment: Timestamp) {
        match self.store.lost(moment).await {
            Ok(claims) => {
                for claim in claims {
                    let change = JobChange::lost(&claim, MAX_ATTEMPTS);
                    self.settle(&claim.lease, claim.job.run_id.as_deref(), &change).await;
                }
            }
            Err(error) => tracing::error!(%error, "could not look for lost jobs"),
        }
    }

    /// Runs one job to its end, or until it must be given back.
    async fn execute(&self, claim: Claim, shutdown: &CancellationToken) {
        let lease = claim.lease.clone();
        let mut execution = Execution::new(self, claim);
        let end = tokio::select! {
            biased;
            () = shutdown.cancelled() => End::Shutdown,
            end = self.keep(&lease) => end,
            done = execution.train() => End::Done(done),
        };
        let end = match end {
            // A write found the job changed: either someone cancelled it, or it is no longer ours.
            End::Done(Err(StepError::Store(StoreError::Conflict))) => self.keep_once(&lease).await.unwrap_or(End::Lost),
            end => end,
        };
        let change = match end {
            End::Done(Ok(change)) => change,
            End::Done(Err(error)) => JobChange::failed(execution.step(), error.text(execution.step())),
            End::Cancelled => JobChange::cancelled(),
            End::Shutdown => JobChange::released(),
            End::Lost => {
                tracing::warn!(job_id = %lease.job_id, "the job is no longer ours");
                return;
            }
        };
        let run_id = execution.run_id().map(str::to_owned);
        // Stops what still computes for this job.
        drop(execution);
        self.settle(&lease, run_id.as_deref(), &change).await;
    }

    /// Keeps the lease until there is a reason to stop.
    async fn keep(&self, lease: &Lease) -> End {
        let mut cancels = self.cancels.follow(&lease.job_id);
        loop {
            if let Some(end) = self.keep_once(lease).await {
                return end;
            }
            tokio::select! {
                _ = cancels.changed() => {}
                () = tokio::time::sleep(self.settings.lease / 3) => {}
            }
        }
    }

    async fn keep_once(&self, lease: &Lease) -> Option<End> {
        match self.store.heartbeat(lease, self.clock.now().plus(self.settings.lease)).await {
            Ok(Some(false)) => None,
            Ok(Some(true)) => Some(End::Cancelled),
            Ok(None) => Some(End::Lost),
            Err(error) => {
                tracing::warn!(%error, job_id = %lease.job_id, "could not keep the lease");
                None
            }
        }
    }

    /// Closes the run of a job that ends without a version, then writes the change.
    async fn settle(&self, lease: &Lease, run_id: Option<&str>, change: &JobChange) {
        use crate::domain::JobState::{Cancelled, Failed, Queued, Running, Succeeded};
        match change.state {
            Failed => self.close_run(run_id, &RunEnd::Failed(change.error.clone().unwrap_or_default())).await,
            Cancelled => self.close_run(run_id, &RunEnd::Killed).await,
            Queued | Running | Succeeded => {}
        }
        match self.store.record(lease, change, self.clock.now()).await {
            Ok(()) => tracing::info!(job_id = %lease.job_id, state = change.state.as_str(), message = change.message),
            Err(error) => tracing::error!(%error, job_id = %lease.job_id, "could not write the end of a job"),
        }
        self.events.tell(&lease.job_id);
        self.queue.notify_one();
    }

    /// Closes a run if the registry answers soon; the job's own end does not depend on it.
    pub(super) async fn close_run(&self, run_id: Option<&str>, end: &RunEnd) {
        let Some(run_id) = run_id else { return };
        match tokio::time::timeout(CLOSE_RUN, self.registry.finish_run(run_id, end)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, run_id, "could not close the run"),
            Err(_) => tracing::warn!(run_id, "could not close the run in time"),
        }
    }
}
