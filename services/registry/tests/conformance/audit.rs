use futures::future::join_all;
use lineal_db::StoreError;
use lineal_kernel::{Caller, Digest, Slot, Timestamp};
use lineal_registry::domain::{
    audit::{AuditEntry, AuditSearch},
    seal::Head,
};

use crate::fixture::{NOW, Store, entry, entry_of, every, first_page, model, number, tenant, version};

pub(crate) async fn sequences_have_no_gap_and_the_newest_comes_first(store: &Store) {
    // F31
    let writers = (0..30).map(|i| {
        let store = store.clone();
        let about = model(if i % 2 == 0 { "churn" } else { "fraud" });
        let line = entry("promote").about(&about, &Slot::default(), Some(number(1))).refused(format!("reason {i}"));
        tokio::spawn(async move { store.record(&line).await.unwrap() })
    });
    join_all(writers).await.into_iter().for_each(Result::unwrap);
    for size in [1, 7, 30] {
        let found =
            every(size, |page| async move { store.audit(&tenant(), &AuditSearch::default(), &page).await }).await;
        let sequences: Vec<u64> = found.iter().map(|record| record.sequence).collect();
        assert_eq!(sequences, (1..=30).rev().collect::<Vec<_>>(), "in pages of {size}");
    }
    let churn = AuditSearch { model: Some(model("churn")), ..AuditSearch::default() };
    let about = every(4, |page| {
        let churn = churn.clone();
        async move { store.audit(&tenant(), &churn, &page).await }
    });
    let about = about.await;
    assert_eq!(about.len(), 15);
    assert!(about.iter().all(|record| record.model == "churn" && !record.done && record.actor == "service:test"));
    assert!(about.windows(2).all(|pair| pair[0].sequence > pair[1].sequence));
}

pub(crate) async fn a_request_is_recorded_once_per_action(store: &Store) {
    let recorded = |action: &'static str| async move { store.recorded(&tenant(), action, "r1").await.unwrap() };
    assert!(recorded("create_version").await.is_none());
    store.create_version(&tenant(), &version("churn"), 42, &entry_of("create_version", "r1")).await.unwrap();
    let found = recorded("create_version").await.unwrap();
    assert_eq!((found.fingerprint, found.subject), (Digest::of(b"r1").to_string(), "1".to_owned()));

    let again = store.record(&entry_of("create_version", "r1")).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    assert!(recorded("promote").await.is_none(), "another action has its own keys");
    store.record(&entry_of("promote", "r1").refused("no replica")).await.unwrap();
    assert!(recorded("promote").await.is_none(), "a refusal is no answer to keep");
    store.record(&entry_of("promote", "r1")).await.unwrap();
    assert!(recorded("promote").await.is_some());
    assert_eq!(store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items.len(), 3);
}

pub(crate) async fn the_seal_holds_under_concurrent_writers(store: &Store) {
    // F31
    let writers = (0..8).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for i in 0..5 {
                store.record(&entry("promote").refused(format!("writer {writer}, reason {i}"))).await.unwrap();
            }
        })
    });
    join_all(writers).await.into_iter().for_each(Result::unwrap);
    let mut walked = Head::start(tenant().as_str());
    for (sequence, record) in store.audit_after(&tenant(), 0, 100).await.unwrap() {
        walked = walked.follow(sequence, record.as_ref()).unwrap();
    }
    assert_eq!(walked.sequence, 40);
    assert_eq!(walked, store.audit_head(&tenant()).await.unwrap());
    let rest = store.audit_after(&tenant(), 38, 1).await.unwrap();
    assert_eq!(rest.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [39]);
}

pub(crate) async fn every_condition_narrows_the_audit(store: &Store) {
    // F31
    let at = |micros| Timestamp::from_micros(NOW.micros() + micros);
    for (actor, action, model_name, n, micros) in
        [("ana", "promote", "churn", 1, 0), ("ana", "rollback", "churn", 2, 10), ("ben", "promote", "fraud", 2, 20)]
    {
        let caller = Caller { actor: actor.into(), ..Caller::service("test") };
        let line = AuditEntry::new(&caller, at(micros), action);
        let line = line.about(&model(model_name), &Slot::default(), Some(number(n)));
        store.record(&line).await.unwrap();
        store.record(&line.refused("no replica")).await.unwrap();
    }
    let all = AuditSearch::default;
    for (search, expected) in [
        (all(), vec![6, 5, 4, 3, 2, 1]),
        (AuditSearch { model: Some(model("fraud")), ..all() }, vec![6, 5]),
        (AuditSearch { number: Some(number(2)), ..all() }, vec![6, 5, 4, 3]),
        (AuditSearch { actor: Some("ana".into()), ..all() }, vec![4, 3, 2, 1]),
        (AuditSearch { actor: Some("an".into()), ..all() }, vec![]),
        (AuditSearch { action: Some("promote".into()), ..all() }, vec![6, 5, 2, 1]),
        (AuditSearch { done: Some(true), ..all() }, vec![5, 3, 1]),
        (AuditSearch { done: Some(false), ..all() }, vec![6, 4, 2]),
        (AuditSearch { since: Some(at(10)), ..all() }, vec![6, 5, 4, 3]),
        (AuditSearch { until: Some(at(10)), ..all() }, vec![2, 1]),
        (AuditSearch { actor: Some("ana".into()), done: Some(true), since: Some(at(5)), ..all() }, vec![3]),
    ] {
        let found = store.audit(&tenant(), &search, &first_page()).await.unwrap().items;
        assert_eq!(found.iter().map(|record| record.sequence).collect::<Vec<_>>(), expected, "{search:?}");
    }
}
