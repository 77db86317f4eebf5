use lineal_kernel::{AliasName, ModelName, Timestamp, Traffic};
use lineal_registry::domain::{
    alias::{Alias, AliasChange},
    audit::AuditEntry,
    check::Check,
    display::DisplayState,
    promotion::PromotionKind,
    version::{Version, VersionView},
    version_search::VersionSearch,
};
use serde_json::json;

use crate::fixture::{
    NOW, Store, carry_out, entry, every, first_page, intent, model, number, promote, register, register_many, slot,
    tenant, validation, version,
};
use crate::{runs::words, versions::metadata};

const CHURN: (&str, &str) = ("churn", "");

fn within(model: Option<ModelName>, filter: &str, order: &str) -> VersionSearch {
    VersionSearch { model, filter: filter.parse().unwrap(), order: order.parse().unwrap() }
}

/// Versions that a search finds, in its order, the same in pages of every size.
async fn found(store: &Store, search: &VersionSearch) -> Vec<VersionView> {
    let all = store.search_versions(&tenant(), search, &first_page()).await.unwrap().items;
    if !all.is_empty() {
        for size in [1, 2, 3] {
            let paged = every(size, |page| async move { store.search_versions(&tenant(), search, &page).await }).await;
            assert_eq!(paged, all, "{search:?} in pages of {size}");
        }
    }
    all
}

async fn numbers(store: &Store, filter: &str, order: &str) -> Vec<u64> {
    let found = found(store, &within(Some(model("churn")), filter, order)).await;
    found.iter().map(|view| view.version.number.get()).collect()
}

async fn measured(store: &Store, metrics: &[(&str, f64)]) -> Version {
    let mut wish = version("churn");
    wish.metrics = metrics.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect();
    store.create_version(&tenant(), &wish, 42, &entry("create_version")).await.unwrap()
}

pub(crate) async fn every_comparison_finds_its_versions(store: &Store) {
    // F10
    for (second, (team, auc)) in (0..).zip([("growth", 0.7), ("it's", 0.9), ("", 0.8)]) {
        let mut wish = version("churn");
        wish.metrics = [("auc".to_owned(), auc), ("a.b c".to_owned(), auc)].into();
        wish.tags = if team.is_empty() { words(&[]) } else { words(&[("team", team)]) };
        wish.lineage.run_id = format!("run-{second}");
        wish.family = if second == 0 { "forest".into() } else { "poisson".into() };
        let moment = Timestamp::from_micros(NOW.micros() + second * 1_000_000);
        let line = AuditEntry { created: moment, ..entry("create_version") };
        store.create_version(&tenant(), &wish, 42, &line).await.unwrap();
    }
    register(store, "fraud").await;
    let verdict = validation("report-1", true, "");
    store.record_validation(&tenant(), &model("churn"), number(2), &verdict, &entry("validate")).await.unwrap();
    let digest = format!("digest = '{}'", version("churn").digest);
    for (filter, expected) in [
        ("metrics.auc = 0.8", vec![3]),
        ("metrics.auc != 0.8", vec![2, 1]),
        ("metrics.auc < 0.8", vec![1]),
        ("metrics.auc <= 0.8", vec![3, 1]),
        ("metrics.auc > 0.7 and metrics.auc < 0.9", vec![3]),
        ("metrics.\"a.b c\" >= 0.8", vec![3, 2]),
        ("metrics.nothing != 1", vec![]),
        ("tags.team = 'it''s'", vec![2]),
        ("tags.team != 'growth'", vec![2]),
        ("tags.\"x' OR 1=1 --\" = ''", vec![]),
        ("number >= 2", vec![3, 2]),
        ("number != 2", vec![3, 1]),
        ("created > '2025-01-15T14:30:22Z'", vec![3, 2]),
        ("created <= '2025-01-15T15:30:23+01:00'", vec![2, 1]),
        ("family = 'forest'", vec![1]),
        ("label = 'poisson-20250115-143023'", vec![2]),
        ("run_id = 'run-2'", vec![3]),
        (&digest, vec![3, 2, 1]),
        ("state = 'validated'", vec![2]),
        ("state != 'validated'", vec![3, 1]),
        ("model = 'fraud'", vec![]),
    ] {
        assert_eq!(numbers(store, filter, "").await, expected, "{filter}");
    }
}

pub(crate) async fn metadata_is_found_by_the_keys_that_lead_to_it(store: &Store) {
    // F25
    for kept in [
        json!({"owner": {"team": "growth", "on call": 2}, "markets": ["de", "fr"], "live": true}),
        json!({"owner": {"team": "risk", "on call": 3}, "markets": ["fr"], "live": "true"}),
        json!({"owner.team": "growth", "live": 1}),
    ] {
        let mut wish = version("churn");
        wish.metadata = metadata(&kept);
        store.create_version(&tenant(), &wish, 42, &entry("create_version")).await.unwrap();
    }
    for (filter, expected) in [
        ("metadata.owner.team = 'growth'", vec![1]),
        ("metadata.\"owner.team\" = 'growth'", vec![3]),
        ("metadata.owner.\"on call\" > 2", vec![2]),
        ("metadata.owner.\"on call\" != 2", vec![2]),
        ("metadata.markets = 'fr'", vec![2, 1]),
        ("metadata.markets = 'de' and metadata.markets = 'fr'", vec![1]),
        ("metadata.live = true", vec![1]),
        ("metadata.live != true", vec![]),
        ("metadata.live = 'true'", vec![2]),
        ("metadata.live = 1", vec![3]),
        ("metadata.owner = 'growth'", vec![]),
    ] {
        assert_eq!(numbers(store, filter, "").await, expected, "{filter}");
    }
    // A change takes the old values out of searches.
    let old = store.version(&tenant(), &model("churn"), number(1)).await.unwrap().unwrap().version;
    let metadata = metadata(&json!({"owner": {"team": "ops"}}));
    let changed = Version { metadata, tags: words(&[]), edition: 2, ..old };
    store.update_version(&tenant(), &changed, 1, &entry("update_version")).await.unwrap();
    assert!(numbers(store, "metadata.owner.team = 'growth'", "").await.is_empty());
    assert_eq!(numbers(store, "metadata.owner.team = 'ops'", "").await, [1]);
    assert_eq!(numbers(store, "tags.environment = 'uat'", "").await, [3, 2]);
    assert_eq!(numbers(store, "metrics.auc > 0", "").await, [3, 2, 1]);
}

pub(crate) async fn every_order_of_versions_is_whole_in_pages(store: &Store) {
    for auc in [Some(0.8), None, Some(0.9), Some(0.8), None, Some(-1.0)] {
        measured(store, auc.map(|auc| ("auc", auc)).as_slice()).await;
    }
    for (order, expected) in [
        ("", [6, 5, 4, 3, 2, 1]),
        ("number asc", [1, 2, 3, 4, 5, 6]),
        ("created", [1, 2, 3, 4, 5, 6]),
        ("created desc", [6, 5, 4, 3, 2, 1]),
        ("metrics.auc desc", [3, 1, 4, 6, 2, 5]),
        ("metrics.auc asc", [6, 1, 4, 3, 2, 5]),
        ("metrics.nothing desc", [1, 2, 3, 4, 5, 6]),
    ] {
        assert_eq!(numbers(store, "", order).await, expected, "{order}");
    }
    assert_eq!(numbers(store, "number > 3", "metrics.auc desc").await, [4, 6, 5]);
}

pub(crate) async fn the_best_five_of_twenty_come_in_order_and_ties_by_age(store: &Store) {
    // F40
    for n in 1..=20_u32 {
        let f1 = match n {
            7 | 13 => 0.95,
            11 => 0.94,
            3 | 17 => 0.93,
            n => f64::from(n) / 100.0,
        };
        measured(store, &[("f1", f1)]).await;
    }
    let mut page = first_page();
    page.size = 5;
    let search = within(Some(model("churn")), "", "metrics.f1 desc");
    let top = store.search_versions(&tenant(), &search, &page).await.unwrap().items;
    assert_eq!(top.iter().map(|view| view.version.number.get()).collect::<Vec<_>>(), [7, 13, 11, 3, 17]);
    assert_eq!(numbers(store, "metrics.f1 > 0.5", "").await.len(), 5);
}

pub(crate) async fn words_for_people_are_the_same_in_searches_and_in_hand(store: &Store) {
    // F12, F13
    register_many(store, "churn", 7).await;
    for (from, to) in [(0, 1), (1, 2), (2, 3)] {
        promote(store, CHURN, from, to).await;
    }
    carry_out(store, &intent(PromotionKind::Rollback, CHURN, 3, 2)).await.unwrap();
    promote(store, ("churn", "regime=a"), 0, 6).await;
    // 5, and also the champion of a slot, are tried on a part of the traffic.
    for (slot_text, n) in [("", 5), ("regime=a", 2)] {
        let alias = Alias {
            model: model("churn"),
            slot: slot(slot_text),
            name: AliasName::new("canary").unwrap(),
            number: number(n),
            traffic: Traffic::None,
            generation: 0,
            revision: 1,
            updated: NOW,
        };
        let change = AliasChange { alias, base_revision: 0 };
        store.commit_alias(&tenant(), &change, &entry("set_alias")).await.unwrap();
    }
    let expected = [
        (DisplayState::Production, vec![6, 2]),
        (DisplayState::RollbackCandidate, vec![1]),
        (DisplayState::Archived, vec![3]),
        (DisplayState::Failed, vec![]),
        (DisplayState::Canary, vec![5]),
        (DisplayState::Staging, vec![7, 4]),
    ];
    for (state, expected) in expected {
        let filter = format!("display_state = '{}'", state.word());
        for view in found(store, &within(Some(model("churn")), &filter, "")).await {
            assert_eq!(view.display_state(), state, "{}", view.version.number);
        }
        assert_eq!(numbers(store, &filter, "").await, expected, "{filter}");
        let others = numbers(store, &format!("display_state != '{}'", state.word()), "").await;
        assert_eq!(others, (1..=7).rev().filter(|n| !expected.contains(n)).collect::<Vec<_>>(), "not {filter}");
    }
    // Whoever left healthy is no way back once its files are damaged.
    let damage = Check { time: NOW, problem: "model.bin".into() };
    store.record_check(&tenant(), version("churn").digest, &damage, None).await.unwrap();
    assert!(numbers(store, "display_state = 'rollback_candidate'", "").await.is_empty());
    assert_eq!(numbers(store, "display_state = 'archived'", "").await, [3, 1]);
    let former = store.version(&tenant(), &model("churn"), number(1)).await.unwrap().unwrap();
    assert_eq!(former.display_state(), DisplayState::Archived);
}

pub(crate) async fn all_models_are_searched_at_once(store: &Store) {
    for (second, name) in (0..).zip(["fraud", "churn", "fraud", "goals"]) {
        let moment = Timestamp::from_micros(NOW.micros() + second / 2);
        let line = AuditEntry { created: moment, ..entry("create_version") };
        store.create_version(&tenant(), &version(name), 42, &line).await.unwrap();
    }
    for (filter, order, expected) in [
        ("", "created desc", "fraud/2 goals/1 fraud/1 churn/1"),
        ("", "number asc", "churn/1 fraud/1 goals/1 fraud/2"),
        ("", "metrics.auc desc", "churn/1 fraud/1 goals/1 fraud/2"),
        ("run_id = 'run-1' and model != 'goals'", "created", "churn/1 fraud/1 fraud/2"),
        ("display_state = 'staging' and number = 2", "", "fraud/2"),
    ] {
        let found = found(store, &within(None, filter, order)).await;
        let names = found.iter().map(|view| format!("{}/{}", view.version.model, view.version.number));
        assert_eq!(names.collect::<Vec<_>>().join(" "), expected, "{filter} {order}");
    }
}
