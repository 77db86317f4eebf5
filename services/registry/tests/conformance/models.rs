use std::slice;

use lineal_db::StoreError;
use lineal_kernel::{TenantId, Timestamp};
use lineal_registry::domain::{audit::AuditSearch, model::Model};

use crate::fixture::{
    NOW, Store, entry, every, first_page, model, number, promote, register, register_many, slot, tenant,
};
use crate::runs::{open, words};

fn described(name: &str, description: &str) -> Model {
    Model {
        name: model(name),
        description: description.into(),
        tags: words(&[("team", "growth")]),
        latest_version: 0,
        created: NOW,
        revision: 1,
    }
}

pub(crate) async fn a_name_is_taken_once(store: &Store) {
    let first = described("churn", "who leaves");
    store.create_model(&tenant(), &first, &entry("create_model")).await.unwrap();
    let again = store.create_model(&tenant(), &described("churn", "another"), &entry("create_model")).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    assert_eq!(store.model(&tenant(), &model("churn")).await.unwrap().map(|view| view.model), Some(first));
    assert_eq!(store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items.len(), 1);
}

pub(crate) async fn models_are_listed_by_name(store: &Store) {
    let names = ["b", "a-b", "a", "c", "a.b", "9", "a_b"];
    for name in names {
        store.create_model(&tenant(), &described(name, ""), &entry("create_model")).await.unwrap();
    }
    let mut sorted = names;
    sorted.sort_unstable();
    for size in [1, 2, 7] {
        let found = every(size, |page| async move { store.models(&tenant(), &page).await }).await;
        let found: Vec<String> = found.into_iter().map(|view| view.model.name.to_string()).collect();
        assert_eq!(found, sorted, "in pages of {size}");
    }
}

pub(crate) async fn tenants_do_not_see_each_other(store: &Store) {
    let other = TenantId::new("other").unwrap();
    let ours = register(store, "churn").await;
    assert_eq!(store.model(&other, &model("churn")).await.unwrap(), None);
    assert_eq!(store.version(&other, &ours.model, ours.number).await.unwrap(), None);
    assert!(store.models(&other, &first_page()).await.unwrap().items.is_empty());
    assert!(store.audit(&other, &AuditSearch::default(), &first_page()).await.unwrap().items.is_empty());
    let theirs = store.create_model(&other, &described("churn", "theirs"), &entry("create_model")).await;
    assert!(theirs.is_ok(), "a name is unique within its tenant only");
    let listed = store.models(&tenant(), &first_page()).await.unwrap().items;
    assert_eq!(slice::from_ref(&listed[0].model.description), [String::new()]);
}

pub(crate) async fn a_model_shows_its_champions_and_its_last_run(store: &Store) {
    // F29
    register_many(store, "churn", 2).await;
    register(store, "fraud").await;
    promote(store, ("churn", ""), 0, 2).await;
    promote(store, ("churn", "regime=trending"), 0, 1).await;
    for micros in [5, 9, 7] {
        open(store, "weekly", |wish| {
            wish.name = format!("at-{micros}");
            wish.started = Some(Timestamp::from_micros(micros));
        })
        .await;
    }
    let view = store.model(&tenant(), &model("churn")).await.unwrap().unwrap();
    assert_eq!(view.champions, [(slot(""), number(2)), (slot("regime=trending"), number(1))]);
    let last = view.last_run.clone().unwrap();
    assert_eq!(last.started, Timestamp::from_micros(9));
    assert_eq!(store.run(&tenant(), &last.run_id).await.unwrap().unwrap().name, "at-9");
    let listed = store.models(&tenant(), &first_page()).await.unwrap().items;
    assert_eq!(listed[0], view);
    assert_eq!((listed[1].champions.len(), &listed[1].last_run), (0, &None));
}

pub(crate) async fn a_model_changes_only_from_what_was_seen(store: &Store) {
    let first = described("churn", "who leaves");
    store.create_model(&tenant(), &first, &entry("create_model")).await.unwrap();
    let changed = Model { description: "who stays".into(), tags: words(&[]), revision: 2, ..first };
    store.update_model(&tenant(), &changed, 1, &entry("update_model")).await.unwrap();
    let late = store.update_model(&tenant(), &changed, 1, &entry("update_model")).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    assert_eq!(store.model(&tenant(), &model("churn")).await.unwrap().unwrap().model, changed);
    assert_eq!(store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items.len(), 2);
}
