//! What a caller can be told.

use lineal_db::StoreError;
use lineal_kernel::{Digest, FieldErrors, ModelName, Name, RequestId};
use lineal_signing::Refusal;

use super::{DataRefusal, DefinitionConflict, ImportError, JobId, PipelineId, PipelineRunId};

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrainerError {
    /// Fields of the request are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The job does not exist.
    #[error("there is no job `{job_id}`")]
    JobNotFound {
        /// What was asked for.
        job_id: JobId,
    },
    /// A name of the recipe is taken by another meaning.
    #[error(transparent)]
    Definition(#[from] DefinitionConflict),
    /// A key that named another job before.
    #[error("this request id created job `{job_id}` from another specification, send a new one")]
    RequestIdReused {
        /// The key.
        request_id: RequestId,
        /// The job it made.
        job_id: JobId,
    },
    /// One active job per node.
    #[error("node `{node}` has an active job, `{job_id}`; wait for it, cancel it, or ask for a rerun")]
    NodeBusy {
        /// What was asked for.
        node: String,
        /// The active job.
        job_id: JobId,
    },
    /// The latest look at the rows found what must not be.
    #[error(transparent)]
    DataRefused(#[from] DataRefusal),
    /// Rows that cannot be read.
    #[error("the rows cannot be read: {problem}")]
    DataUnreadable {
        /// What is wrong, and where.
        problem: String,
    },
    /// The report does not exist.
    #[error("there is no data report `{report_id}`")]
    ReportNotFound {
        /// What was asked for.
        report_id: String,
    },
    /// Rows were not fetched.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The split does not exist.
    #[error("dataset `{dataset}` has no split `{name}`")]
    SplitNotFound {
        /// The dataset.
        dataset: Name,
        /// What was asked for.
        name: Name,
    },
    /// The feature set does not exist.
    #[error("model `{model}` has no feature set `{name}`; create it, or name one of those it has")]
    FeatureSetNotFound {
        /// The model.
        model: ModelName,
        /// What was asked for.
        name: Name,
    },
    /// Nobody applied such settings.
    #[error("model `{model}` has no {}; apply a file with `lineal settings apply FILE`", settings(digest.as_ref()))]
    SettingsNotFound {
        /// The model.
        model: ModelName,
        /// Which; `None` for the newest.
        digest: Option<Digest>,
    },
    /// The version does not exist.
    #[error("model `{model}` has no version {number}")]
    VersionNotFound {
        /// The model.
        model: ModelName,
        /// What was asked for.
        number: u64,
    },
    /// No trusted key signed a version that is learned from or trained again.
    #[error("the bundle of version {number} of `{model}` is refused: {refusal}")]
    BundleRefused {
        /// The model.
        model: ModelName,
        /// The version.
        number: u64,
        /// Why.
        refusal: Refusal,
    },
    /// What a version was trained with is not known.
    #[error("version {number} of `{model}` cannot be trained again: {problem}")]
    NotReproducible {
        /// The model.
        model: ModelName,
        /// The version.
        number: u64,
        /// What is missing.
        problem: String,
    },
    /// Files cannot be fetched.
    #[error("the registry cannot be reached ({message}); see that it runs")]
    RegistryUnavailable {
        /// What the connection said.
        message: String,
    },
    /// The pipeline does not exist.
    #[error("there is no pipeline `{pipeline_id}`")]
    PipelineNotFound {
        /// What was asked for.
        pipeline_id: PipelineId,
    },
    /// The run of a pipeline does not exist.
    #[error("there is no run `{run_id}` of a pipeline")]
    PipelineRunNotFound {
        /// What was asked for.
        run_id: PipelineRunId,
    },
    /// One run of a pipeline at a time.
    #[error("pipeline `{pipeline_id}` has a run under way, `{run_id}`; wait for it, cancel it, or ask for a rerun")]
    PipelineBusy {
        /// What was asked for.
        pipeline_id: PipelineId,
        /// The run under way.
        run_id: PipelineRunId,
    },
    /// A key that named another run before.
    #[error("this request id started run `{run_id}` of something else, send a new one")]
    RunRequestIdReused {
        /// The key.
        request_id: RequestId,
        /// The run it made.
        run_id: PipelineRunId,
    },
    /// The process is about to end.
    #[error("the trainer is shutting down, ask again with the last sequence number you saw")]
    Stopping,
    /// The database has too much to do.
    #[error("the database is busy, try again")]
    Busy,
    /// Our fault.
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl From<serde_json::Error> for TrainerError {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(StoreError::Backend(error.into()))
    }
}

impl From<StoreError> for TrainerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Busy,
            StoreError::Conflict | StoreError::Backend(_) => Self::Store(error),
        }
    }
}

fn settings(digest: Option<&Digest>) -> String {
    digest.map_or("settings".to_owned(), |digest| format!("settings with digest {digest}"))
}
