//! Why a promotion was not committed.

use lineal_db::StoreError;
use lineal_kernel::{ModelName, VersionNumber};

/// What a commit found to be no longer as the move was decided on. Nothing moved, except where the store lost its own answer.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another version reigns.
    #[error("the champion of `{model}` has moved")]
    ChampionMoved {
        /// Of which model.
        model: ModelName,
        /// The champion; 0 for none.
        found: u64,
    },
    /// A champion would be left that uses no champion.
    #[error("the champions would no longer fit each other")]
    ChainBroken,
    /// Another report on the version came in.
    #[error("report {found} came in")]
    VerdictChanged {
        /// The latest report for the slot.
        found: String,
    },
    /// A version that would become champion can never serve.
    #[error("`{model}` version {number} has failed")]
    VersionFailed {
        /// Of which model.
        model: ModelName,
        /// Which one.
        number: VersionNumber,
    },
    /// The inputs of a version that was to be promoted are no longer what was logged.
    #[error("`{model}` version {number} is tainted")]
    VersionTainted {
        /// Of which model.
        model: ModelName,
        /// Which one.
        number: VersionNumber,
    },
    /// It is no longer preparing: cancelled, or committed before.
    #[error("the promotion is no longer preparing")]
    Ended,
    /// The store. `Conflict`: the same request was answered before.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CommitError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
