use lineal_db::StoreError;
use lineal_registry::{
    domain::{
        promotion::{Promotion, PromotionKind, PromotionState},
        story::{Happening, PromotionEvent},
    },
    store::PostgresStore,
};

use crate::fixture::{NOW, Store, entry, intent, postgres_url, register_many, tenant};

fn event(sequence: u64, what: Happening) -> PromotionEvent {
    PromotionEvent { sequence, created_us: NOW.micros(), what }
}

/// Events `from..=to`, of one replica each.
fn prepared(from: u64, to: u64) -> Vec<PromotionEvent> {
    let replica = |sequence| format!("it's \"r{sequence}\" \u{fc}");
    (from..=to).map(|n| event(n, Happening::Prepared { replica: replica(n), micros: n })).collect()
}

async fn begun(store: &Store) -> Promotion {
    let promotion = intent(PromotionKind::Promote, ("churn", ""), 0, 1);
    store.begin_promotion(&tenant(), &promotion, &prepared(1, 1)).await.unwrap();
    promotion
}

async fn told(store: &Store, promotion: &Promotion, after: u64) -> Vec<PromotionEvent> {
    store.story(&tenant(), &promotion.promotion_id, after).await.unwrap().unwrap().1
}

pub(crate) async fn events_are_kept_once_and_in_order(store: &Store) {
    let promotion = begun(store).await;
    let other = begun(store).await;
    store.tell(&tenant(), &promotion.promotion_id, &prepared(2, 900)).await.unwrap();
    // A write whose answer was lost is sent again with what is new.
    store.tell(&tenant(), &promotion.promotion_id, &prepared(2, 1000)).await.unwrap();
    store.tell(&tenant(), &promotion.promotion_id, &prepared(2, 5)).await.unwrap();
    assert_eq!(told(store, &promotion, 0).await, prepared(1, 1000));
    for after in [1, 5, 899, 900, 999] {
        assert_eq!(told(store, &promotion, after).await, prepared(after + 1, 1000), "after {after}");
    }
    assert_eq!(told(store, &promotion, 1000).await, []);
    assert_eq!(told(store, &other, 0).await, prepared(1, 1), "each promotion has its own");
    assert!(store.story(&tenant(), "nobody", 0).await.unwrap().is_none());
}

pub(crate) async fn a_story_ends_with_its_promotion(store: &Store) {
    let promotion = begun(store).await;
    let ended = Promotion { state: PromotionState::Cancelled, under_way: false, ..promotion.clone() };
    store.end_promotion(&tenant(), &ended, &entry("promote").refused("no"), &prepared(2, 3)).await.unwrap();
    let late = store.tell(&tenant(), &promotion.promotion_id, &prepared(4, 4)).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    let found = store.story(&tenant(), &promotion.promotion_id, 0).await.unwrap().unwrap();
    assert_eq!(found, (ended, prepared(1, 3)));
}

pub(crate) async fn what_a_commit_did_not_do_is_not_told(store: &Store) {
    // F6
    register_many(store, "churn", 1).await;
    let promotion = begun(store).await;
    let news = [prepared(2, 2), vec![event(3, Happening::Committed { generation: 0 })]].concat();
    let stale = Promotion { from_number: 7, ..promotion.clone() };
    store.commit_promotion(&tenant(), &stale, &[entry("promote")], &news).await.unwrap_err();
    assert_eq!(told(store, &promotion, 0).await, prepared(1, 1));
    let generation = store.commit_promotion(&tenant(), &promotion, &[entry("promote")], &news).await.unwrap();
    assert_eq!(told(store, &promotion, 2).await, [event(3, Happening::Committed { generation })]);
}

#[tokio::test]
async fn one_process_at_a_time_finishes_what_others_left() {
    let database = postgres_url();
    let one: Store = std::sync::Arc::new(PostgresStore::open(&database).await.unwrap());
    let other = PostgresStore::open(&database).await.unwrap();
    let other: Store = std::sync::Arc::new(other);
    let turn = one.reconciler().await.unwrap();
    assert!(turn.is_some());
    assert!(other.reconciler().await.unwrap().is_none());
    drop(turn);
    // The end of a turn reaches the database a moment after it is dropped.
    while other.reconciler().await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    assert!(!other.is_gone(one.process()).await.unwrap());
    one.close().await;
    while !other.is_gone(one.process()).await.unwrap() {
        tokio::task::yield_now().await;
    }
}
