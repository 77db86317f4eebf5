//! Claiming jobs and running them.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use lineal_db::StoreError;
use tokio_util::sync::CancellationToken;

use super::{App, execution::Execution, failure::StepError};
use crate::{
    domain::{Claim, Hold, Job, JobChange, Lease, Stop},
    failpoints::stop_here,
};

/// How often the end of a job is written anew because someone asked for something else meanwhile.
const TRIES: usize = 4;

/// How a worker's time with a job ended.
enum End {
    /// The job went through its steps.
    Done(Result<JobChange, StepError>),
    /// Its time is over.
    Late(StepError),
    /// Someone asked to stop.
    Asked(Stop),
    /// The lease is void: the job is someone else's.
    Lost,
    /// This process is about to end.
    Shutdown,
}

impl App {
    /// Works until `shutdown`; jobs under way then go back to the queue.
    pub(crate) async fn run(self: &Arc<Self>, shutdown: CancellationToken) {
        let workers = join_all((0..self.settings.concurrency.max(1)).map(|_| self.work(&shutdown)));
        let stop = async {
            shutdown.cancelled().await;
            self.stopping.cancel();
        };
        tokio::select! {
            _ = async { tokio::join!(workers, self.drive(&shutdown), stop) } => {}
            () = self.beat() => {}
            () = self.feed_watchers() => {}
        }
        self.close_runs().await;
        if let Err(error) = self.store.release_pipeline_runs().await {
            tracing::error!(%error, "could not give back runs of pipelines");
        }
    }

    async fn work(&self, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            let (now, limit) = (self.clock.now(), self.settings.per_model);
            match self.store.claim(self.store.process(), now, now.plus(self.settings.lease), limit).await {
                Ok(Some(Ok(claim))) => {
                    self.feed.tell(&claim.job.id);
                    self.execute(claim, shutdown).await;
                    continue;
                }
                Ok(Some(Err(job))) => {
                    self.give_up(&job).await;
                    self.ended.notify_one();
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "could not claim a job"),
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.queue.notified() => {}
            }
        }
    }

    /// Runs one job to its end, or until it must be given back.
    async fn execute(&self, claim: Claim, shutdown: &CancellationToken) {
        let (lease, job) = (claim.lease.clone(), claim.job.clone());
        let limit = if claim.pending.is_some() { None } else { self.time_left(&job) };
        let mut execution = Execution::new(self, claim);
        let end = tokio::select! {
            biased;
            () = shutdown.cancelled() => End::Shutdown,
            end = self.keep(&lease) => end,
            late = beyond(limit) => End::Late(late),
            done = execution.train() => End::Done(done),
        };
        let (step, prepared) = (execution.step(), execution.prepared());
        // Stops what still computes for this job.
        drop(execution);
        let change = match end {
            End::Done(Ok(change)) => change,
            // A write found the job changed: either someone asked to stop it, or it is no longer ours.
            End::Done(Err(StepError::Store(StoreError::Conflict))) => {
                JobChange::released("queued again: it was changed by someone else")
            }
            End::Done(Err(error)) => JobChange::after(error.failure(step), &job, step, prepared, self.clock.now()),
            End::Late(error) => JobChange::late(step, error.failure(step).error),
            End::Asked(stop) => JobChange::stopped(stop),
            End::Shutdown => JobChange::released("queued again: the trainer is shutting down"),
            End::Lost => return tracing::warn!(job_id = %lease.job_id, "the job is no longer ours"),
        };
        self.settle(&lease, change).await;
    }

    /// How long the job may still run, and what it is told then.
    fn time_left(&self, job: &Job) -> Option<(Duration, StepError)> {
        let runtime = job.spec.max_runtime.map(|limit| (limit, StepError::Deadline { limit }));
        let finish = job.spec.schedule.finish_by;
        let finish = finish.map(|by| (by.since(self.clock.now()), StepError::FinishBy { by }));
        runtime.into_iter().chain(finish).min_by_key(|(left, _)| *left)
    }

    /// Keeps the lease until there is a reason to stop.
    async fn keep(&self, lease: &Lease) -> End {
        let mut stops = self.stops.follow(&lease.job_id);
        loop {
            match self.heartbeat(lease).await {
                Ok(Hold::Held(None)) => {}
                Ok(Hold::Held(Some(stop))) => return End::Asked(stop),
                Ok(Hold::Void) => return End::Lost,
                Err(error) => tracing::warn!(%error, job_id = %lease.job_id, "could not keep the lease"),
            }
            tokio::select! {
                _ = stops.changed() => {}
                () = tokio::time::sleep(self.settings.lease / 3) => {}
            }
        }
    }

    async fn heartbeat(&self, lease: &Lease) -> Result<Hold, StoreError> {
        self.store.heartbeat(lease, self.clock.now().plus(self.settings.lease)).await
    }

    /// Writes how the time with a job ended, or what someone asked for meanwhile.
    async fn settle(&self, lease: &Lease, mut change: JobChange) {
        for _ in 0..TRIES {
            match self.store.record(lease, &change, self.clock.now()).await {
                Ok(()) => {
                    stop_here!("finished");
                    tracing::info!(job_id = %lease.job_id, state = change.state.as_str(), message = change.message);
                    break;
                }
                Err(StoreError::Conflict) => match self.heartbeat(lease).await {
                    Ok(Hold::Held(stop)) => change = change.instead(stop),
                    Ok(Hold::Void) => {
                        tracing::warn!(job_id = %lease.job_id, "the job is no longer ours");
                        break;
                    }
                    Err(error) => {
                        tracing::error!(%error, job_id = %lease.job_id, "could not ask about a job");
                        break;
                    }
                },
                // Its lease runs out, and then it is taken up again.
                Err(error) => {
                    tracing::error!(%error, job_id = %lease.job_id, "could not write the end of a job");
                    break;
                }
            }
        }
        self.feed.tell(&lease.job_id);
        self.queue.notify_one();
        self.ended.notify_one();
    }
}

/// Ends when the time is over; never without a limit.
async fn beyond(limit: Option<(Duration, StepError)>) -> StepError {
    match limit {
        Some((left, error)) => {
            tokio::time::sleep(left).await;
            error
        }
        None => std::future::pending().await,
    }
}
