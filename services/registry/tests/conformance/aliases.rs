use lineal_db::StoreError;
use lineal_kernel::{AliasName, Digest, Share, Slot, Traffic};
use lineal_registry::domain::{
    alias::{Alias, AliasChange, ResolvedAlias, ServingEntry},
    audit::AuditSearch,
};

use crate::fixture::{NOW, Store, entry, every, first_page, model, number, promote, register_many, slot, tenant};

fn alias(slot_text: &str, name: &str, n: u64, revision: u64) -> Alias {
    Alias {
        model: model("churn"),
        slot: slot(slot_text),
        name: AliasName::new(name).unwrap(),
        number: number(n),
        traffic: Traffic::None,
        generation: 0,
        revision,
        updated: NOW,
    }
}

/// The alias as it is written, with the generation that it makes.
async fn set(store: &Store, alias: &Alias, base_revision: u64) -> Result<Alias, StoreError> {
    let change = AliasChange { alias: alias.clone(), base_revision };
    let entry = entry("set_alias").about(&alias.model, &alias.slot, Some(alias.number)).detail(alias.name.as_str());
    let generation = store.commit_alias(&tenant(), &change, &entry).await?;
    Ok(Alias { generation, ..alias.clone() })
}

async fn read(store: &Store, name: &str) -> Option<Alias> {
    let name = AliasName::new(name).unwrap();
    store.alias(&tenant(), &model("churn"), &Slot::default(), &name).await.unwrap()
}

pub(crate) async fn an_alias_moves_only_from_the_revision_that_was_seen(store: &Store) {
    // F8
    register_many(store, "churn", 3).await;
    let first = set(store, &alias("", "candidate", 1, 1), 0).await.unwrap();
    let second = set(store, &alias("", "candidate", 2, 2), 1).await.unwrap();
    assert_eq!((first.generation, second.generation), (1, 2));
    let lines = store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items;
    for base_revision in [0, 1, 3] {
        let late = set(store, &alias("", "candidate", 3, base_revision + 1), base_revision).await;
        assert!(matches!(late, Err(StoreError::Conflict)), "from {base_revision}: {late:?}");
    }
    assert_eq!(read(store, "candidate").await, Some(second));
    assert_eq!(store.generation(&tenant()).await.unwrap(), 2, "what is refused makes no generation");
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
    let candidate = set(store, &alias("", "candidate", 2, 1), 0).await.unwrap();
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

pub(crate) async fn every_alias_is_served_at_its_generations(store: &Store) {
    // F124, F133
    register_many(store, "churn", 3).await;
    promote(store, ("churn", ""), 0, 1).await; // generation 1
    set(store, &alias("", "canary", 2, 1), 0).await.unwrap(); // 2
    set(store, &alias("a=1", "canary", 3, 1), 0).await.unwrap(); // 3
    set(store, &alias("", "canary", 3, 2), 1).await.unwrap(); // 4
    let table = store.serving_table(&tenant()).await.unwrap();
    let entry =
        |entry: &ServingEntry| (entry.alias.slot.to_string(), entry.alias.name.to_string(), entry.version.number.get());
    let found: Vec<_> = table.entries.iter().map(entry).collect();
    let expected = [("", "canary", 3), ("", "champion", 1), ("a=1", "canary", 3)];
    assert_eq!(found, expected.map(|(slot, name, n)| (slot.to_owned(), name.to_owned(), n)));
    assert_eq!(table.generation, 4);
    let served: [(u64, &[u64]); 3] = [(1, &[1, 2, 3, 4]), (2, &[2, 3]), (3, &[3, 4])];
    for (version, generations) in served {
        for generation in 0..=5 {
            let found = store.served_at(&tenant(), &model("churn"), number(version), generation).await.unwrap();
            assert_eq!(found, generations.contains(&generation), "version {version} at generation {generation}");
        }
    }
}

pub(crate) async fn parts_of_the_requests_are_kept_and_never_exceed_all_of_them(store: &Store) {
    // F139, F140
    register_many(store, "churn", 3).await;
    let part = |slot_text, name, revision, traffic| Alias { traffic, ..alias(slot_text, name, 2, revision) };
    let share = |per_mille| Share::new(per_mille).unwrap();
    let canary = set(store, &part("", "canary", 1, Traffic::Split(share(900))), 0).await.unwrap();
    let shadow = set(store, &part("", "shadow", 1, Traffic::Mirror(share(1000))), 0).await.unwrap();
    set(store, &part("a=1", "canary", 1, Traffic::Split(share(1000))), 0).await.unwrap();
    assert_eq!(
        (read(store, "canary").await, read(store, "shadow").await),
        (Some(canary.clone()), Some(shadow.clone()))
    );
    let arm = |per_mille| part("", "arm", 1, Traffic::Split(share(per_mille)));
    assert_eq!(
        store.split_among_others(&tenant(), &arm(0)).await.unwrap(),
        share(900),
        "of this slot, without mirrors"
    );
    assert_eq!(store.split_among_others(&tenant(), &canary).await.unwrap(), share(0));

    assert!(matches!(set(store, &arm(101), 0).await, Err(StoreError::Conflict)));
    assert_eq!(
        (read(store, "arm").await, store.generation(&tenant()).await.unwrap()),
        (None, 3),
        "nothing is left of it"
    );
    let arm = set(store, &arm(100), 0).await.unwrap();
    let served = store.serving_table(&tenant()).await.unwrap().entries;
    let found: Vec<_> = served.into_iter().map(|entry| entry.alias).filter(|alias| alias.slot.is_default()).collect();
    assert_eq!(found, [arm, canary, shadow]);
    let moved = set(store, &part("", "canary", 2, Traffic::None), 1).await.unwrap();
    assert_eq!(read(store, "canary").await, Some(moved));
}
