use std::time::Duration;

use lineal_kernel::{Digest, Timestamp};
use lineal_registry::domain::{
    audit::AuditSearch,
    check::Check,
    promotion::PromotionKind,
    reign::{self, EndedBy},
};

use crate::fixture::{
    NOW, Store, carry_out, entry, first_page, intent, model, number, promote, register_many, slot, tenant,
};

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

pub(crate) async fn the_latest_check_of_a_bundle_is_kept(store: &Store) {
    // F13
    register_many(store, "churn", 1).await;
    let digest = Digest::of(b"churn");
    let audited = store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items.len();
    assert_eq!(store.check(&tenant(), digest).await.unwrap(), None);
    let passed = Check { time: after(1), problem: String::new() };
    store.record_check(&tenant(), digest, &passed, None).await.unwrap();
    let failed = Check { time: after(3), problem: "`model.bin` is gone".into() };
    store.record_check(&tenant(), digest, &failed, Some(&entry("check_artifact").refused("gone"))).await.unwrap();
    let late = Check { time: after(2), problem: String::new() };
    store.record_check(&tenant(), digest, &late, None).await.unwrap();
    assert_eq!(store.check(&tenant(), digest).await.unwrap(), Some(failed.clone()), "an earlier check is no news");
    let view = store.version(&tenant(), &model("churn"), number(1)).await.unwrap().unwrap();
    assert_eq!(view.check, Some(failed));
    let lines = store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items;
    assert_eq!((lines.len(), lines[0].action.as_str(), lines[0].done), (audited + 1, "check_artifact", false));
}

pub(crate) async fn a_round_of_checks_is_taken_once(store: &Store) {
    let claims = futures::future::join_all(
        (0..8).map(|_| async { store.claim_round(&tenant(), NOW, after(60)).await.unwrap() }),
    );
    assert_eq!(claims.await.into_iter().filter(|claimed| *claimed).count(), 1);
    assert!(!store.claim_round(&tenant(), after(59), after(119)).await.unwrap());
    store.put_off_round(&tenant(), after(90)).await.unwrap();
    assert!(!store.claim_round(&tenant(), after(89), after(149)).await.unwrap(), "the round goes on");
    assert!(store.claim_round(&tenant(), after(90), after(150)).await.unwrap());
}

pub(crate) async fn the_last_reign_of_each_version_in_each_slot_is_found(store: &Store) {
    // F7, F13
    register_many(store, "churn", 3).await;
    let (plain, trending) = (("churn", ""), ("churn", "regime=trending"));
    promote(store, plain, 0, 1).await;
    promote(store, plain, 1, 2).await;
    promote(store, trending, 0, 1).await;
    promote(store, plain, 2, 3).await;
    carry_out(store, &intent(PromotionKind::Rollback, plain, 3, 2)).await.unwrap();
    let slots = reign::by_slot(store.last_reigns(&tenant()).await.unwrap());
    let last = |place: &str| -> Vec<(u64, Option<EndedBy>)> {
        let reigns = &slots[&(model("churn"), slot(place))];
        reigns.iter().map(|reign| (reign.number.get(), reign.ended_by)).collect()
    };
    assert_eq!(last(""), [(2, None), (3, Some(EndedBy::Rollback)), (1, Some(EndedBy::Promote))]);
    assert_eq!(last("regime=trending"), [(1, None)]);
    assert_eq!(slots.len(), 2);
}
