//! The store port. A method is one atomic change or one read; every change takes its audit entry along.

mod bakes;
mod blocks;
mod cards;
mod checks;
mod commit;
mod comparisons;
mod environment;
mod history;
mod lineage;
mod outbox;
mod performance;
mod postgres;
mod scoring_batches;
mod settings;
mod signatures;
mod sqlite;
mod stories;
mod usage;

use std::sync::Arc;

use async_trait::async_trait;
use lineal_db::{DatabaseUrl, OpenError, StoreError};
use lineal_kernel::{AliasName, Digest, ModelName, Name, PageRequest, Share, Slot, TenantId, Timestamp, VersionNumber};

pub use self::{
    bakes::BakeStore,
    blocks::BlockStore,
    cards::{CardRecord, CardStore},
    checks::CheckStore,
    commit::CommitError,
    comparisons::ComparisonStore,
    environment::EnvironmentStore,
    history::HistoryStore,
    lineage::LineageStore,
    outbox::{Lead, OutboxStore},
    performance::PerformanceStore,
    postgres::PostgresStore,
    scoring_batches::ScoringBatchStore,
    settings::SettingsStore,
    signatures::SignatureStore,
    sqlite::SqliteStore,
    stories::StoryStore,
    usage::UsageStore,
};
use crate::domain::{
    alias::{Alias, AliasChange, ResolvedAlias, ServingTable},
    audit::{AuditEntry, AuditRecord, AuditSearch, Recorded},
    experiment::{Experiment, Stage},
    metric::MetricPoint,
    model::{Model, ModelView},
    promotion::{Promotion, PromotionFilter, PromotionState},
    reign::Reign,
    replica::{Beat, Replica},
    run::{LogBatch, Run},
    seal::Head,
    search::Search,
    snapshot::Snapshot,
    story::PromotionEvent,
    tags::TagChange,
    validation::Validation,
    version::{CreateVersion, Version, VersionView},
    version_search::VersionSearch,
};

type Result<T> = std::result::Result<T, StoreError>;

/// Something that one process at a time may do, until this is dropped.
pub type Turn = Box<dyn Send>;

/// Opens the database that `url` names, with its schema brought up to date.
pub async fn open(url: &DatabaseUrl) -> std::result::Result<Arc<dyn RegistryStore>, OpenError> {
    Ok(match url {
        DatabaseUrl::Sqlite(_) => Arc::new(SqliteStore::open(url).await?),
        DatabaseUrl::Postgres { .. } => Arc::new(PostgresStore::open(url).await?),
    })
}

/// Everything the registry keeps, by noun.
#[async_trait]
pub trait RegistryStore:
    AuditStore
    + ModelStore
    + VersionStore
    + AliasStore
    + PromotionStore
    + StoryStore
    + ExperimentStore
    + RunStore
    + SnapshotStore
    + ReplicaStore
    + CheckStore
    + UsageStore
    + BakeStore
    + BlockStore
    + ComparisonStore
    + PerformanceStore
    + LineageStore
    + HistoryStore
    + EnvironmentStore
    + CardStore
    + OutboxStore
    + ScoringBatchStore
    + SignatureStore
    + SettingsStore
    + std::fmt::Debug
{
    /// Finishes what is under way and closes the database.
    async fn close(&self);
}

/// Items of a page, and the cursor after the last one if there are more.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// In the listing's order.
    pub items: Vec<T>,
    /// Where the next page begins.
    pub next: Option<String>,
}

/// The audit, and the requests it remembers.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// What an earlier request with this key led to.
    async fn recorded(&self, tenant: &TenantId, action: &str, request_id: &str) -> Result<Option<Recorded>>;
    /// Writes an entry of its own: a refused attempt.
    async fn record(&self, entry: &AuditEntry) -> Result<()>;
    /// Entries that pass a search, newest first.
    async fn audit(&self, tenant: &TenantId, search: &AuditSearch, page: &PageRequest) -> Result<Page<AuditRecord>>;
    /// At most `limit` entries after `sequence`, oldest first; `None` stands for one that cannot be read.
    async fn audit_after(
        &self,
        tenant: &TenantId,
        sequence: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Option<AuditRecord>)>>;
    /// The last entry that was written, as the database remembers it apart from the entries.
    async fn audit_head(&self, tenant: &TenantId) -> Result<Head>;
}

/// Models.
#[async_trait]
pub trait ModelStore: Send + Sync {
    /// One model with what is current of it.
    async fn model(&self, tenant: &TenantId, name: &ModelName) -> Result<Option<ModelView>>;
    /// Models in order of their names.
    async fn models(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<ModelView>>;
    /// Writes description and tags; `Conflict` if the model is no longer at revision `base`.
    async fn update_model(&self, tenant: &TenantId, model: &Model, base: u64, entry: &AuditEntry) -> Result<()>;
    /// `Conflict` if the name is taken.
    async fn create_model(&self, tenant: &TenantId, model: &Model, entry: &AuditEntry) -> Result<()>;
}

/// Versions and the verdicts on them.
#[async_trait]
pub trait VersionStore: Send + Sync {
    /// One version with what points at it.
    async fn version(&self, tenant: &TenantId, model: &ModelName, number: VersionNumber)
    -> Result<Option<VersionView>>;
    /// The number of the version with this label.
    async fn number_of_label(&self, tenant: &TenantId, model: &ModelName, label: &str)
    -> Result<Option<VersionNumber>>;
    /// The latest number with this content.
    async fn number_of_digest(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        digest: Digest,
    ) -> Result<Option<VersionNumber>>;
    /// Versions that pass a search, in its order.
    async fn search_versions(
        &self,
        tenant: &TenantId,
        search: &VersionSearch,
        page: &PageRequest,
    ) -> Result<Page<VersionView>>;
    /// Writes description, tags and metadata; `Conflict` if the version is no longer at edition `base`.
    async fn update_version(&self, tenant: &TenantId, version: &Version, base: u64, entry: &AuditEntry) -> Result<()>;
    /// Makes a version failed; `Conflict` if it is the champion of a slot.
    async fn fail_version(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        number: VersionNumber,
        entry: &AuditEntry,
    ) -> Result<()>;
    /// Gives the next number and a label, and creates the model on the way. Numbers have no gaps.
    async fn create_version(
        &self,
        tenant: &TenantId,
        version: &CreateVersion,
        size_bytes: u64,
        entry: &AuditEntry,
    ) -> Result<Version>;
    /// Stores a verdict; a passed one makes the version validated. `Conflict` if its report is there already.
    async fn record_validation(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        number: VersionNumber,
        validation: &Validation,
        entry: &AuditEntry,
    ) -> Result<()>;
}

/// Aliases and what replicas serve.
#[async_trait]
pub trait AliasStore: Send + Sync {
    /// One alias.
    async fn alias(&self, tenant: &TenantId, model: &ModelName, slot: &Slot, name: &AliasName)
    -> Result<Option<Alias>>;
    /// One alias with what it points at.
    async fn resolved_alias(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        slot: &Slot,
        name: &AliasName,
    ) -> Result<Option<ResolvedAlias>>;
    /// Aliases of a model with what they point at, in order of slot and name.
    async fn aliases(&self, tenant: &TenantId, model: &ModelName, page: &PageRequest) -> Result<Page<ResolvedAlias>>;
    /// What the slot's aliases answer beside this one.
    async fn split_among_others(&self, tenant: &TenantId, alias: &Alias) -> Result<Share>;
    /// Returns the generation that it makes; `Conflict` if the alias is no longer at the revision the change was decided on, or the
    /// aliases of its slot would answer more than all requests.
    async fn commit_alias(&self, tenant: &TenantId, change: &AliasChange, entry: &AuditEntry) -> Result<u64>;
    /// Every alias and the generation, read at one moment.
    async fn serving_table(&self, tenant: &TenantId) -> Result<ServingTable>;
    /// The generation alone.
    async fn generation(&self, tenant: &TenantId) -> Result<u64>;
}

/// Moves of champions.
#[async_trait]
pub trait PromotionStore: Send + Sync {
    /// One promotion.
    async fn promotion(&self, tenant: &TenantId, promotion_id: &str) -> Result<Option<Promotion>>;
    /// Promotions that pass a filter, newest first.
    async fn promotions(
        &self,
        tenant: &TenantId,
        filter: &PromotionFilter,
        page: &PageRequest,
    ) -> Result<Page<Promotion>>;
    /// The latest promotion that a call with this key began.
    async fn promotion_of_request(&self, tenant: &TenantId, request_id: &str) -> Result<Option<Promotion>>;
    /// Writes down the intent before any replica is asked.
    async fn begin_promotion(&self, tenant: &TenantId, promotion: &Promotion, news: &[PromotionEvent]) -> Result<()>;
    /// Keeps a move that was refused before it began.
    async fn refuse_promotion(&self, tenant: &TenantId, promotion: &Promotion, entry: &AuditEntry) -> Result<()>;
    /// The commit: alias, reign, generation, promotion, events and audit in one transaction. Everything that the move was
    /// decided on is compared in it. `entries` are the audit's lines, that of the caller's request last. Returns the generation.
    async fn commit_promotion(
        &self,
        tenant: &TenantId,
        promotion: &Promotion,
        entries: &[AuditEntry],
        news: &[PromotionEvent],
    ) -> std::result::Result<u64, CommitError>;
    /// Ends a promotion that moved nothing. `Conflict` if it is no longer preparing.
    async fn end_promotion(
        &self,
        tenant: &TenantId,
        promotion: &Promotion,
        entry: &AuditEntry,
        news: &[PromotionEvent],
    ) -> Result<()>;
    /// Writes what replicas said after the commit. `Conflict` if the promotion is no longer in state `base`.
    async fn record_outcomes(
        &self,
        tenant: &TenantId,
        promotion: &Promotion,
        base: PromotionState,
        news: &[PromotionEvent],
    ) -> Result<()>;
    /// The name of this process, for what it has under way.
    fn process(&self) -> &str;
    /// Whether the process of that name is gone and will finish nothing.
    async fn is_gone(&self, process: &str) -> Result<bool>;
    /// The right to finish what processes that are gone have left, for as long as the answer is kept; `None` while another
    /// process has it.
    async fn reconciler(&self) -> Result<Option<Turn>>;
    /// Promotions in this state, oldest first.
    async fn promotions_in(&self, tenant: &TenantId, state: &str) -> Result<Vec<Promotion>>;
    /// A slot's champions, latest reign first.
    async fn reigns(&self, tenant: &TenantId, model: &ModelName, slot: &Slot) -> Result<Vec<Reign>>;
    /// Whether an alias of any slot pointed at a version at this generation; none does at one that is still to come.
    async fn served_at(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        number: VersionNumber,
        generation: u64,
    ) -> Result<bool>;
}

/// Experiments.
#[async_trait]
pub trait ExperimentStore: Send + Sync {
    /// One experiment by its id.
    async fn experiment(&self, tenant: &TenantId, experiment_id: &str) -> Result<Option<Experiment>>;
    /// One experiment by its name.
    async fn experiment_named(&self, tenant: &TenantId, name: &str) -> Result<Option<Experiment>>;
    /// Experiments of one stage or of any, in order of their names.
    async fn experiments(
        &self,
        tenant: &TenantId,
        stage: Option<Stage>,
        page: &PageRequest,
    ) -> Result<Page<Experiment>>;
    /// `Conflict` if the name is taken.
    async fn create_experiment(&self, tenant: &TenantId, experiment: &Experiment, entry: &AuditEntry) -> Result<()>;
    /// Writes a changed experiment; `Conflict` if it is no longer at the revision the change was made to.
    async fn update_experiment(&self, tenant: &TenantId, experiment: &Experiment, entry: &AuditEntry) -> Result<()>;
}

/// Runs.
#[async_trait]
pub trait RunStore: Send + Sync {
    /// One run.
    async fn run(&self, tenant: &TenantId, run_id: &str) -> Result<Option<Run>>;
    /// Runs that pass a search, in its order.
    async fn search_runs(&self, tenant: &TenantId, search: &Search, page: &PageRequest) -> Result<Page<Run>>;
    /// Every point of one metric, in order of step, then time.
    async fn metric_history(
        &self,
        tenant: &TenantId,
        run_id: &str,
        key: &str,
        page: &PageRequest,
    ) -> Result<Page<MetricPoint>>;
    /// Opens a run and returns the id of its experiment, which is made on the way. `Conflict` if that is deleted.
    async fn create_run(&self, tenant: &TenantId, run: &Run, entry: &AuditEntry) -> Result<String>;
    /// Adds what is new to a run. `Conflict` if the run is no longer at its revision or has one of the parameters by now.
    async fn log_batch(&self, tenant: &TenantId, run: &Run, news: &LogBatch, entry: &AuditEntry) -> Result<()>;
    /// Writes name, description, state and `tags` of a run; `Conflict` if it is no longer at the revision the change was made to.
    async fn update_run(&self, tenant: &TenantId, run: &Run, tags: &TagChange, entry: &AuditEntry) -> Result<()>;
}

/// Snapshots of datasets.
#[async_trait]
pub trait SnapshotStore: Send + Sync {
    /// Records a snapshot, or returns the one recorded before.
    async fn create_snapshot(&self, tenant: &TenantId, snapshot: &Snapshot, entry: &AuditEntry) -> Result<Snapshot>;
    /// Snapshots of a dataset, newest first.
    async fn snapshots(&self, tenant: &TenantId, dataset: &Name, page: &PageRequest) -> Result<Page<Snapshot>>;
}

/// Replicas. Leases come and go by the second and are not audited.
#[async_trait]
pub trait ReplicaStore: Send + Sync {
    /// Replicas in order of their names whose lease ends after `since`.
    async fn replicas(&self, tenant: &TenantId, since: Timestamp, page: &PageRequest) -> Result<Page<Replica>>;
    /// Takes a lease; a replica of that name is replaced.
    async fn register_replica(&self, tenant: &TenantId, replica: &Replica) -> Result<()>;
    /// Renews a lease; `false` if there is none that still runs `now`.
    async fn renew_lease(
        &self,
        tenant: &TenantId,
        name: &Name,
        beat: &Beat,
        now: Timestamp,
        lease_end: Timestamp,
    ) -> Result<bool>;
    /// Renews the leases of replicas that have said which generation they serve, in one transaction; others are left alone.
    async fn renew_leases(
        &self,
        tenant: &TenantId,
        served: &[(Name, u64)],
        now: Timestamp,
        lease_end: Timestamp,
    ) -> Result<()>;
    /// Gives a lease back.
    async fn release_lease(&self, tenant: &TenantId, name: &Name, now: Timestamp) -> Result<()>;
}
