use lineal_db::StoreError;
use lineal_kernel::{AliasName, Digest, Slot};
use lineal_registry::domain::{
    alias::{Alias, AliasChange, ResolvedAlias},
    audit::AuditSearch,
};

use crate::fixture::{NOW, Store, entry, every, first_page, model, number, promote, register_many, slot, tenant};

fn alias(slot_text: &str, name: &str, n: u64, revision: u64) -> Alias {
    Alias {
        model: model("churn"),
        slot: slot(slot_text),
        name: AliasName::new(name).unwrap(),
        number: number(n),
        generation: 0,
        revision,
        updated: NOW,
    }
}

async fn set(store: &Store, alias: &Alias, base_revision: u64) -> Result<(), StoreError> {
    let change = AliasChange { alias: alias.clone(), base_revision };
    store.commit_alias(&tenant(), &change, &entry("set_alias")).await
}

async fn read(store: &Store, name: &str) -> Option<Alias> {
    let name = AliasName::new(name).unwrap();
    store.alias(&tenant(), &model("churn"), &Slot::default(), &name).await.unwrap()
}

pub(crate) async fn an_alias_moves_only_from_the_revision_that_was_seen(store: &Store) {
    // F8
    register_many(store, "churn", 3).await;
    let first = alias("", "candidate", 1, 1);
    set(store, &first, 0).await.unwrap();
    let second = alias("", "candidate", 2, 2);
    set(store, &second, 1).await.unwrap();
    let lines = store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items;
    for base_revision in [0, 1, 3] {
        let late = set(store, &alias("", "candidate", 3, base_revision + 1), base_revision).await;
        assert!(matches!(late, Err(StoreError::Conflict)), "from {base_revision}: {late:?}");
    }
    assert_eq!(read(store, "candidate").await, Some(second));
    assert_eq!(store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items, lines);
}

pub(crate) async fn an_alias_points_at_versions_that_exist(store: &Store) {
    register_many(store, "churn", 1).await;
    assert!(set(store, &alias("", "candidate", 2, 1), 0).await.is_err());
    assert_eq!(read(store, "candidate").await, None);
}

pub(crate) async fn an_alias_is_read_with_what_it_points_at(store: &Store) {
    // F8
    register_many(store, "churn", 2).await;
    let candidate = alias("", "candidate", 2, 1);
    set(store, &candidate, 0).await.unwrap();
    let resolve = |name: &str| {
        let name = AliasName::new(name).unwrap();
        async move { store.resolved_alias(&tenant(), &model("churn"), &Slot::default(), &name).await.unwrap() }
    };
    let digest = Digest::of(b"churn");
    let expected = ResolvedAlias { alias: candidate, digest, run_id: "run-1".to_owned() };
    assert_eq!(resolve("candidate").await, Some(expected.clone()));
    assert_eq!(resolve("champion").await, None);
    assert_eq!(store.aliases(&tenant(), &model("churn"), &first_page()).await.unwrap().items, [expected]);
}

pub(crate) async fn aliases_are_listed_by_slot_and_name(store: &Store) {
    register_many(store, "churn", 1).await;
    let places = [("a=1,b=2", "x"), ("a=1", "y"), ("a=1", "x"), ("", "z"), ("a=1-x", "a"), ("", "b"), ("a=1.5", "k")];
    for (slot_text, name) in places {
        set(store, &alias(slot_text, name, 1, 1), 0).await.unwrap();
    }
    promote(store, ("churn", ""), 0, 1).await;
    let mut sorted: Vec<(&str, &str)> = places.into_iter().chain([("", "champion")]).collect();
    sorted.sort_unstable();
    for size in [1, 3, 8] {
        let found = every(size, |page| async move { store.aliases(&tenant(), &model("churn"), &page).await }).await;
        let found: Vec<(String, String)> =
            found.into_iter().map(|found| (found.alias.slot.to_string(), found.alias.name.to_string())).collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(slot, name)| (slot.as_str(), name.as_str())).collect();
        assert_eq!(found, sorted, "in pages of {size}");
    }
}
