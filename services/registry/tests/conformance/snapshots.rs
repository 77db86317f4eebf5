use std::time::Duration;

use lineal_kernel::Digest;
use lineal_registry::domain::{audit::AuditSearch, snapshot::Snapshot};

use crate::fixture::{NOW, Store, entry, every, first_page, name, tenant};

fn snapshot(dataset: &str, content: &str) -> Snapshot {
    Snapshot {
        dataset: name(dataset),
        digest: Digest::of(content.as_bytes()),
        rows: 1000,
        columns: vec!["age".into(), "churned".into()],
        created: NOW,
    }
}

pub(crate) async fn a_snapshot_is_recorded_once(store: &Store) {
    // F34
    let first = snapshot("churn", "rows");
    assert_eq!(store.create_snapshot(&tenant(), &first, &entry("create_snapshot")).await.unwrap(), first);
    let later = Snapshot { created: NOW.plus(Duration::from_secs(1)), ..first.clone() };
    assert_eq!(store.create_snapshot(&tenant(), &later, &entry("create_snapshot")).await.unwrap(), first);
    let listed = store.snapshots(&tenant(), &name("churn"), &first_page()).await.unwrap();
    assert_eq!(listed.items, [first]);
    assert_eq!(store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items.len(), 1);
    assert!(store.snapshots(&tenant(), &name("fraud"), &first_page()).await.unwrap().items.is_empty());
}

pub(crate) async fn snapshots_of_one_moment_are_all_listed(store: &Store) {
    let mut made: Vec<Snapshot> = (0..6).map(|i| snapshot("churn", &i.to_string())).collect();
    made[0].created = NOW.plus(Duration::from_secs(1));
    for snapshot in &made {
        store.create_snapshot(&tenant(), snapshot, &entry("create_snapshot")).await.unwrap();
    }
    made.sort_by_key(|snapshot| std::cmp::Reverse((snapshot.created, snapshot.digest)));
    for size in [1, 2, 6] {
        let found = every(size, |page| async move { store.snapshots(&tenant(), &name("churn"), &page).await }).await;
        assert_eq!(found, made, "in pages of {size}");
    }
}
