use std::slice;

use lineal_db::StoreError;
use lineal_kernel::TenantId;
use lineal_registry::domain::model::Model;

use crate::fixture::{NOW, Store, entry, every, first_page, model, register, tenant};

fn described(name: &str, description: &str) -> Model {
    Model { name: model(name), description: description.into(), latest_version: 0, created: NOW }
}

pub(crate) async fn a_name_is_taken_once(store: &Store) {
    let first = described("churn", "who leaves");
    store.create_model(&tenant(), &first, &entry("create_model")).await.unwrap();
    let again = store.create_model(&tenant(), &described("churn", "another"), &entry("create_model")).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    assert_eq!(store.model(&tenant(), &model("churn")).await.unwrap(), Some(first));
    assert_eq!(store.audit(&tenant(), None, &first_page()).await.unwrap().items.len(), 1);
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
        let found: Vec<String> = found.into_iter().map(|model| model.name.to_string()).collect();
        assert_eq!(found, sorted, "in pages of {size}");
    }
}

pub(crate) async fn tenants_do_not_see_each_other(store: &Store) {
    let other = TenantId::new("other").unwrap();
    let ours = register(store, "churn").await;
    assert_eq!(store.model(&other, &model("churn")).await.unwrap(), None);
    assert_eq!(store.version(&other, &ours.model, ours.number).await.unwrap(), None);
    assert!(store.models(&other, &first_page()).await.unwrap().items.is_empty());
    assert!(store.audit(&other, None, &first_page()).await.unwrap().items.is_empty());
    let theirs = store.create_model(&other, &described("churn", "theirs"), &entry("create_model")).await;
    assert!(theirs.is_ok(), "a name is unique within its tenant only");
    let listed = store.models(&tenant(), &first_page()).await.unwrap().items;
    assert_eq!(slice::from_ref(&listed[0].description), [String::new()]);
}
