//! One change of a running job, together with the event that tells of it.

use std::collections::BTreeMap;

use lineal_kernel::Digest;

use super::{Claim, JobState, NewVersion, Step};

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
    pub(crate) version: Option<u64>,
    pub(crate) digest: Option<Digest>,
    pub(crate) error: Option<String>,
    /// Only written, and the change only made, if nobody asked to cancel.
    pub(crate) pending: Option<Box<NewVersion>>,
    /// The start that led here does not count as an attempt.
    pub(crate) refund_attempt: bool,
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
            version: None,
            digest: None,
            error: None,
            pending: None,
            refund_attempt: false,
            message: message.into(),
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

    /// The job gives up at `step`. The first line of `error` is for people, a trace may follow.
    pub(crate) fn failed(step: Option<Step>, error: String) -> Self {
        let message = error.lines().next().unwrap_or_default().to_owned();
        Self { state: JobState::Failed, error: Some(error), ..Self::progress(step, 0.0, message) }
    }

    /// The job stops because someone asked for it.
    pub(crate) fn cancelled() -> Self {
        Self { state: JobState::Cancelled, ..Self::progress(None, 0.0, "cancelled") }
    }

    /// The job goes back to the queue because this worker stops.
    pub(crate) fn released() -> Self {
        Self {
            state: JobState::Queued,
            refund_attempt: true,
            ..Self::progress(None, 0.0, "queued again: the trainer is shutting down")
        }
    }

    /// What becomes of a job whose worker is gone: cancelled if someone asked for it, failed after `max_attempts`, else
    /// queued again. A job whose version may exist is queued again in any case, so that it ends with that version.
    pub(crate) fn lost(claim: &Claim, max_attempts: u32) -> Self {
        if claim.cancel_requested {
            return Self::cancelled();
        }
        if claim.job.attempt >= max_attempts && claim.pending.is_none() {
            let error = format!(
                "the trainer stopped working on it {} times; look into its log for the reason, e.g. memory, and create \
                 the job again",
                claim.job.attempt
            );
            return Self::failed(claim.job.step, error);
        }
        Self { state: JobState::Queued, ..Self::progress(None, 0.0, "queued again: its worker is gone") }
    }
}
