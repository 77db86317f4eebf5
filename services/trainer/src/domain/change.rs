//! One change of a running job, together with the event that tells of it.

use std::collections::BTreeMap;

use lineal_kernel::{Digest, Timestamp};

use super::{
    Claim, Failure, FailureReason, Job, JobSample, JobState, NewVersion, Step, Stop, Unreadable, schedule, storable,
};

/// Under which condition a worker's change is made; a change whose condition does not hold is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unless {
    /// In any case.
    Never,
    /// Unless something else was asked for than this; `None` stands for nothing.
    AskedOther(Option<Stop>),
    /// Unless its version may exist already.
    Prepared,
    /// Unless its worker gave a sign of life since then.
    Alive(Timestamp),
    /// Unless that, or something else was asked for than this.
    AliveOrAskedOther(Timestamp, Option<Stop>),
}

/// What a worker writes to its job. What is absent stays as it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobChange {
    /// The state after the change.
    pub(crate) state: JobState,
    pub(crate) step: Option<Step>,
    pub(crate) progress: f64,
    /// Metrics of the event, and of the job if `keep_metrics`.
    pub(crate) metrics: BTreeMap<String, f64>,
    pub(crate) keep_metrics: bool,
    pub(crate) run_id: Option<String>,
    pub(crate) sample: Option<JobSample>,
    pub(crate) version: Option<u64>,
    pub(crate) digest: Option<Digest>,
    /// Why this attempt failed; the job's own failure too if the change ends it.
    pub(crate) failure: Option<Failure>,
    pub(crate) pending: Option<Box<NewVersion>>,
    /// The start that led here does not count as an attempt.
    pub(crate) refund_attempt: bool,
    /// When a queued job may start again.
    pub(crate) run_time: Option<Timestamp>,
    /// The registry has still to be told how the run ended.
    pub(crate) run_to_close: bool,
    pub(crate) unless: Unless,
    /// The event's text for people.
    pub(crate) message: String,
}

impl JobChange {
    /// The job moves on within `step`.
    pub(crate) fn progress(step: Option<Step>, progress: f64, message: impl Into<String>) -> Self {
        Self {
            state: JobState::Running,
            step,
            progress,
            metrics: BTreeMap::new(),
            keep_metrics: false,
            run_id: None,
            sample: None,
            version: None,
            digest: None,
            failure: None,
            pending: None,
            refund_attempt: false,
            run_time: None,
            run_to_close: false,
            unless: Unless::Never,
            message: storable(message.into()),
        }
    }

    /// The job is about to create `version`, unless someone asked it to stop. From here on it cannot be stopped.
    pub(crate) fn prepare(version: NewVersion) -> Self {
        Self {
            pending: Some(Box::new(version)),
            unless: Unless::AskedOther(None),
            ..Self::progress(Some(Step::CreateVersion), 0.0, "taking a version number")
        }
    }

    /// The job has made `version`.
    pub(crate) fn succeeded(version: u64, digest: Digest) -> Self {
        Self {
            state: JobState::Succeeded,
            version: Some(version),
            digest: Some(digest),
            ..Self::progress(None, 1.0, format!("version {version} created"))
        }
    }

    /// The job gives up at `step`.
    pub(crate) fn failed(step: Option<Step>, failure: Failure) -> Self {
        let message = failure.headline().to_owned();
        Self {
            state: JobState::Failed,
            failure: Some(failure),
            run_to_close: true,
            ..Self::progress(step, 0.0, message)
        }
    }

    /// The job was not done in time. One whose version may exist is finished all the same.
    pub(crate) fn late(step: Option<Step>, error: String) -> Self {
        let failure = Failure { reason: FailureReason::DeadlineExceeded, error };
        Self { unless: Unless::Prepared, ..Self::failed(step, failure) }
    }

    /// The job stops because someone asked for it.
    pub(crate) fn stopped(stop: Stop) -> Self {
        let (state, message) = match stop {
            Stop::Cancel => (JobState::Cancelled, "cancelled"),
            Stop::Suspend => (JobState::Suspended, "suspended; it keeps its place in the queue"),
        };
        Self {
            state,
            refund_attempt: stop == Stop::Suspend,
            run_to_close: stop == Stop::Cancel,
            unless: Unless::AskedOther(Some(stop)),
            ..Self::progress(None, 0.0, message)
        }
    }

    /// The job goes back to the queue without having failed.
    pub(crate) fn released(message: &str) -> Self {
        let unless = Unless::AskedOther(None);
        Self { state: JobState::Queued, refund_attempt: true, unless, ..Self::progress(None, 0.0, message) }
    }

    /// What becomes of a job whose attempt failed: queued again after a pause if the failure may pass by itself, else failed. A
    /// job whose version may exist (`prepared`) is tried until that is certain.
    pub(crate) fn after(failure: Failure, job: &Job, step: Option<Step>, prepared: bool, now: Timestamp) -> Self {
        let limit = job.spec.schedule.max_attempts;
        if !failure.reason.may_pass() || (job.attempt >= limit && !prepared) {
            return Self::failed(step, failure);
        }
        let pause = schedule::pause(&job.id, job.attempt);
        let headline = failure.headline();
        let message =
            format!("attempt {} failed, trying again in {:.1} s: {headline}", job.attempt, pause.as_secs_f64());
        Self {
            state: JobState::Queued,
            failure: Some(failure),
            run_time: Some(now.plus(pause)),
            unless: Unless::AskedOther(None),
            ..Self::progress(step, 0.0, message)
        }
    }

    /// What becomes of a job whose worker is gone, unless the worker is not or someone asked for something meanwhile.
    pub(crate) fn lost(claim: &Claim, now: Timestamp) -> Self {
        let error =
            "its worker is gone; if that happens again, look into the trainer's log for the reason, e.g. memory";
        let failure = Failure { reason: FailureReason::WorkerLost, error: error.to_owned() };
        let change = match claim.stop {
            Some(stop) => Self::stopped(stop),
            None => Self::after(failure.clone(), &claim.job, claim.job.step, claim.pending.is_some(), now),
        };
        Self { failure: Some(failure), unless: Unless::AliveOrAskedOther(claim.until, claim.stop), ..change }
    }

    /// The job holds up no other.
    pub(crate) fn unreadable(job: &Unreadable) -> Self {
        let error =
            format!("it cannot be read ({}); create it again, or train it with the release that wrote it", job.problem);
        let failure = Failure { reason: FailureReason::Internal, error };
        Self { unless: Unless::Alive(job.until), ..Self::failed(None, failure) }
    }

    /// The same moment if `stop` is what someone asked for meanwhile.
    pub(crate) fn instead(self, stop: Option<Stop>) -> Self {
        match stop {
            Some(stop) => Self { failure: self.failure, ..Self::stopped(stop) },
            None => Self::released("queued again: it is needed after all"),
        }
    }
}
