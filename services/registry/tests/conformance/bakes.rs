use std::time::Duration;

use lineal_registry::domain::{
    bake::{Bake, BakePlan, BakeState},
    promotion::{Promotion, PromotionKind},
    usage::{Totals, UsageCount, UsageReport},
};

use crate::fixture::{NOW, Store, carry_out, intent, model, name, number, promote, register_many, tenant};

const PLAN: BakePlan = BakePlan { micros: 60_000_000, max_error_rate: 0.1, min_requests: 100 };

async fn baking(store: &Store) -> Vec<Bake> {
    store.baking(&tenant()).await.unwrap().into_iter().map(|(_, bake)| bake).collect()
}

pub(crate) async fn a_bake_begins_with_the_commit_and_ends_once(store: &Store) {
    // X4
    register_many(store, "churn", 2).await;
    promote(store, ("churn", ""), 0, 1).await;
    let totals = Totals { requests: 7, errors: 3, ..Totals::default() };
    let counts = vec![UsageCount { model: model("churn"), number: number(2), totals }];
    let report = UsageReport { replica: name("r1"), incarnation: name("a"), counts };
    store.report_usage(&tenant(), &report, NOW).await.unwrap();

    let wish = Promotion { bake: Some(PLAN), ..intent(PromotionKind::Promote, ("churn", ""), 1, 2) };
    let late = Promotion { bake: Some(PLAN), ..intent(PromotionKind::Promote, ("churn", ""), 9, 2) };
    carry_out(store, &late).await.unwrap_err();
    assert!(baking(store).await.is_empty(), "what is not committed does not bake");
    carry_out(store, &wish).await.unwrap();
    let begun = Bake {
        promotion_id: wish.promotion_id.clone(),
        until: NOW.plus(Duration::from_mins(1)),
        base_requests: 7,
        base_errors: 3,
        state: BakeState::Baking,
        problem: String::new(),
        rollback_id: String::new(),
    };
    assert_eq!(baking(store).await, std::slice::from_ref(&begun));
    assert_eq!(store.baking(&tenant()).await.unwrap()[0].0.bake, Some(PLAN));

    let ended = Bake { state: BakeState::Stuck, problem: "no way back".into(), ..begun.clone() };
    store.end_bake(&tenant(), &ended).await.unwrap();
    store.end_bake(&tenant(), &Bake { state: BakeState::Baked, ..begun }).await.unwrap();
    assert!(baking(store).await.is_empty());
    let kept = store.bakes(&tenant(), &[wish.promotion_id, late.promotion_id]).await.unwrap();
    assert_eq!(kept.into_values().collect::<Vec<_>>(), [ended], "the first end counts");
}
