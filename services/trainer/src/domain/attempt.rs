//! One start of a job.

use lineal_kernel::Timestamp;

use super::{FailureReason, JobState};

/// What became of one start of a job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attempt {
    /// 1 for the first start, without a gap.
    pub(crate) number: u64,
    /// The process that had the job.
    pub(crate) worker: String,
    pub(crate) start_time: Timestamp,
    pub(crate) end_time: Option<Timestamp>,
    /// The job's state after it; running while it lasts.
    pub(crate) state: JobState,
    pub(crate) reason: Option<FailureReason>,
    /// Why it failed, with its trace; empty otherwise.
    pub(crate) error: String,
}
