//! What this service refuses or fails to do.

use std::time::Duration;

use lineal_data::DataError;
use lineal_kernel::{Digest, FieldError, FieldErrors, ModelName, Name, Slot, VersionNumber};
use lineal_models::{BundleError, ScoreError};
use lineal_signing::Refusal;

use crate::registry::RegistryError;

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InferenceError {
    /// Fields of the request are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No champion of this name in this slot.
    #[error("model `{model}` has no champion in {}, promote a version first", slot_text(slot))]
    ModelNotServed {
        /// The name that was asked for, cut to 64 characters.
        model: String,
        /// The slot that was asked for.
        slot: Slot,
    },
    /// Other versions answer here.
    #[error(
        "`{asked}` of model `{model}` is not served here, only {served} is; point an alias at the version to have it served"
    )]
    VersionNotServed {
        /// The model.
        model: ModelName,
        /// The number or alias that was asked for.
        asked: String,
        /// The versions that answer, with their aliases.
        served: String,
    },
    /// An alias points at a version that cannot be loaded.
    #[error("version {version} of model `{model}` could not be loaded, point its alias at another one: {problem}")]
    VersionNotLoaded {
        /// The model.
        model: ModelName,
        /// The version.
        version: VersionNumber,
        /// Why.
        problem: String,
    },
    /// A slot that sleeps cannot be woken now.
    #[error("model `{model}` is not in memory in {} and could not be loaded, try again: {problem}", slot_text(slot))]
    WakeFailed {
        /// The model.
        model: ModelName,
        /// The slot that sleeps.
        slot: Slot,
        /// Why.
        problem: String,
    },
    /// More requests than may wait for slots to wake.
    #[error("{limit} requests wait for models to be loaded already, try again")]
    WakeQueueFull {
        /// How many may.
        limit: usize,
    },
    /// A client of Triton's wants to load or unload a model.
    #[error("the registry decides what is served: promote a version of `{model}`, or point an alias at one")]
    RegistryDecides {
        /// The name in the request, cut to 64 characters.
        model: String,
    },
    /// More rows than may be in memory.
    #[error("{limit} rows are in flight already, send fewer at once or try again")]
    RowsInFlight {
        /// How many may be.
        limit: usize,
    },
    /// A stream of requests ends because the process does.
    #[error("this replica stops, send what was not answered to another one")]
    ShuttingDown,
    /// The rows hold values that the model's features do not take.
    #[error(transparent)]
    Rows(#[from] ScoreError),
    /// A bundle whose content is not what it should be.
    #[error("the bundle {digest} cannot be served, register its version again")]
    BundleDamaged {
        /// Digest of the bundle.
        digest: Digest,
        /// What is wrong with it.
        source: BundleFault,
    },
    /// A bundle that no trusted key signed.
    #[error("the bundle {digest} is refused: {refusal}")]
    BundleRefused {
        /// Digest of the bundle.
        digest: Digest,
        /// Why.
        refusal: Refusal,
    },
    /// A bundle that takes too long.
    #[error(
        "the bundle {digest} was not loaded in {} s; make the model smaller, or raise inference.load_timeout_seconds",
        deadline.as_secs_f64()
    )]
    LoadTimedOut {
        /// Digest of the bundle.
        digest: Digest,
        /// How long it may take.
        deadline: Duration,
    },
    /// A bundle that brings its loader down.
    #[error("the bundle {digest} broke its loader: {problem}")]
    LoadPanicked {
        /// Digest of the bundle.
        digest: Digest,
        /// What the loader said.
        problem: String,
    },
    /// A load that is over its time still runs.
    #[error("the bundle {overdue} is still being loaded after its time; restart the replica if it does not end")]
    LoaderBusy {
        /// Digest of that bundle.
        overdue: Digest,
    },
    /// An ensemble of which a member cannot be loaded.
    #[error("the bundle {digest} lacks its member `{member}`, mend it or make an ensemble without it: {problem}")]
    MemberMissing {
        /// Digest of the ensemble's bundle.
        digest: Digest,
        /// The member.
        member: String,
        /// Why it cannot be loaded.
        problem: String,
    },
    /// A version answers another question than the one it would replace.
    #[error("model `{model}` serves {served}, this version predicts {found}; give it a model of its own")]
    TaskChanged {
        /// The model.
        model: ModelName,
        /// What is predicted now.
        served: &'static str,
        /// What the version predicts.
        found: &'static str,
    },
    /// The registry does not know it either.
    #[error("`{model}` has no version `{asked}`; `lineal versions {model}` lists them")]
    VersionNotFound {
        /// The model.
        model: ModelName,
        /// The number or alias that was asked for.
        asked: String,
    },
    /// The input of a batch cannot be read at all.
    #[error("the input cannot be read")]
    InputUnreadable(#[source] object_store::Error),
    /// The input of a batch is not one.
    #[error(transparent)]
    Input(#[from] DataError),
    /// The batch was begun as another one.
    #[error(
        "`{model}` has a batch `{batch_id}` with another {field}; choose another id, or repeat what was asked then"
    )]
    BatchExists {
        /// The model.
        model: ModelName,
        /// The batch.
        batch_id: Name,
        /// What is not the same.
        field: &'static str,
    },
    /// The batch is under way in this replica.
    #[error("batch `{batch_id}` of `{model}` is under way; wait for its end or cancel it")]
    BatchRunning {
        /// The model.
        model: ModelName,
        /// The batch.
        batch_id: Name,
    },
    /// The batch is not under way in this replica.
    #[error("batch `{batch_id}` of `{model}` does not run here; ask the replica that runs it")]
    BatchNotRunning {
        /// The model.
        model: ModelName,
        /// The batch.
        batch_id: Name,
    },
    /// Somebody stopped the batch.
    #[error("the batch was stopped; score it again under the same id to go on")]
    BatchCancelled,
    /// A file in the folder of a batch is not what was written.
    #[error("`{file}` is damaged ({problem}); move the folder away and score the batch under another id")]
    BatchDamaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The store of the predictions does not work.
    #[error("the predictions cannot be stored")]
    Store(#[from] object_store::Error),
    /// Predictions have no form.
    #[error("the predictions cannot be written")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The registry did not give what was asked of it.
    #[error("the registry cannot be asked")]
    Registry(#[source] RegistryError),
    /// The run that the request was a part of ended without a result.
    #[error("a run ended without a result")]
    Run(#[from] tokio::sync::oneshot::error::RecvError),
    /// Work on another thread ended without a result.
    #[error("a worker ended without a result")]
    Worker(#[from] tokio::task::JoinError),
    /// The same where nobody waits for an answer.
    #[error("work in the background ended without a result")]
    Background(#[from] lineal_rpc::background::Lost),
}

/// What is wrong with a bundle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleFault {
    /// A file is absent from the artifact store or damaged there.
    #[error(transparent)]
    File(RegistryError),
    /// The files do not make a model, or the model does not reproduce its golden rows.
    #[error(transparent)]
    Content(Box<BundleError>),
}

impl InferenceError {
    /// Whether it is about one bundle, so that others can be served without it.
    pub(crate) fn is_of_bundle(&self) -> bool {
        matches!(
            self,
            Self::BundleDamaged { .. }
                | Self::BundleRefused { .. }
                | Self::TaskChanged { .. }
                | Self::LoadTimedOut { .. }
                | Self::LoadPanicked { .. }
                | Self::LoaderBusy { .. }
        )
    }
}

impl From<BundleError> for BundleFault {
    fn from(error: BundleError) -> Self {
        Self::Content(error.into())
    }
}

impl From<parquet::errors::ParquetError> for InferenceError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self::Encode(error.into())
    }
}

impl From<FieldError> for InferenceError {
    fn from(error: FieldError) -> Self {
        Self::Invalid(error.into())
    }
}

fn slot_text(slot: &Slot) -> String {
    if slot.is_default() { "the default slot".to_owned() } else { format!("slot `{slot}`") }
}

/// An error with its causes, for logs and for the registry's listing of replicas.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |mut text, cause| {
        let cause = cause.to_string();
        // A transparent error repeats the text of its cause.
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        text
    })
}
