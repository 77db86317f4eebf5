//! The ports, each method sent through [`Faulty::pass`].

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{AliasName, Digest, ModelName, Name, PageRequest, Share, Slot, TenantId, Timestamp, VersionNumber};
use lineal_registry::{
    domain::{
        alias::{Alias, AliasChange, ResolvedAlias, ServingTable},
        audit::{AuditEntry, AuditRecord, AuditSearch, Recorded},
        bake::Bake,
        block::{Blocks, RecordBlock},
        check::Check,
        comparison::{Comparison, Pair},
        experiment::{Experiment, Stage},
        history::{Occupant, Tenure},
        lineage::{Direction, Edge, Relative, VersionName},
        metric::MetricPoint,
        model::{Model, ModelView},
        outbox::{self, Waiting},
        performance::{PerformanceBucket, PerformanceEntry, RecordPerformance, Window},
        promotion::{Promotion, PromotionFilter, PromotionState},
        reign::Reign,
        replica::{Beat, Replica},
        run::{LogBatch, Run},
        scoring_batch::ScoringBatch,
        seal::Head,
        search::Search,
        settings::{Applied, ModelSettings, Wanted},
        signature::BundleSignature,
        snapshot::Snapshot,
        story::PromotionEvent,
        tags::TagChange,
        usage::{self, UsageReport},
        validation::Validation,
        version::{CreateVersion, Version, VersionView},
        version_search::VersionSearch,
    },
    store::{
        AliasStore, AuditStore, BakeStore, BlockStore, CardRecord, CardStore, CheckStore, CommitError, ComparisonStore,
        EnvironmentStore, ExperimentStore, HistoryStore, Lead, LineageStore, ModelStore, OutboxStore, Page,
        PerformanceStore, PromotionStore, RegistryStore, ReplicaStore, RunStore, ScoringBatchStore, SettingsStore,
        SignatureStore, SnapshotStore, StoryStore, Turn, UsageStore, VersionStore,
    },
};

use super::Faulty;

type Result<T> = std::result::Result<T, StoreError>;

macro_rules! ports {
    ($($port:ident { $(own { $($own:tt)* })? $(pass $method:ident($($name:ident: $type:ty),*) -> $answer:ty;)* })*) => {$(
        #[async_trait]
        impl $port for Faulty {
            $($($own)*)?
            $(async fn $method(&self, $($name: $type),*) -> $answer {
                self.pass(stringify!($method), self.store.$method($($name),*)).await
            })*
        }
    )*};
}

ports! {
    AuditStore {
        pass recorded(tenant: &TenantId, action: &str, request_id: &str) -> Result<Option<Recorded>>;
        pass record(entry: &AuditEntry) -> Result<()>;
        pass audit(tenant: &TenantId, search: &AuditSearch, page: &PageRequest) -> Result<Page<AuditRecord>>;
        pass audit_after(tenant: &TenantId, sequence: u64, limit: u32) -> Result<Vec<(u64, Option<AuditRecord>)>>;
        pass audit_head(tenant: &TenantId) -> Result<Head>;
    }
    ModelStore {
        pass model(tenant: &TenantId, name: &ModelName) -> Result<Option<ModelView>>;
        pass models(tenant: &TenantId, page: &PageRequest) -> Result<Page<ModelView>>;
        pass update_model(tenant: &TenantId, model: &Model, base: u64, entry: &AuditEntry) -> Result<()>;
        pass create_model(tenant: &TenantId, model: &Model, entry: &AuditEntry) -> Result<()>;
    }
    SettingsStore {
        pass apply_settings(tenant: &TenantId, settings: &ModelSettings, entry: &AuditEntry) -> Result<()>;
        pass settings(tenant: &TenantId, model: &ModelName, wanted: Wanted) -> Result<Option<ModelSettings>>;
        pass settings_history(tenant: &TenantId, model: &ModelName, page: &PageRequest) -> Result<Page<Applied>>;
    }
    SignatureStore {
        pass attach_signature(tenant: &TenantId, signature: &BundleSignature, entry: &AuditEntry) -> Result<()>;
        pass signature(tenant: &TenantId, digest: Digest, key: Digest) -> Result<Option<BundleSignature>>;
        pass signatures(tenant: &TenantId, digest: Digest, page: &PageRequest) -> Result<Page<BundleSignature>>;
    }
    VersionStore {
        pass version(tenant: &TenantId, model: &ModelName, number: VersionNumber) -> Result<Option<VersionView>>;
        pass number_of_label(tenant: &TenantId, model: &ModelName, label: &str) -> Result<Option<VersionNumber>>;
        pass number_of_digest(tenant: &TenantId, model: &ModelName, digest: Digest) -> Result<Option<VersionNumber>>;
        pass search_versions(tenant: &TenantId, search: &VersionSearch, page: &PageRequest) -> Result<Page<VersionView>>;
        pass update_version(tenant: &TenantId, version: &Version, base: u64, entry: &AuditEntry) -> Result<()>;
        pass create_version(tenant: &TenantId, version: &CreateVersion, size_bytes: u64, entry: &AuditEntry) -> Result<Version>;
        pass fail_version(tenant: &TenantId, model: &ModelName, number: VersionNumber, entry: &AuditEntry) -> Result<()>;
        pass record_validation(tenant: &TenantId, model: &ModelName, number: VersionNumber, validation: &Validation, entry: &AuditEntry) -> Result<()>;
    }
    AliasStore {
        pass alias(tenant: &TenantId, model: &ModelName, slot: &Slot, name: &AliasName) -> Result<Option<Alias>>;
        pass resolved_alias(tenant: &TenantId, model: &ModelName, slot: &Slot, name: &AliasName) -> Result<Option<ResolvedAlias>>;
        pass aliases(tenant: &TenantId, model: &ModelName, page: &PageRequest) -> Result<Page<ResolvedAlias>>;
        pass split_among_others(tenant: &TenantId, alias: &Alias) -> Result<Share>;
        pass commit_alias(tenant: &TenantId, change: &AliasChange, entry: &AuditEntry) -> Result<u64>;
        pass serving_table(tenant: &TenantId) -> Result<ServingTable>;
        pass generation(tenant: &TenantId) -> Result<u64>;
    }
    PromotionStore {
        own {
            fn process(&self) -> &str {
                self.store.process()
            }
        }
        pass promotion(tenant: &TenantId, promotion_id: &str) -> Result<Option<Promotion>>;
        pass promotions(tenant: &TenantId, filter: &PromotionFilter, page: &PageRequest) -> Result<Page<Promotion>>;
        pass promotion_of_request(tenant: &TenantId, request_id: &str) -> Result<Option<Promotion>>;
        pass begin_promotion(tenant: &TenantId, promotion: &Promotion, news: &[PromotionEvent]) -> Result<()>;
        pass refuse_promotion(tenant: &TenantId, promotion: &Promotion, entry: &AuditEntry) -> Result<()>;
        pass commit_promotion(tenant: &TenantId, promotion: &Promotion, entries: &[AuditEntry], news: &[PromotionEvent]) -> std::result::Result<u64, CommitError>;
        pass end_promotion(tenant: &TenantId, promotion: &Promotion, entry: &AuditEntry, news: &[PromotionEvent]) -> Result<()>;
        pass record_outcomes(tenant: &TenantId, promotion: &Promotion, base: PromotionState, news: &[PromotionEvent]) -> Result<()>;
        pass is_gone(process: &str) -> Result<bool>;
        pass reconciler() -> Result<Option<Turn>>;
        pass promotions_in(tenant: &TenantId, state: &str) -> Result<Vec<Promotion>>;
        pass reigns(tenant: &TenantId, model: &ModelName, slot: &Slot) -> Result<Vec<Reign>>;
        pass served_at(tenant: &TenantId, model: &ModelName, number: VersionNumber, generation: u64) -> Result<bool>;
    }
    ExperimentStore {
        pass experiment(tenant: &TenantId, experiment_id: &str) -> Result<Option<Experiment>>;
        pass experiment_named(tenant: &TenantId, name: &str) -> Result<Option<Experiment>>;
        pass experiments(tenant: &TenantId, stage: Option<Stage>, page: &PageRequest) -> Result<Page<Experiment>>;
        pass create_experiment(tenant: &TenantId, experiment: &Experiment, entry: &AuditEntry) -> Result<()>;
        pass update_experiment(tenant: &TenantId, experiment: &Experiment, entry: &AuditEntry) -> Result<()>;
    }
    RunStore {
        pass run(tenant: &TenantId, run_id: &str) -> Result<Option<Run>>;
        pass search_runs(tenant: &TenantId, search: &Search, page: &PageRequest) -> Result<Page<Run>>;
        pass metric_history(tenant: &TenantId, run_id: &str, key: &str, page: &PageRequest) -> Result<Page<MetricPoint>>;
        pass create_run(tenant: &TenantId, run: &Run, entry: &AuditEntry) -> Result<String>;
        pass log_batch(tenant: &TenantId, run: &Run, news: &LogBatch, entry: &AuditEntry) -> Result<()>;
        pass update_run(tenant: &TenantId, run: &Run, tags: &TagChange, entry: &AuditEntry) -> Result<()>;
    }
    SnapshotStore {
        pass create_snapshot(tenant: &TenantId, snapshot: &Snapshot, entry: &AuditEntry) -> Result<Snapshot>;
        pass snapshots(tenant: &TenantId, dataset: &Name, page: &PageRequest) -> Result<Page<Snapshot>>;
    }
    ReplicaStore {
        pass replicas(tenant: &TenantId, since: Timestamp, page: &PageRequest) -> Result<Page<Replica>>;
        pass register_replica(tenant: &TenantId, replica: &Replica) -> Result<()>;
        pass renew_lease(tenant: &TenantId, name: &Name, beat: &Beat, now: Timestamp, lease_end: Timestamp) -> Result<bool>;
        pass renew_leases(tenant: &TenantId, served: &[(Name, u64)], now: Timestamp, lease_end: Timestamp) -> Result<()>;
        pass release_lease(tenant: &TenantId, name: &Name, now: Timestamp) -> Result<()>;
    }
    BakeStore {
        pass baking(tenant: &TenantId) -> Result<Vec<(Promotion, Bake)>>;
        pass bakes(tenant: &TenantId, promotion_ids: &[String]) -> Result<BTreeMap<String, Bake>>;
        pass end_bake(tenant: &TenantId, bake: &Bake) -> Result<()>;
    }
    BlockStore {
        pass blocks(tenant: &TenantId, model: &ModelName, numbers: &[VersionNumber]) -> Result<BTreeMap<VersionNumber, Blocks>>;
        pass record_block(tenant: &TenantId, block: &RecordBlock, entry: &AuditEntry) -> Result<()>;
    }
    CardStore {
        pass uncarded(tenant: &TenantId, limit: u32) -> Result<Vec<Tenure>>;
        pass record_card(tenant: &TenantId, card: &CardRecord) -> Result<()>;
        pass card(tenant: &TenantId, model: &ModelName, number: VersionNumber) -> Result<Option<CardRecord>>;
    }
    CheckStore {
        pass check(tenant: &TenantId, digest: Digest) -> Result<Option<Check>>;
        pass record_check(tenant: &TenantId, digest: Digest, check: &Check, entry: Option<&AuditEntry>) -> Result<()>;
        pass claim_round(tenant: &TenantId, now: Timestamp, next: Timestamp) -> Result<bool>;
        pass put_off_round(tenant: &TenantId, next: Timestamp) -> Result<()>;
        pass last_reigns(tenant: &TenantId) -> Result<Vec<Reign>>;
    }
    ComparisonStore {
        pass record_comparison(tenant: &TenantId, comparison: &Comparison, entry: &AuditEntry) -> Result<()>;
        pass comparison(tenant: &TenantId, comparison_id: &str) -> Result<Option<Comparison>>;
        pass comparisons(tenant: &TenantId, model: &ModelName, pair: Pair, page: &PageRequest) -> Result<Page<Comparison>>;
    }
    ScoringBatchStore {
        pass record_scoring_batch(tenant: &TenantId, batch: &ScoringBatch, entry: &AuditEntry) -> Result<()>;
        pass scoring_batch(tenant: &TenantId, model: &ModelName, batch_id: &Name) -> Result<Option<ScoringBatch>>;
        pass scoring_batches(tenant: &TenantId, model: &ModelName, slot: Option<&Slot>, page: &PageRequest) -> Result<Page<ScoringBatch>>;
    }
    EnvironmentStore {
        pass claim(environment: &str) -> Result<String>;
    }
    HistoryStore {
        pass occupant(tenant: &TenantId, model: &ModelName, slot: &Slot, moment: Timestamp) -> Result<Occupant>;
        pass tenures(tenant: &TenantId, model: &ModelName, slot: &Slot, page: &PageRequest) -> Result<Page<Tenure>>;
    }
    LineageStore {
        pass edges(tenant: &TenantId, versions: &[VersionName], direction: Direction, limit: u32) -> Result<Vec<Edge>>;
        pass relatives(tenant: &TenantId, versions: &[VersionName]) -> Result<Vec<Relative>>;
        pass versions_named(tenant: &TenantId, versions: &[VersionName]) -> Result<Vec<VersionView>>;
        pass versions_of_run(tenant: &TenantId, run_id: &str) -> Result<Vec<VersionName>>;
    }
    OutboxStore {
        pass waiting(kind: &str, sequence: u64, limit: u32) -> Result<Vec<Waiting>>;
        pass delivered(kind: &str, sequence: u64) -> Result<()>;
        pass trim(kind: &str, most: u64) -> Result<u64>;
        pass totals(kind: &str) -> Result<outbox::Totals>;
        pass lead(duty: &str) -> Result<Option<Lead>>;
    }
    PerformanceStore {
        pass record_performance(tenant: &TenantId, wish: &RecordPerformance, entry: &AuditEntry) -> Result<()>;
        pass performance(tenant: &TenantId, window: &Window, page: &PageRequest) -> Result<Page<PerformanceEntry>>;
        pass performance_buckets(tenant: &TenantId, window: &Window, step: Duration, page: &PageRequest) -> Result<Page<PerformanceBucket>>;
        pass drop_performance(before: Timestamp) -> Result<()>;
    }
    StoryStore {
        pass tell(tenant: &TenantId, promotion_id: &str, news: &[PromotionEvent]) -> Result<()>;
        pass story(tenant: &TenantId, promotion_id: &str, sequence: u64) -> Result<Option<(Promotion, Vec<PromotionEvent>)>>;
    }
    UsageStore {
        pass report_usage(tenant: &TenantId, report: &UsageReport, now: Timestamp) -> Result<()>;
        pass usage(tenant: &TenantId, model: &ModelName, numbers: &[VersionNumber]) -> Result<BTreeMap<VersionNumber, usage::Totals>>;
        pass fold_usage(tenant: &TenantId, silent: Timestamp, forgotten: Timestamp) -> Result<()>;
    }
}

#[async_trait]
impl RegistryStore for Faulty {
    async fn close(&self) {
        self.store.close().await;
    }
}
