use lineal_db::StoreError;
use lineal_kernel::AliasName;
use lineal_registry::domain::{
    alias::Alias,
    audit::{AuditRecord, AuditSearch},
    promotion::{Promotion, PromotionFilter, PromotionKind, PromotionState, ReplicaOutcome},
    reign::{EndedBy, Reign},
};
use lineal_registry::store::CommitError;

use crate::fixture::{
    NOW, Store, carry_out, champion, entry, entry_of, every, first_page, intent, model, number, promote, register_many,
    slot, tenant,
};

const CHURN: (&str, &str) = ("churn", "");

/// Everything that a commit touches.
#[derive(Debug, PartialEq)]
struct Picture {
    alias: Option<Alias>,
    reigns: Vec<Reign>,
    generation: u64,
    promotions: Vec<Promotion>,
    audit: Vec<AuditRecord>,
}

async fn picture(store: &Store) -> Picture {
    let (tenant, model, slot) = (tenant(), model("churn"), slot(""));
    Picture {
        alias: store.alias(&tenant, &model, &slot, &AliasName::champion()).await.unwrap(),
        reigns: store.reigns(&tenant, &model, &slot).await.unwrap(),
        generation: store.generation(&tenant).await.unwrap(),
        promotions: store.promotions(&tenant, &PromotionFilter::default(), &first_page()).await.unwrap().items,
        audit: store.audit(&tenant, &AuditSearch::default(), &first_page()).await.unwrap().items,
    }
}

fn promotion(from: u64, to: u64) -> Promotion {
    intent(PromotionKind::Promote, CHURN, from, to)
}

pub(crate) async fn a_commit_moves_everything_at_once(store: &Store) {
    // F6
    register_many(store, "churn", 2).await;
    promote(store, CHURN, 0, 1).await;
    let wanted = Promotion { committed_us: Some(NOW.micros()), ..promotion(1, 2) };
    store.begin_promotion(&tenant(), &wanted, &[]).await.unwrap();
    let before = picture(store).await;
    let line = entry("promote").about(&model("churn"), &slot(""), Some(number(2))).moved("staging", "production");
    assert_eq!(store.commit_promotion(&tenant(), &wanted, &[line], &[]).await.unwrap(), 2);

    let after = picture(store).await;
    let alias = after.alias.unwrap();
    assert_eq!((alias.number, alias.generation, alias.revision), (number(2), 2, 2));
    assert_eq!(after.generation, before.generation + 1);
    let committed = Promotion { state: PromotionState::Committed, generation: 2, ..wanted };
    assert_eq!(after.promotions[0], committed);
    let [now, earlier] = after.reigns.as_slice() else { panic!("{:?}", after.reigns) };
    assert_eq!((now.number, now.from_generation, now.to_generation), (number(2), 2, None));
    assert_eq!((earlier.number, earlier.to_generation), (number(1), Some(2)));
    assert_eq!((earlier.ended_by, earlier.ended), (Some(EndedBy::Promote), Some(NOW)));
    assert_eq!(after.audit.len(), before.audit.len() + 1);
    let newest = &after.audit[0];
    assert_eq!((newest.action.as_str(), newest.number, newest.generation), ("promote", 2, 2));
    assert_eq!((newest.from_stage.as_str(), newest.to_stage.as_str(), newest.done), ("staging", "production", true));
}

pub(crate) async fn a_commit_against_another_champion_changes_nothing(store: &Store) {
    // F6
    register_many(store, "churn", 3).await;
    promote(store, CHURN, 0, 1).await;
    for from in [0, 2, 3] {
        let late = promotion(from, 2);
        store.begin_promotion(&tenant(), &late, &[]).await.unwrap();
        let before = picture(store).await;
        let refused = store.commit_promotion(&tenant(), &late, &[entry("promote")], &[]).await;
        assert!(matches!(refused, Err(CommitError::ChampionMoved { found: 1, .. })), "from {from}: {refused:?}");
        assert_eq!(picture(store).await, before);
    }
}

pub(crate) async fn a_commit_that_fails_at_its_last_step_changes_nothing(store: &Store) {
    // F6: the audit entry is the last step of the transaction
    register_many(store, "churn", 2).await;
    promote(store, CHURN, 0, 1).await;
    store.record(&entry_of("promote", "r1")).await.unwrap();
    for to in [2, 0] {
        let doomed = promotion(1, to);
        store.begin_promotion(&tenant(), &doomed, &[]).await.unwrap();
        let before = picture(store).await;
        let refused = store.commit_promotion(&tenant(), &doomed, &[entry_of("promote", "r1")], &[]).await;
        assert!(matches!(refused, Err(CommitError::Store(StoreError::Conflict))), "{refused:?}");
        assert_eq!(picture(store).await, before);
    }
}

pub(crate) async fn a_promotion_commits_once(store: &Store) {
    register_many(store, "churn", 1).await;
    let wanted = promotion(0, 1);
    carry_out(store, &wanted).await.unwrap();
    let emptied = intent(PromotionKind::Demote, CHURN, 1, 0);
    carry_out(store, &emptied).await.unwrap();
    let before = picture(store).await;
    let again = store.commit_promotion(&tenant(), &wanted, &[entry("promote")], &[]).await;
    assert!(matches!(again, Err(CommitError::Ended)), "{again:?}");
    assert!(store.begin_promotion(&tenant(), &wanted, &[]).await.is_err(), "an id is used once");
    assert_eq!(picture(store).await, before);
}

pub(crate) async fn generations_have_no_gap_across_slots(store: &Store) {
    // F14
    register_many(store, "churn", 2).await;
    register_many(store, "fraud", 1).await;
    let (trending, ranging) = (("churn", "regime=trending"), ("churn", "regime=ranging"));
    let made = [
        promote(store, trending, 0, 1).await,
        promote(store, ranging, 0, 1).await,
        promote(store, trending, 1, 2).await,
        promote(store, ("fraud", ""), 0, 1).await,
        carry_out(store, &intent(PromotionKind::Demote, ranging, 1, 0)).await.unwrap(),
        carry_out(store, &intent(PromotionKind::Rollback, trending, 2, 1)).await.unwrap(),
    ];
    assert_eq!(made, [1, 2, 3, 4, 5, 6]);
    assert_eq!((champion(store, trending).await, champion(store, ranging).await), (1, 0));
    assert_eq!(champion(store, ("fraud", "")).await, 1, "a slot is left alone by the moves of others");
}

pub(crate) async fn a_demotion_leaves_the_slot_empty(store: &Store) {
    // F39
    register_many(store, "churn", 2).await;
    promote(store, CHURN, 0, 1).await;
    carry_out(store, &intent(PromotionKind::Demote, CHURN, 1, 0)).await.unwrap();
    let after = picture(store).await;
    assert_eq!((after.alias, after.generation), (None, 2));
    assert_eq!(after.reigns.len(), 1);
    assert_eq!((after.reigns[0].to_generation, after.reigns[0].ended_by), (Some(2), Some(EndedBy::Demote)));
    assert!(store.serving_table(&tenant()).await.unwrap().entries.is_empty());
    assert_eq!(promote(store, CHURN, 0, 2).await, 3, "the slot can be filled again");
    assert_eq!(champion(store, CHURN).await, 2);
}

pub(crate) async fn history_tells_who_was_champion_when(store: &Store) {
    // F7, F133
    register_many(store, "churn", 3).await;
    promote(store, CHURN, 0, 1).await; // generation 1
    promote(store, ("churn", "regime=trending"), 0, 3).await; // 2
    promote(store, CHURN, 1, 2).await; // 3
    carry_out(store, &intent(PromotionKind::Demote, CHURN, 2, 0)).await.unwrap(); // 4
    carry_out(store, &intent(PromotionKind::Rollback, CHURN, 0, 1)).await.unwrap(); // 5
    let served: [(u64, &[u64]); 3] = [(1, &[1, 2, 5]), (2, &[3]), (3, &[2, 3, 4, 5])];
    for (version, generations) in served {
        for generation in 0..=6 {
            let found = store.served_at(&tenant(), &model("churn"), number(version), generation).await.unwrap();
            assert_eq!(found, generations.contains(&generation), "version {version} at generation {generation}");
        }
    }
    let reigns = store.reigns(&tenant(), &model("churn"), &slot("")).await.unwrap();
    let spans: Vec<_> = reigns.iter().map(|r| (r.number.get(), r.from_generation, r.to_generation)).collect();
    assert_eq!(spans, [(1, 5, None), (2, 3, Some(4)), (1, 1, Some(3))]);
    let view = store.version(&tenant(), &model("churn"), number(1)).await.unwrap().unwrap();
    assert_eq!(view.reigns, [reigns[0].clone(), reigns[2].clone()]);
    assert!(view.aliases.iter().all(|alias| alias.name.is_champion()) && view.aliases.len() == 1);
}

pub(crate) async fn a_promotion_moves_from_the_state_it_was_left_in(store: &Store) {
    register_many(store, "churn", 1).await;
    let mut promotion = promotion(0, 1);
    store.begin_promotion(&tenant(), &promotion, &[]).await.unwrap();
    promotion.replicas = vec![ReplicaOutcome { replica: "r1".into(), prepared: true, ..ReplicaOutcome::default() }];
    promotion.state = PromotionState::Converged;
    for base in [PromotionState::Committed, PromotionState::Converged] {
        let early = store.record_outcomes(&tenant(), &promotion, base, &[]).await;
        assert!(matches!(early, Err(StoreError::Conflict)), "it has not committed: {early:?}");
    }
    promotion.generation = store.commit_promotion(&tenant(), &promotion, &[entry("promote")], &[]).await.unwrap();
    store.record_outcomes(&tenant(), &promotion, PromotionState::Committed, &[]).await.unwrap();
    let again = store.record_outcomes(&tenant(), &promotion, PromotionState::Committed, &[]).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    let late = Promotion { state: PromotionState::Refused, ..promotion.clone() };
    let refused = store.end_promotion(&tenant(), &late, &entry("promote").refused("too late"), &[]).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "what committed cannot be refused: {refused:?}");
    assert_eq!(store.promotion(&tenant(), &promotion.promotion_id).await.unwrap(), Some(promotion));
    assert_eq!(store.promotion(&tenant(), "unknown").await.unwrap(), None);
}

pub(crate) async fn promotions_are_listed_newest_first(store: &Store) {
    let mut made = Vec::new();
    for i in 0..7 {
        let place = if i % 3 == 0 { ("fraud", "") } else { CHURN };
        let promotion = intent(PromotionKind::Promote, place, 0, 1);
        store.begin_promotion(&tenant(), &promotion, &[]).await.unwrap();
        made.insert(0, promotion);
    }
    let refused = Promotion { state: PromotionState::Refused, ..made[6].clone() };
    store.end_promotion(&tenant(), &refused, &entry("promote").refused("no"), &[]).await.unwrap();
    made[6] = refused;
    for size in [1, 3, 7] {
        let found =
            every(size, |page| async move { store.promotions(&tenant(), &PromotionFilter::default(), &page).await })
                .await;
        assert_eq!(found, made, "in pages of {size}");
    }
    let churn = model("churn");
    let about = every(2, |page| {
        let filter = PromotionFilter { model: Some(churn.clone()), ..PromotionFilter::default() };
        async move { store.promotions(&tenant(), &filter, &page).await }
    });
    let churn_only: Vec<Promotion> = made.iter().filter(|promotion| promotion.model == "churn").cloned().collect();
    assert_eq!(about.await, churn_only);
    let narrowed = |filter: PromotionFilter| async move {
        store.promotions(&tenant(), &filter, &first_page()).await.unwrap().items
    };
    let state = Some(PromotionState::Refused);
    assert_eq!(narrowed(PromotionFilter { state, ..PromotionFilter::default() }).await, made[6..]);
    let kind = Some(PromotionKind::Rollback);
    assert!(narrowed(PromotionFilter { kind, ..PromotionFilter::default() }).await.is_empty());
    let back = Promotion { state: PromotionState::Refused, ..intent(PromotionKind::Rollback, CHURN, 2, 1) };
    store.refuse_promotion(&tenant(), &back, &entry("rollback").refused("no")).await.unwrap();
    assert_eq!(narrowed(PromotionFilter { kind, state, ..PromotionFilter::default() }).await, [back]);
    assert!(!store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items[0].done);
    let under_way = store.promotions_in(&tenant(), PromotionState::Preparing.word()).await.unwrap();
    assert_eq!(under_way, made[..6].iter().rev().cloned().collect::<Vec<_>>(), "oldest first");
}

pub(crate) async fn a_promotion_is_found_by_the_key_of_its_call(store: &Store) {
    let mut made = Vec::new();
    for key in ["a", "b", "a"] {
        let promotion = Promotion { request_id: key.into(), ..promotion(0, 1) };
        store.begin_promotion(&tenant(), &promotion, &[]).await.unwrap();
        made.push(promotion);
    }
    let found = store.promotion_of_request(&tenant(), "a").await.unwrap();
    assert_eq!(found.as_ref(), Some(&made[2]), "the latest attempt counts");
    assert_eq!(store.promotion_of_request(&tenant(), "b").await.unwrap().as_ref(), Some(&made[1]));
    assert_eq!(store.promotion_of_request(&tenant(), "c").await.unwrap(), None);
}
