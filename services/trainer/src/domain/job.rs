//! Jobs: their states, and what is known of one.

use std::{collections::BTreeMap, fmt, str::FromStr};

use lineal_kernel::{Digest, FieldError, ModelName, RequestId, Timestamp};

use serde::{Deserialize, Serialize};

use super::{FailureReason, JobSpec, NewVersion, Step, Stop, storable};

/// The identity of a job; later jobs have greater ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct JobId(String);

impl JobId {
    /// A fresh identity.
    pub(crate) fn random() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }

    /// The identity as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Any text can be asked for; only those of [`JobId::random`] are ever found.
impl From<String> for JobId {
    fn from(text: String) -> Self {
        Self(storable(text))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobState {
    /// It waits for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// It keeps its place in the queue until someone resumes it.
    Suspended,
    /// It made a version.
    Succeeded,
    /// It made no version, and its error says why.
    Failed,
    /// Someone stopped it before it made a version.
    Cancelled,
}

impl JobState {
    pub(crate) const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Suspended, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// The stored word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the job has ended.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

impl FromStr for JobState {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| FieldError::new("state", "not a state of a job"))
    }
}

/// How rows were chosen from a table that was too large.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobSample {
    /// The expected share of all rows.
    pub(crate) fraction: f64,
    pub(crate) seed: u64,
    /// Rows of the whole table.
    pub(crate) source_rows: u64,
}

/// One training execution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) request_id: RequestId,
    pub(crate) state: JobState,
    pub(crate) spec: JobSpec,
    /// The name of the caller who created it.
    pub(crate) actor: String,
    /// The step it is at, or at which it failed.
    pub(crate) step: Option<Step>,
    /// 0 to 1 within the step.
    pub(crate) progress: f64,
    /// Metrics on the reference set.
    pub(crate) metrics: BTreeMap<String, f64>,
    /// The number of the version it made.
    pub(crate) version: Option<u64>,
    /// The digest of the bundle.
    pub(crate) digest: Option<Digest>,
    pub(crate) run_id: Option<String>,
    /// How its rows were chosen, if they were too many.
    pub(crate) sample: Option<JobSample>,
    /// Why it failed; empty otherwise.
    pub(crate) error: String,
    pub(crate) reason: Option<FailureReason>,
    /// How often it was started; releases and suspensions do not count.
    pub(crate) attempt: u32,
    pub(crate) create_time: Timestamp,
    /// When it may start, or start again.
    pub(crate) run_time: Timestamp,
    pub(crate) start_time: Option<Timestamp>,
    pub(crate) end_time: Option<Timestamp>,
    /// The sequence number of its latest event.
    pub(crate) last_sequence: u64,
}

impl Job {
    /// A job that waits for its first start.
    pub(crate) fn queued(request_id: RequestId, spec: JobSpec, actor: String, now: Timestamp) -> Self {
        Self {
            id: JobId::random(),
            request_id,
            state: JobState::Queued,
            run_time: spec.schedule.not_before.unwrap_or(now),
            spec,
            actor,
            step: None,
            progress: 0.0,
            metrics: BTreeMap::new(),
            version: None,
            digest: None,
            run_id: None,
            sample: None,
            error: String::new(),
            reason: None,
            attempt: 0,
            create_time: now,
            start_time: None,
            end_time: None,
            last_sequence: 0,
        }
    }
}

/// A worker's right to a job, void as soon as another worker gets a greater generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) job_id: JobId,
    pub(crate) generation: i64,
}

/// A job in the hands of a worker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claim {
    pub(crate) job: Job,
    pub(crate) lease: Lease,
    /// When the lease ends unless it is kept.
    pub(crate) until: Timestamp,
    /// Someone asked to stop it.
    pub(crate) stop: Option<Stop>,
    /// The version an earlier attempt was about to create.
    pub(crate) pending: Option<Box<NewVersion>>,
}

/// A job taken by a worker that cannot read it: damaged, or written by a release that knows more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) lease: Lease,
    /// When the lease ends unless it is kept.
    pub(crate) until: Timestamp,
    /// What of it, and why.
    pub(crate) problem: String,
}

/// What came of the wish for a job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Creation {
    /// The new job, or the one that has the same request id.
    Job(Box<Job>),
    /// Its node has an active job.
    NodeBusy(JobId),
}

/// A run whose end the registry does not know yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenRun {
    pub(crate) job_id: JobId,
    pub(crate) run_id: String,
    pub(crate) state: JobState,
    pub(crate) error: String,
}

/// Which jobs to list; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct JobFilter {
    pub(crate) model: Option<ModelName>,
    pub(crate) state: Option<JobState>,
    pub(crate) experiment: Option<String>,
    pub(crate) pipeline: Option<String>,
    pub(crate) node: Option<String>,
    pub(crate) actor: Option<String>,
    /// Name and value.
    pub(crate) tag: Option<(String, String)>,
    /// Created then or later.
    pub(crate) created_from: Option<Timestamp>,
    /// Created before then.
    pub(crate) created_to: Option<Timestamp>,
}
