//! What happens to a job, step by step.

use std::{collections::BTreeMap, str::FromStr};

use lineal_kernel::{FieldError, Timestamp};

use super::JobState;

/// The steps of a training, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Fetch the file, read it, keep it as a snapshot.
    Load,
    /// Cut it into train, reference and extra rows.
    Split,
    /// Compute features and fit.
    Train,
    /// Score the reference set.
    Evaluate,
    /// Write parameters, metrics and datasets to the run.
    Log,
    /// Store the bundle.
    Register,
    /// Take a number.
    CreateVersion,
}

impl Step {
    pub(crate) const ALL: [Self; 7] =
        [Self::Load, Self::Split, Self::Train, Self::Evaluate, Self::Log, Self::Register, Self::CreateVersion];

    /// The stable word, as in events.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Split => "split",
            Self::Train => "train",
            Self::Evaluate => "evaluate",
            Self::Log => "log",
            Self::Register => "register",
            Self::CreateVersion => "create_version",
        }
    }
}

impl FromStr for Step {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::ALL
            .into_iter()
            .find(|step| step.as_str() == text)
            .ok_or_else(|| FieldError::new("step", "not a step of a job"))
    }
}

/// One entry of a job's log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobEvent {
    /// 1, 2, 3, ... within the job, without a gap.
    pub(crate) sequence: u64,
    pub(crate) create_time: Timestamp,
    /// Who caused it.
    pub(crate) actor: String,
    /// The state after it.
    pub(crate) state: JobState,
    /// The step it is about.
    pub(crate) step: Option<Step>,
    /// 0 to 1 within the step.
    pub(crate) progress: f64,
    pub(crate) metrics: BTreeMap<String, f64>,
    /// For people.
    pub(crate) message: String,
}
