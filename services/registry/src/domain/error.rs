//! Everything the registry can answer instead of doing what it was asked.

use lineal_db::StoreError;
use lineal_kernel::{AliasName, Digest, FieldError, FieldErrors, ModelName, Name, Share, Slot, VersionNumber};

use super::{
    promotion::{PromotionState, Skipped},
    run::RunStatus,
    settings::Wanted,
};

/// A refusal or failure. Unless it says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message says what its variant means")]
pub enum RegistryError {
    #[error("no model named `{model}`; `lineal models` lists them")]
    ModelNotFound { model: ModelName },
    #[error("a model named `{model}` exists already")]
    ModelExists { model: ModelName },
    #[error("`{model}` has no version {version}; `lineal versions {model}` lists them")]
    VersionNotFound { model: ModelName, version: String },
    #[error("`{model}` has no alias `{alias}` in slot `{slot}`")]
    AliasNotFound { model: ModelName, slot: Slot, alias: AliasName },
    #[error("no experiment `{experiment}`; `lineal experiments` lists them")]
    ExperimentNotFound { experiment: String },
    #[error("an experiment named `{name}` exists already")]
    ExperimentExists { name: String },
    #[error("no run with id `{run_id}`")]
    RunNotFound { run_id: String },
    #[error("no promotion with id `{promotion_id}`")]
    PromotionNotFound { promotion_id: String },
    #[error("no comparison with id `{comparison_id}`; `lineal compare` shows those of two versions")]
    ComparisonNotFound { comparison_id: String },
    #[error("`{model}` has no batch `{batch_id}`; `lineal batches {model}` lists them")]
    ScoringBatchNotFound { model: ModelName, batch_id: Name },
    #[error("`{model}` has another batch `{batch_id}`, with manifest {found}; choose another id")]
    ScoringBatchExists { model: ModelName, batch_id: Name, found: Digest },
    #[error("`{model}` has no {}; apply a file with `lineal settings apply FILE`", settings(wanted))]
    SettingsNotFound { model: ModelName, wanted: Wanted },
    #[error("replica `{replica}` holds no lease; register it again")]
    ReplicaNotFound { replica: String },
    #[error("no artifact with digest {digest}")]
    ArtifactNotFound { digest: Digest },
    #[error("`{model}` version {number} was not served at generation {generation}")]
    PredictionNotServed { model: ModelName, number: VersionNumber, generation: u64 },

    #[error("`{alias}` moves by promotion only; use `lineal promote` or `lineal rollback`")]
    AliasReserved { alias: AliasName },
    #[error(
        "the other aliases of the slot leave {left} of its requests, so `{alias}` cannot get {share}; give it less, or take from another first"
    )]
    TrafficExceeded { alias: AliasName, share: Share, left: Share },
    #[error("it is at `{found}`, not at `{expected}`; read it again")]
    StaleEtag { expected: String, found: String },
    #[error(
        "`{model}` version {number} has not been validated for this slot; run `lineal validate {model} {number}` first"
    )]
    ValidationRequired { model: ModelName, number: VersionNumber },
    #[error("`{model}` version {number} did not pass its validation: {}", failures.join("; "))]
    GateNotPassed { model: ModelName, number: VersionNumber, failures: Vec<String> },
    #[error(
        "`{model}` version {number} was made by run `{run_id}`, whose inputs are not what was logged ({reason}); train it again on sound data"
    )]
    RunTainted { model: ModelName, number: VersionNumber, run_id: String, reason: String },
    #[error(
        "`{model}` version {number} learnt from a sample of its rows (fraction {fraction}), and is not promoted by itself; promote it by hand with `lineal promote {model} {number} --allow-sampled --reason WHY`, or raise trainer.table_limit_mib and train it again"
    )]
    VersionSampled { model: ModelName, number: VersionNumber, fraction: String },
    #[error("`{model}` version {number} has no model card: it never was champion; promote it first")]
    CardNotFound { model: ModelName, number: VersionNumber },
    #[error("`{model}` version {number} is the champion already")]
    AlreadyChampion { model: ModelName, number: VersionNumber },
    #[error("`{model}` version {number} is champion of a slot; roll back or demote it first")]
    VersionReigns { model: ModelName, number: VersionNumber, slot: Slot },
    #[error("the champion is {} and not {} as expected; validate against it and try again", champion(*found), champion(*expected))]
    ChampionMoved { expected: u64, found: u64 },
    #[error("the chain has two versions of `{model}`; train its members on one upstream each")]
    ChainForked { model: ModelName },
    #[error("`{model}` version {number} has failed and can never serve; train it again, and what uses it")]
    ChainMemberFailed { model: ModelName, number: VersionNumber },
    #[error(
        "`{model}` version {number} would be champion and uses `{upstream}` version {upstream_number}, which would not; promote the whole chain by its last member"
    )]
    ChainBroken { model: ModelName, number: VersionNumber, upstream: ModelName, upstream_number: VersionNumber },
    #[error(
        "the chain of `{model}` version {number} has more than {longest} versions; join some of its members into one"
    )]
    ChainTooLong { model: ModelName, number: VersionNumber, longest: usize },
    #[error(
        "another report on `{model}` version {number} came in while it was prepared; look at it with `lineal explain {model}/{number}` and promote again"
    )]
    VerdictChanged { model: ModelName, number: VersionNumber, expected: String, found: String },
    #[error("nothing was promoted: {why}")]
    PromotionCancelled { promotion_id: String, why: String },
    #[error("promotion {promotion_id} {}", ended(*state, model))]
    PromotionEnded { promotion_id: String, model: String, state: PromotionState },
    #[error(
        "the database stopped answering at the commit, and whether the champion moved is unknown; send the same request again with request id `{request_id}` to learn it, or look at promotion {promotion_id}"
    )]
    OutcomeUnknown { promotion_id: String, request_id: String },
    #[error("nothing was promoted: {}", refusals.iter().map(|(replica, why)| format!("replica `{replica}` refused: {why}")).collect::<Vec<_>>().join("; "))]
    ReplicaRefused { refusals: Vec<(String, String)> },
    #[error(
        "nothing was promoted: {prepared} of {needed} replicas prepared it; wait for replicas or ask for a smaller quorum"
    )]
    QuorumMissed { needed: u32, prepared: usize },
    #[error(
        "`{model}` has no earlier champion that left healthy and is whole{}; name a version to go back to",
        passed_over(tried)
    )]
    NoRollbackCandidate { model: ModelName, tried: Vec<Skipped> },
    #[error("`{model}` version {number} was never champion of this slot; promote it instead")]
    NeverChampion { model: ModelName, number: VersionNumber },
    #[error("`{file}` ({digest}) is not in the artifact store; upload it, or restore it from a copy")]
    ArtifactMissing { file: String, digest: Digest },
    #[error("`{file}` ({digest}) is damaged in the artifact store; restore it from a copy")]
    FileDamaged { file: String, digest: Digest },
    #[error("the bundle's manifest {digest} is unusable: {problem}")]
    ManifestUnusable { digest: Digest, problem: String },

    #[error("the content has digest {found}, not {expected}; nothing was kept")]
    DigestMismatch { expected: Digest, found: Digest },
    #[error("the stored artifact {digest} is damaged; restore it from a copy")]
    ArtifactDamaged { digest: Digest },
    #[error("run `{run_id}` has {status} already")]
    RunFinished { run_id: String, status: RunStatus },
    #[error("run `{run_id}` is deleted; restore it first")]
    RunDeleted { run_id: String },
    #[error("experiment `{experiment}` is deleted; restore it first")]
    ExperimentDeleted { experiment: String },
    #[error("parameter `{name}` of run `{run_id}` is `{found}` and cannot change")]
    ParameterExists { run_id: String, name: String, found: String },
    #[error("this id was used for another request; choose a new one")]
    RequestIdReused,
    #[error("{0}")]
    Invalid(FieldErrors),

    #[error(transparent)]
    Audited(Box<Self>),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the artifact store is full and nothing was kept; free space there and try again")]
    StorageFull,
    #[error("the artifact store failed")]
    Artifacts(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the registry is shutting down")]
    ShuttingDown,
}

impl RegistryError {
    /// Whether asking again would only repeat the answer: nothing failed, and nothing is away.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Audited(inner) => inner.is_refusal(),
            Self::Store(_) | Self::StorageFull | Self::Artifacts(_) | Self::ShuttingDown => false,
            _ => true,
        }
    }

    /// The same refusal, which its own code has written into the audit.
    #[must_use]
    pub fn audited(self) -> Self {
        Self::Audited(Box::new(self))
    }

    /// Whether it says that a version cannot serve, so that a rollback looks further back.
    pub fn rules_out(&self) -> bool {
        self.is_damage() || matches!(self, Self::ChainMemberFailed { .. })
    }

    /// Whether it says that a bundle cannot be used as it is stored; other failures say nothing of the bundle.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::ArtifactMissing { .. } | Self::FileDamaged { .. } | Self::ManifestUnusable { .. })
    }
}

impl From<FieldError> for RegistryError {
    fn from(error: FieldError) -> Self {
        Self::Invalid(error.into())
    }
}

fn ended(state: PromotionState, model: &str) -> String {
    match state {
        PromotionState::Committed | PromotionState::Converged => {
            format!("has committed already; bring the earlier champion back with `lineal rollback {model}`")
        }
        state => format!("is {} already; there is nothing left to cancel", state.word()),
    }
}

fn settings(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Newest => "settings".to_owned(),
        Wanted::Revision(revision) => format!("revision {revision} of its settings"),
        Wanted::Digest(digest) => format!("settings with digest {digest}"),
    }
}

fn champion(number: u64) -> String {
    if number == 0 { "none".to_owned() } else { format!("version {number}") }
}

fn passed_over(tried: &[Skipped]) -> String {
    if tried.is_empty() {
        return String::new();
    }
    let tried: Vec<String> = tried.iter().map(|skipped| format!("version {skipped}")).collect();
    format!(" ({})", tried.join("; "))
}
