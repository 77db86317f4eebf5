//! Messages that still have to leave.

use std::{sync::Arc, time::Duration};

use lineal_registry::{
    domain::outbox::{Message, Totals},
    store::PostgresStore,
};

use crate::fixture::{Store, entry, postgres_url};

const KIND: &str = "openlineage";

fn message(id: &str) -> Message {
    Message { kind: KIND, subject: "run-1".into(), id: id.into(), body: format!("{{\"id\":\"{id}\"}}") }
}

async fn change(store: &Store, ids: &[&str]) {
    store.record(&entry("change").announce(ids.iter().map(|id| message(id)))).await.unwrap();
}

async fn bodies(store: &Store) -> Vec<String> {
    store.waiting(KIND, 0, 100).await.unwrap().into_iter().map(|waiting| waiting.body).collect()
}

pub(crate) async fn messages_wait_in_order_until_they_are_delivered(store: &Store) {
    // X13
    change(store, &["a", "b"]).await;
    change(store, &["b", "c"]).await;
    let body = |id: &str| message(id).body;
    assert_eq!(bodies(store).await, [body("a"), body("b"), body("c")]);
    let first = store.waiting(KIND, 0, 1).await.unwrap().remove(0);
    assert_eq!(first.subject, "run-1");
    assert_eq!(store.waiting(KIND, first.sequence, 100).await.unwrap().len(), 2);
    for _ in 0..2 {
        store.delivered(KIND, first.sequence).await.unwrap();
    }
    assert_eq!(bodies(store).await, [body("b"), body("c")]);
    assert_eq!(store.totals(KIND).await.unwrap(), Totals { waiting: 2, delivered: 1, dropped: 0 });
    assert_eq!(store.totals("alerts").await.unwrap(), Totals::default());
}

pub(crate) async fn a_refusal_tells_nobody(store: &Store) {
    // X13
    store.record(&entry("change").announce([message("a")]).refused("no")).await.unwrap();
    assert!(bodies(store).await.is_empty());
}

pub(crate) async fn what_is_too_much_is_given_up_and_counted(store: &Store) {
    // X13
    change(store, &["a", "b", "c", "d"]).await;
    assert_eq!(store.trim(KIND, 4).await.unwrap(), 0);
    assert_eq!(store.trim(KIND, 3).await.unwrap(), 1);
    assert_eq!(store.trim(KIND, 1).await.unwrap(), 2);
    assert_eq!(bodies(store).await, [message("d").body]);
    assert_eq!(store.totals(KIND).await.unwrap(), Totals { waiting: 1, delivered: 0, dropped: 3 });
}

#[tokio::test]
async fn one_process_at_a_time_has_a_duty() {
    // X13
    let url = postgres_url();
    let one: Store = Arc::new(PostgresStore::open(&url).await.unwrap());
    let other: Store = Arc::new(PostgresStore::open(&url).await.unwrap());
    let held = one.lead(KIND).await.unwrap();
    assert!(held.is_some());
    assert!(other.lead(KIND).await.unwrap().is_none());
    assert!(other.lead("alerts").await.unwrap().is_some());
    drop(held);
    // The connection gives the lock back behind the holder's back.
    let free = async {
        while other.lead(KIND).await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), free).await.unwrap();
    one.close().await;
    other.close().await;
}
