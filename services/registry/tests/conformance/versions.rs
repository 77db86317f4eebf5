use std::collections::BTreeSet;

use futures::future::join_all;
use lineal_db::StoreError;
use lineal_kernel::Digest;
use lineal_registry::domain::{
    audit::AuditSearch,
    display::DisplayState,
    metadata::Metadata,
    validation::Validation,
    version::{Version, VersionState, VersionView},
    version_search::VersionSearch,
};
use serde_json::{Value, json};

use crate::fixture::{
    NOW, Store, entry, entry_of, every, first_page, model, number, promote, register, register_many, tenant,
    validation, version,
};

pub(crate) fn metadata(value: &Value) -> Metadata {
    Metadata::new(value.as_object().unwrap().clone()).unwrap()
}

async fn view(store: &Store, model_name: &str, n: u64) -> VersionView {
    store.version(&tenant(), &model(model_name), number(n)).await.unwrap().unwrap()
}

async fn record(store: &Store, verdict: &Validation) -> Result<(), StoreError> {
    store.record_validation(&tenant(), &model("churn"), number(1), verdict, &entry("record_validation")).await
}

pub(crate) async fn numbers_have_no_gaps_under_concurrent_registrations(store: &Store) {
    // F2
    let registrations = (0..50).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { register(&store, "churn").await })
    });
    let made: Vec<Version> = join_all(registrations).await.into_iter().map(Result::unwrap).collect();
    let numbers: BTreeSet<u64> = made.iter().map(|version| version.number.get()).collect();
    assert_eq!(numbers, (1..=50).collect());
    let labels: BTreeSet<&str> = made.iter().map(|version| version.label.as_str()).collect();
    assert_eq!(labels.len(), 50);
    assert_eq!(store.model(&tenant(), &model("churn")).await.unwrap().unwrap().model.latest_version, 50);
}

pub(crate) async fn a_failed_registration_takes_no_number(store: &Store) {
    // F2
    let wish = version("churn");
    let first = store.create_version(&tenant(), &wish, 42, &entry_of("create_version", "r1")).await.unwrap();
    let again = store.create_version(&tenant(), &wish, 42, &entry_of("create_version", "r1")).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    let next = register(store, "churn").await;
    assert_eq!((first.number.get(), next.number.get()), (1, 2));
    let all = VersionSearch::of(wish.model);
    assert_eq!(store.search_versions(&tenant(), &all, &first_page()).await.unwrap().items.len(), 2);
}

pub(crate) async fn labels_are_unique_within_one_second(store: &Store) {
    // F1
    let labels = [
        register(store, "goals").await.label,
        register(store, "goals").await.label,
        register(store, "shots").await.label,
    ];
    assert_eq!(labels, ["poisson-20250115-143022", "poisson-20250115-143022-2", "poisson-20250115-143022-3"]);
    for n in 4..=40 {
        assert_eq!(register(store, "goals").await.label, format!("poisson-20250115-143022-{n}"));
    }
}

pub(crate) async fn a_model_groups_its_versions(store: &Store) {
    // F3, F10
    register_many(store, "ngm-churn-model", 5).await;
    register_many(store, "fraud", 2).await;
    for size in [1, 2, 5] {
        let churn = model("ngm-churn-model");
        let found = every(size, |page| {
            let search = VersionSearch::of(churn.clone());
            async move { store.search_versions(&tenant(), &search, &page).await }
        });
        let found = found.await;
        assert!(found.iter().all(|view| view.version.model == churn));
        let numbers: Vec<u64> = found.iter().map(|view| view.version.number.get()).collect();
        assert_eq!(numbers, [5, 4, 3, 2, 1], "in pages of {size}");
    }
}

pub(crate) async fn a_version_reads_back_as_it_was_written(store: &Store) {
    // F4, F15, F18-F20, F40
    let upstream = register(store, "poisson").await;
    let mut wish = version("blending");
    wish.upstreams = vec![(upstream.model, upstream.number)];
    wish.lineage.parent_number = 7;
    wish.metadata = metadata(&json!({"a": {"b": [1.5, -0.0, 5e-324, "ü", null, true, {}, []]}, "a.b": 1e300}));
    let made = store.create_version(&tenant(), &wish, 42, &entry("create_version")).await.unwrap();
    let read = view(store, "blending", 1).await;
    assert_eq!(read.version, made);
    assert_eq!(
        read.version,
        Version {
            model: wish.model,
            number: number(1),
            label: "poisson-20250115-143022-2".into(),
            family: wish.family,
            digest: wish.digest,
            size_bytes: 42,
            state: VersionState::Trained,
            metrics: wish.metrics,
            description: wish.description,
            tags: wish.tags,
            upstreams: wish.upstreams,
            lineage: wish.lineage,
            metadata: wish.metadata,
            source: wish.source,
            run_link: wish.run_link,
            created: NOW,
            edition: 1,
        }
    );
    assert!(read.aliases.is_empty() && read.reigns.is_empty() && read.validations.is_empty() && read.run.is_none());
    assert_eq!(store.version(&tenant(), &model("blending"), number(2)).await.unwrap(), None);
}

pub(crate) async fn a_label_or_a_digest_finds_its_version(store: &Store) {
    // F9
    register_many(store, "churn", 2).await;
    register(store, "fraud").await;
    let churn = model("churn");
    let by_label = |label: &'static str| {
        let churn = churn.clone();
        async move { store.number_of_label(&tenant(), &churn, label).await.unwrap() }
    };
    assert_eq!(by_label("poisson-20250115-143022").await, Some(number(1)));
    assert_eq!(by_label("poisson-20250115-143022-2").await, Some(number(2)));
    assert_eq!(by_label("poisson-20250115-143022-3").await, None, "that one is of another model");
    let by_digest = |digest: Digest| {
        let churn = churn.clone();
        async move { store.number_of_digest(&tenant(), &churn, digest).await.unwrap() }
    };
    assert_eq!(by_digest(Digest::of(b"churn")).await, Some(number(2)), "the latest of equal content");
    assert_eq!(by_digest(Digest::of(b"fraud")).await, None);
}

pub(crate) async fn a_passed_verdict_validates_and_a_later_failed_one_takes_nothing_back(store: &Store) {
    // F11
    register_many(store, "churn", 2).await;
    record(store, &validation("report-1", false, "")).await.unwrap();
    assert_eq!(view(store, "churn", 1).await.version.state, VersionState::Trained);
    record(store, &validation("report-2", true, "")).await.unwrap();
    assert_eq!(view(store, "churn", 1).await.version.state, VersionState::Validated);
    record(store, &validation("report-3", false, "")).await.unwrap();
    let last = view(store, "churn", 1).await;
    assert_eq!(last.version.state, VersionState::Validated);
    assert_eq!(last.validations, [validation("report-3", false, "")]);
    assert_eq!(view(store, "churn", 2).await.version.state, VersionState::Trained);
}

pub(crate) async fn a_version_fails_for_good_unless_it_reigns(store: &Store) {
    // F12
    register_many(store, "churn", 2).await;
    promote(store, ("churn", ""), 0, 1).await;
    let fail = async |n| store.fail_version(&tenant(), &model("churn"), number(n), &entry("fail_version")).await;
    let reigning = fail(1).await;
    assert!(matches!(reigning, Err(StoreError::Conflict)), "{reigning:?}");
    fail(2).await.unwrap();
    let verdict = validation("report-1", true, "");
    store
        .record_validation(&tenant(), &model("churn"), number(2), &verdict, &entry("record_validation"))
        .await
        .unwrap();
    let states = [view(store, "churn", 1).await, view(store, "churn", 2).await].map(|view| view.display_state());
    assert_eq!(states, [DisplayState::Production, DisplayState::Failed]);
}

pub(crate) async fn each_slot_keeps_its_own_latest_verdict(store: &Store) {
    // F14
    register(store, "churn").await;
    for (report, passed, slot) in [("1", false, "regime=a"), ("2", true, "regime=a"), ("3", false, "regime=b")] {
        record(store, &validation(report, passed, slot)).await.unwrap();
    }
    let expected = [validation("3", false, "regime=b"), validation("2", true, "regime=a")];
    assert_eq!(view(store, "churn", 1).await.validations, expected);
}

pub(crate) async fn a_report_is_stored_once(store: &Store) {
    register(store, "churn").await;
    record(store, &validation("report-1", false, "")).await.unwrap();
    let again = record(store, &validation("report-1", true, "")).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    let kept = view(store, "churn", 1).await;
    assert_eq!(kept.version.state, VersionState::Trained);
    assert_eq!(kept.validations, [validation("report-1", false, "")]);
    assert_eq!(store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items.len(), 2);
}

pub(crate) async fn a_version_changes_only_from_what_was_seen(store: &Store) {
    // F25
    let made = register(store, "churn").await;
    let kept = metadata(&json!({"owner": {"team": "growth"}}));
    let changed = Version { description: "monthly".into(), metadata: kept, edition: 2, ..made };
    store.update_version(&tenant(), &changed, 1, &entry_of("update_version", "u1")).await.unwrap();
    let late = store.update_version(&tenant(), &changed, 1, &entry("update_version")).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    assert_eq!(view(store, "churn", 1).await.version, changed);
    let found = store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items;
    assert_eq!((found.len(), found[0].action.as_str(), found[0].subject.as_str()), (2, "update_version", "1"));
}
