//! What a process looks after at every beat: jobs that were lost or are too late, runs that are still open, and what other processes
//! have left to its workers.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{App, BEAT};
use crate::{
    domain::{JobChange, JobState, Lease, OpenRun, Unreadable},
    registry::{RegistryError, RunEnd},
};

/// How long one run may wait for the registry to close it.
const CLOSE_RUN: Duration = Duration::from_secs(1);
/// Runs closed at one beat.
const RUNS: u32 = 20;
/// What a job is told that waited too long.
const TOO_LATE: &str =
    "DEADLINE: its time to start or to finish has passed while it waited; create it again with a later one";

impl App {
    /// Looks after the queue at intervals and whenever a job has ended.
    pub(super) async fn beat(&self) {
        let mut ticks = interval(BEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.ended.notified() => {}
            }
            self.settle_lost().await;
            self.expire().await;
            self.remind().await;
            self.close_runs().await;
        }
    }

    /// Decides on jobs whose worker is gone.
    async fn settle_lost(&self) {
        match self.store.lost(self.clock.now()).await {
            Ok(lost) => {
                for taken in lost {
                    match taken {
                        Ok(claim) => {
                            tracing::warn!(job_id = %claim.job.id, "the job has lost its worker");
                            self.settle_left(&claim.lease, &JobChange::lost(&claim, self.clock.now())).await;
                        }
                        Err(job) => self.give_up(&job).await,
                    }
                }
            }
            Err(error) => tracing::error!(%error, "could not look for lost jobs"),
        }
    }

    /// Fails a job that cannot be read.
    pub(super) async fn give_up(&self, job: &Unreadable) {
        tracing::error!(problem = job.problem, job_id = %job.lease.job_id, "the job cannot be read");
        self.settle_left(&job.lease, &JobChange::unreadable(job)).await;
    }

    async fn settle_left(&self, lease: &Lease, change: &JobChange) {
        match self.store.record(lease, change, self.clock.now()).await {
            Ok(()) => self.feed.tell(&lease.job_id),
            Err(error) => tracing::info!(%error, job_id = %lease.job_id, "somebody else has settled it"),
        }
    }

    /// Fails jobs that have waited beyond their deadline.
    async fn expire(&self) {
        loop {
            match self.store.expire(self.clock.now(), TOO_LATE).await {
                Ok(Some(id)) => self.feed.tell(&id),
                Ok(None) => return,
                Err(error) => return tracing::error!(%error, "could not look for jobs beyond their deadline"),
            }
        }
    }

    /// Wakes workers of this process for what others wrote: requests to stop, and jobs that may run.
    async fn remind(&self) {
        match self.store.asked(self.store.process()).await {
            Ok(ids) => ids.iter().for_each(|id| self.stops.tell(id)),
            Err(error) => tracing::error!(%error, "could not look for requests to stop"),
        }
        match self.store.waiting(self.clock.now()).await {
            Ok(true) => self.queue.notify_waiters(),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "could not look into the queue"),
        }
    }

    /// Tells the registry how the runs of ended jobs ended. While it is away they stay open; the jobs' own ends do not depend on it.
    pub(super) async fn close_runs(&self) {
        let runs = match self.store.open_runs(RUNS).await {
            Ok(runs) => runs,
            Err(error) => return tracing::error!(%error, "could not look for open runs"),
        };
        for run in runs {
            match timeout(CLOSE_RUN, self.registry.finish_run(&run.run_id, &end_of(&run))).await {
                Ok(Err(RegistryError::Unavailable { message })) => {
                    return tracing::warn!(
                        message,
                        run_id = run.run_id,
                        "the run stays open until the registry is back"
                    );
                }
                Err(_) => return tracing::warn!(run_id = run.run_id, "the run stays open: the registry is slow"),
                Ok(Err(error)) => tracing::warn!(%error, run_id = run.run_id, "the run cannot be closed"),
                Ok(Ok(())) => {}
            }
            if let Err(error) = self.store.run_closed(&run.job_id).await {
                return tracing::error!(%error, "could not note that a run is closed");
            }
        }
    }
}

fn end_of(run: &OpenRun) -> RunEnd {
    match run.state {
        JobState::Succeeded => RunEnd::Finished,
        JobState::Failed => RunEnd::Failed(run.error.clone()),
        JobState::Cancelled | JobState::Queued | JobState::Running | JobState::Suspended => RunEnd::Killed,
    }
}
