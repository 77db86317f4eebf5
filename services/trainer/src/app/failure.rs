//! What ends a training early.

use std::{
    any::Any,
    backtrace::Backtrace,
    cell::{Cell, RefCell},
    io,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    sync::Once,
    time::Duration,
};

use lineal_bundles::FetchError;
use lineal_data::DataError;
use lineal_db::StoreError;
use lineal_kernel::{FieldError, FieldErrors, ModelName, Name, Slot, Timestamp};
use lineal_models::{
    BundleError, ChainError, FitError, LabelError, MemberError, MemberFitError, MetricError, ScoreError,
};

use crate::{
    domain::{DataRefusal, DefinitionConflict, Failure, FailureReason, ImportError, Step, TrainerError, storable},
    registry::RegistryError,
    sources::SourceError,
};

/// As much of a trace as is kept, in characters.
const MAX_TRACE: usize = 8 << 10;

/// Why a training made no version.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Refused(#[from] DataRefusal),
    #[error(transparent)]
    Fit(#[from] FitError),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Metric(#[from] MetricError),
    #[error("the labels in column `{column}` cannot be learned from")]
    Labels { column: String, source: LabelError },
    #[error(
        "features `{features}` look back at earlier rows, and only a sample of the rows fits; raise trainer.table_limit_mib, or give fewer rows"
    )]
    SampledHistory { features: String },
    #[error("no source row has the class `{class}` of `{column}`; give rows of it or leave it out")]
    AbsentClass { column: String, class: String },
    #[error(
        "no {part} row has the class `{class}` of `{column}`; give another split_version, best one created by label, or more rows if the \
         split is new"
    )]
    AbsentFromPart { column: String, class: String, part: &'static str },
    #[error("`{column}` has the class `{class}`, which is none of {named}; mend the rows or name it too")]
    UnknownClass { column: String, class: String, named: String },
    #[error(
        "the rows do not fit the reference set of dataset `{dataset}`, split `{split}`, which an earlier job made; give rows with its columns, or choose another dataset (--dataset) or split (--split-version)"
    )]
    OtherReference { dataset: Name, split: Name, source: DataError },
    #[error("no {part} row has a weight above 0 in column `{column}`; give at least one")]
    NoWeight { column: String, part: &'static str },
    #[error("weight column `{column}` has {value} in row {row}; a weight is a finite number and not negative")]
    Weight { column: String, row: usize, value: f64 },
    #[error(transparent)]
    Score(#[from] ScoreError),
    #[error(transparent)]
    Outcomes(#[from] MemberError),
    #[error(transparent)]
    Member(#[from] MemberFitError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("the bundle of version {number} of `{model}` cannot be loaded")]
    Version { model: ModelName, number: u64, source: Box<FetchError<RegistryError>> },
    #[error("`{model}` has no champion in slot `{slot}` to learn from; name one of its versions, or promote one")]
    NoChampion { model: ModelName, slot: Slot },
    #[error("`{model}` stands alone and answers no other; name upstreams whose families make members of chains")]
    Alone { model: String },
    #[error("the upstreams use two versions of `{member}`; name upstreams that use the same one")]
    Forked { member: String },
    #[error(transparent)]
    Definition(#[from] DefinitionConflict),
    #[error(transparent)]
    Name(#[from] FieldError),
    #[error(transparent)]
    Unusable(FieldErrors),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("the scratch folder `{}` takes no more: {source}; free space there and try again", folder.display())]
    Scratch { folder: PathBuf, source: io::Error },
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the values have no digest")]
    Json(#[from] serde_json::Error),
    #[error("this release has no family `{family}`, use the release that created the job or create it again")]
    NoFamily { family: String },
    #[error("DEADLINE: it took longer than max_runtime, {limit:?}; allow more or train a smaller model")]
    Deadline { limit: Duration },
    #[error("DEADLINE: it was not finished by {by}; start earlier or train a smaller model")]
    FinishBy { by: Timestamp },
    #[error("it panicked: {message}; this is a bug of the program, report it with the trace\n{trace}")]
    Panic { message: String, trace: String },
    #[error("{moved}")]
    Moved { moved: String },
    #[error("it was abandoned because the process ends")]
    Abandoned,
}

impl StepError {
    /// The failure of an attempt at `step`.
    pub(super) fn failure(&self, step: Option<Step>) -> Failure {
        Failure { reason: self.reason(), error: self.text(step) }
    }

    fn reason(&self) -> FailureReason {
        match self {
            Self::Registry(error) => of_registry(error),
            Self::Version { source, .. } => match source.as_ref() {
                FetchError::File { source, .. } | FetchError::Signatures(source) => of_registry(source),
                FetchError::Bundle(_) => FailureReason::RegistryRefused,
                FetchError::Refused(_) => FailureReason::Untrusted,
            },
            Self::Scratch { .. } | Self::Source(SourceError::Scratch { .. }) => FailureReason::StorageFull,
            Self::Data(_)
            | Self::Refused(_)
            | Self::Source(_)
            | Self::Moved { .. }
            | Self::Metric(_)
            | Self::Score(_)
            | Self::Outcomes(_)
            | Self::Chain(_)
            | Self::Labels { .. }
            | Self::AbsentClass { .. }
            | Self::AbsentFromPart { .. }
            | Self::UnknownClass { .. }
            | Self::SampledHistory { .. }
            | Self::OtherReference { .. }
            | Self::NoWeight { .. }
            | Self::Weight { .. } => FailureReason::Data,
            Self::Fit(_) | Self::Bundle(_) | Self::Member(_) => FailureReason::Fit,
            Self::Definition(_)
            | Self::Name(_)
            | Self::Unusable(_)
            | Self::NoFamily { .. }
            | Self::NoChampion { .. }
            | Self::Alone { .. }
            | Self::Forked { .. } => FailureReason::Specification,
            Self::Store(StoreError::Busy) => FailureReason::StoreUnavailable,
            Self::Store(StoreError::Conflict | StoreError::Backend(_)) | Self::Json(_) => FailureReason::Internal,
            Self::Deadline { .. } | Self::FinishBy { .. } => FailureReason::DeadlineExceeded,
            Self::Panic { .. } => FailureReason::Panic,
            Self::Abandoned => FailureReason::WorkerLost,
        }
    }

    /// What went wrong, in which step and why, in one line; the trace of a panic follows.
    fn text(&self, step: Option<Step>) -> String {
        storable(format!("{}: {}", step.map_or("start", Step::as_str), self.chain()))
    }

    /// What a caller is told who waits for the answer.
    pub(super) fn told(self) -> TrainerError {
        match self {
            Self::Store(error) => error.into(),
            Self::Refused(refusal) => TrainerError::DataRefused(refusal),
            Self::Abandoned => TrainerError::Stopping,
            Self::Registry(RegistryError::Unavailable { message }) => TrainerError::RegistryUnavailable { message },
            Self::Version { model, number, source } => match *source {
                FetchError::File { source, .. } | FetchError::Signatures(source) => Self::Registry(source).told(),
                FetchError::Bundle(error) => Self::Bundle(error).told(),
                FetchError::Refused(refusal) => TrainerError::BundleRefused { model, number, refusal },
            },
            Self::Registry(RegistryError::Full { message: problem }) => ImportError::StorageFull { problem }.into(),
            Self::Source(SourceError::Unavailable { ref source_name, .. }) => {
                ImportError::SourceUnavailable { name: source_name.clone(), problem: self.chain() }.into()
            }
            Self::Source(
                SourceError::Refused { ref source_name, .. } | SourceError::OtherKind { ref source_name, .. },
            ) => ImportError::SourceRefused { name: source_name.clone(), problem: self.chain() }.into(),
            Self::Scratch { .. } | Self::Source(SourceError::Scratch { .. }) => {
                ImportError::StorageFull { problem: self.to_string() }.into()
            }
            error => TrainerError::DataUnreadable { problem: error.chain() },
        }
    }

    /// Whether it says nothing about the training, only that something is away or not trusted.
    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Abandoned)
            || matches!(self.reason(), FailureReason::RegistryUnavailable | FailureReason::Untrusted)
    }

    /// The error and what caused it.
    pub(super) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(inner) = source {
            text = format!("{text}: {inner}");
            source = inner.source();
        }
        text
    }
}

fn of_registry(error: &RegistryError) -> FailureReason {
    match error {
        RegistryError::Unavailable { .. } => FailureReason::RegistryUnavailable,
        RegistryError::Full { .. } => FailureReason::StorageFull,
        RegistryError::NotFound { .. }
        | RegistryError::Damaged { .. }
        | RegistryError::AlreadyChampion { .. }
        | RegistryError::Refused { .. } => FailureReason::RegistryRefused,
    }
}

/// Runs `work` where it may take long. A panic is an error like others and costs no worker.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StepError> + Send + 'static,
) -> Result<T, StepError> {
    let task = tokio::task::spawn_blocking(move || {
        keep_traces();
        WATCHED.set(true);
        let result = panic::catch_unwind(AssertUnwindSafe(work));
        WATCHED.set(false);
        result
            .unwrap_or_else(|payload| Err(StepError::Panic { message: message(payload.as_ref()), trace: TRACE.take() }))
    });
    task.await.unwrap_or(Err(StepError::Abandoned))
}

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static TRACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Only a panic hook knows where a panic came from. Panics of other threads go to the previous hook alone.
fn keep_traces() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if WATCHED.get() {
                let place = info.location().map(ToString::to_string).unwrap_or_default();
                let trace = format!("at {place}\n{}", Backtrace::force_capture());
                TRACE.set(trace.chars().take(MAX_TRACE).collect());
            }
            previous(info);
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_can_be_stored_whatever_it_quotes() {
        let odd = StepError::UnknownClass { column: "a\0b".to_owned(), class: "c".to_owned(), named: "d".to_owned() };
        let failure = odd.failure(Some(Step::Load));
        assert!(failure.error.starts_with("load: `a\u{fffd}b` has the class"), "{}", failure.error);
    }
}
