//! Valid things to store, and a walk through pages.

use std::{collections::BTreeMap, sync::Arc};

use lineal_db::{DatabaseUrl, StoreError};
use lineal_kernel::{
    AliasName, Caller, Digest, ModelName, Name, PageRequest, RequestId, Slot, TenantId, Timestamp, VersionNumber,
};
use lineal_registry::{
    domain::{
        audit::{AuditEntry, Request},
        lineage::{Lineage, Recipe},
        metadata::Metadata,
        promotion::{Promotion, PromotionKind, PromotionState, ReloadPolicy},
        validation::Validation,
        version::{CreateVersion, Version},
    },
    store::{CommitError, Page, PostgresStore, RegistryStore, SqliteStore},
};
use tempfile::TempDir;

pub(crate) type Store = Arc<dyn RegistryStore>;

/// 2025-01-15T14:30:22Z
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_736_951_422_000_000);

pub(crate) async fn sqlite() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&DatabaseUrl::Sqlite(folder.path().join("registry.db"))).await.unwrap();
    (Arc::new(store), folder)
}

/// A schema of its own in the PostgreSQL that `tests/with-postgres` started. Without one the tests fail: a backend that is skipped
/// by accident keeps no promise.
#[allow(clippy::disallowed_methods, reason = "the tests' own setting")]
pub(crate) fn postgres_url() -> DatabaseUrl {
    let server = std::env::var("LINEAL_TEST_POSTGRES").unwrap_or_default();
    assert!(
        !server.is_empty(),
        "LINEAL_TEST_POSTGRES names no server; run `make test`, or tests/with-postgres COMMAND"
    );
    let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
    DatabaseUrl::Postgres { url: server, schema }
}

pub(crate) async fn postgres() -> (Store, ()) {
    (Arc::new(PostgresStore::open(&postgres_url()).await.unwrap()), ())
}

pub(crate) fn tenant() -> TenantId {
    TenantId::default()
}

pub(crate) fn model(name: &str) -> ModelName {
    ModelName::new(name).unwrap()
}

pub(crate) fn number(number: u64) -> VersionNumber {
    VersionNumber::new(number).unwrap()
}

pub(crate) fn slot(text: &str) -> Slot {
    Slot::parse(text).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn entry(action: &'static str) -> AuditEntry {
    AuditEntry::new(&Caller::service("test"), NOW, action)
}

/// An entry that is the record of request `id`.
pub(crate) fn entry_of(action: &'static str, id: &str) -> AuditEntry {
    let id = RequestId::new(id).unwrap();
    entry(action).request(Request { fingerprint: Digest::of(id.as_str().as_bytes()), id })
}

pub(crate) fn version(model_name: &str) -> CreateVersion {
    CreateVersion {
        model: model(model_name),
        family: "poisson".into(),
        digest: Digest::of(model_name.as_bytes()),
        metrics: BTreeMap::from([("auc".into(), 0.1 + 0.2), ("log_loss".into(), 1e-300)]),
        lineage: lineage(),
        description: "weekly".into(),
        tags: BTreeMap::from([("environment".into(), "uat".into())]),
        upstreams: Vec::new(),
        metadata: Metadata::default(),
        source: "s3://models/churn".into(),
        run_link: "https://runs.example/1".into(),
        request_id: RequestId::random(),
    }
}

fn lineage() -> Lineage {
    Lineage {
        lineage_id: "l-1".into(),
        run_id: "run-1".into(),
        parent_number: 0,
        data_digest: Digest::of(b"data"),
        reference_digest: Digest::of(b"reference"),
        feature_digest: Digest::of(b"features"),
        hyperparameters_digest: Digest::of(b"hyperparameters"),
        code_version: "0.1.0".into(),
        dataset: "churn".into(),
        recipe: Recipe { split_version: "v3".into(), feature_version: "v2".into(), model_version: "v1".into() },
        training_micros: 1_500_000,
        training_rows: 800,
        validation_rows: 200,
        environment: BTreeMap::from([("os".into(), "linux".into())]),
    }
}

/// Registers the next version of a model.
pub(crate) async fn register(store: &Store, model_name: &str) -> Version {
    store.create_version(&tenant(), &version(model_name), 42, &entry("create_version")).await.unwrap()
}

pub(crate) async fn register_many(store: &Store, model_name: &str, count: usize) {
    for _ in 0..count {
        register(store, model_name).await;
    }
}

pub(crate) fn validation(report_id: &str, passed: bool, slot: &str) -> Validation {
    Validation {
        report_id: report_id.into(),
        passed,
        champion_number: 0,
        reference_digest: Digest::of(b"reference"),
        metrics: BTreeMap::from([("auc".into(), 0.8)]),
        failures: if passed { Vec::new() } else { vec!["auc 0.7 is below 0.75".into()] },
        gates: Vec::new(),
        slot: slot.into(),
        created: Some(NOW),
    }
}

/// The intent to move the champion of a slot; 0 stands for none.
pub(crate) fn intent(kind: PromotionKind, (model_name, slot): (&str, &str), from: u64, to: u64) -> Promotion {
    Promotion {
        promotion_id: uuid::Uuid::now_v7().to_string(),
        kind,
        state: PromotionState::Preparing,
        model: model_name.into(),
        slot: slot.into(),
        from_number: from,
        to_number: to,
        generation: 0,
        report_id: String::new(),
        policy: ReloadPolicy::All,
        actor: "service:test".into(),
        reason: "better".into(),
        replicas: Vec::new(),
        refusal: String::new(),
        created_us: NOW.micros(),
        committed_us: None,
        converged_us: None,
        members: Vec::new(),
        process: String::new(),
        trigger: None,
        evidence: BTreeMap::new(),
        skipped: Vec::new(),
        prepare_timeout_us: 60_000_000,
        under_way: true,
        request_id: String::new(),
        bake: None,
        card: None,
    }
}

/// Begins and commits a move; returns its generation. `Conflict` if it was decided on what is no longer so.
pub(crate) async fn carry_out(store: &Store, promotion: &Promotion) -> Result<u64, StoreError> {
    store.begin_promotion(&tenant(), promotion, &[]).await?;
    let about = entry(promotion.kind.word()).about(&model(&promotion.model), &slot(&promotion.slot), None);
    let committed = store.commit_promotion(&tenant(), promotion, &[about], &[]).await;
    committed.map_err(|error| if let CommitError::Store(error) = error { error } else { StoreError::Conflict })
}

pub(crate) async fn promote(store: &Store, place: (&str, &str), from: u64, to: u64) -> u64 {
    carry_out(store, &intent(PromotionKind::Promote, place, from, to)).await.unwrap()
}

/// The champion's number; 0 for none.
pub(crate) async fn champion(store: &Store, (model_name, slot_text): (&str, &str)) -> u64 {
    let alias = store.alias(&tenant(), &model(model_name), &slot(slot_text), &AliasName::champion()).await.unwrap();
    alias.map_or(0, |alias| alias.number.get())
}

pub(crate) fn first_page() -> PageRequest {
    PageRequest { size: 500, after: None }
}

/// Every item of a listing, read in pages of `size`.
pub(crate) async fn every<T, F>(size: u32, mut fetch: impl FnMut(PageRequest) -> F) -> Vec<T>
where
    F: Future<Output = Result<Page<T>, StoreError>>,
{
    let mut items = Vec::new();
    let mut page = PageRequest { size, after: None };
    loop {
        let found = fetch(page.clone()).await.unwrap();
        assert!(!found.items.is_empty() && found.items.len() <= size as usize, "a page of {}", found.items.len());
        items.extend(found.items);
        match found.next {
            Some(next) => assert_ne!(page.after.replace(next.clone()), Some(next), "the cursor stands still"),
            None => return items,
        }
    }
}
