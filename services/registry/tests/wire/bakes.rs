//! Bake time: a champion that fails is given up by the registry itself.

use std::time::Duration;

use lineal_proto::lineal::registry::v1 as pb;

use crate::{
    fixture::{Bench, FakeReplica, Refusal, promote, record_validation},
    usage::counts,
};

const MINUTES: u64 = 10;

fn bake() -> pb::Bake {
    pb::Bake { duration: Some(lineal_rpc::duration(Duration::from_mins(MINUTES))), ..Default::default() }
}

impl Bench {
    /// A champion, and a second one that bakes.
    async fn baking(&self) -> pb::Promotion {
        self.crown("churn").await;
        let number = self.candidate("churn").await;
        let request = pb::PromoteRequest { bake: Some(bake()), ..promote("churn", number) };
        self.promotion_service().promote(request).await.unwrap().into_inner().promotion.unwrap()
    }

    /// How the bake time of a promotion stands after the registry has looked.
    async fn looked(&self, promotion: &pb::Promotion) -> pb::Bake {
        self.registry.reconcile_once().await.unwrap();
        self.promotion(&promotion.promotion_id).await.bake.unwrap()
    }

    async fn rollbacks(&self) -> Vec<pb::Promotion> {
        let mut all = self.promotions().await;
        all.retain(|promotion| promotion.kind() == pb::PromotionKind::Rollback);
        all
    }
}

#[tokio::test]
async fn a_champion_that_fails_within_its_bake_time_is_rolled_back_once() {
    // X4
    let bench = Bench::start().await;
    let promotion = bench.baking().await;
    let begun = promotion.bake.clone().unwrap();
    assert_eq!(
        (begun.state(), begun.max_error_rate, begun.min_requests),
        (pb::BakeState::Baking, Some(0.1), Some(100))
    );
    bench.report(counts(2, 1000, 100)).await.unwrap();
    assert_eq!(bench.looked(&promotion).await.state(), pb::BakeState::Baking, "a tenth is not more than a tenth");
    assert_eq!(bench.champion("churn").await, 2);

    bench.report(counts(2, 1010, 110)).await.unwrap();
    let ended = bench.looked(&promotion).await;
    assert_eq!((ended.state(), bench.champion("churn").await), (pb::BakeState::RolledBack, 1));
    let rollbacks = bench.rollbacks().await;
    let [rollback] = rollbacks.as_slice() else { panic!("{rollbacks:?}") };
    assert_eq!(
        (ended.rollback_promotion_id.as_str(), &ended.problem),
        (rollback.promotion_id.as_str(), &rollback.reason)
    );
    assert_eq!((rollback.actor.as_str(), rollback.from_number, rollback.to_number), ("service:registry", 2, 1));
    assert_eq!(rollback.reason, "110 of 1010 requests since the promotion failed, a share of 0.1089 above 0.1");
    assert_eq!((rollback.trigger(), rollback.evidence["errors"]), (pb::RollbackTrigger::Bake, 110.0));
    assert_eq!(bench.audit().await[0].action, "rollback");

    bench.promote("churn", 2).await.unwrap();
    assert_eq!(bench.looked(&promotion).await, ended);
    assert_eq!(
        (bench.rollbacks().await.len(), bench.champion("churn").await),
        (1, 2),
        "whoever insists is not watched"
    );
}

#[tokio::test]
async fn few_requests_do_nothing_and_the_time_runs_out() {
    // X1, X4
    let bench = Bench::start().await;
    let promotion = bench.baking().await;
    bench.report(counts(2, 99, 99)).await.unwrap();
    assert_eq!(bench.looked(&promotion).await.state(), pb::BakeState::Baking);
    bench.clock.advance(Duration::from_mins(MINUTES));
    assert_eq!(bench.looked(&promotion).await.state(), pb::BakeState::Baked);
    bench.report(counts(2, 1000, 999)).await.unwrap();
    assert_eq!(bench.looked(&promotion).await.state(), pb::BakeState::Baked);
    assert_eq!(bench.champion("churn").await, 2, "afterwards it is nobody's promise");
}

#[tokio::test]
async fn a_bake_time_survives_a_restart() {
    // X4
    let bench = Bench::start().await;
    let promotion = bench.baking().await;
    bench.report(counts(2, 200, 100)).await.unwrap();
    let bench = bench.restart().await;
    assert_eq!(bench.looked(&promotion).await.state(), pb::BakeState::RolledBack);
    let bench = bench.restart().await;
    assert_eq!(bench.looked(&promotion).await.state(), pb::BakeState::RolledBack);
    assert_eq!((bench.rollbacks().await.len(), bench.champion("churn").await), (1, 1));
}

#[tokio::test]
async fn a_failed_verdict_within_the_bake_time_is_enough() {
    // X4
    let bench = Bench::start().await;
    let promotion = bench.baking().await;
    bench.clock.advance(Duration::from_secs(1));
    let mut verdict = record_validation("churn", 2, 2);
    if let Some(validation) = verdict.validation.as_mut() {
        validation.passed = false;
        validation.failures = vec!["auc 0.70 is below 0.75".into()];
    }
    bench.version_service().record_validation(verdict).await.unwrap();
    let ended = bench.looked(&promotion).await;
    assert_eq!((ended.state(), bench.champion("churn").await), (pb::BakeState::RolledBack, 1));
    assert!(ended.problem.ends_with(": auc 0.70 is below 0.75"), "{}", ended.problem);
}

#[tokio::test]
async fn a_champion_that_somebody_moved_is_left_alone() {
    // X4
    let bench = Bench::start().await;
    let promotion = bench.baking().await;
    bench.crown("churn").await;
    bench.rollback("churn").await.unwrap();
    assert_eq!(bench.champion("churn").await, 2, "the same version, of another generation");
    bench.report(counts(2, 200, 200)).await.unwrap();
    assert_eq!(bench.looked(&promotion).await.state(), pb::BakeState::Superseded);
    assert_eq!(bench.champion("churn").await, 2);
}

#[tokio::test]
async fn a_rollback_that_is_refused_is_said_and_not_tried_again() {
    let bench = Bench::start().await;
    let number = bench.candidate("churn").await;
    let request = pb::PromoteRequest { bake: Some(bake()), ..promote("churn", number) };
    let promotion = bench.promotion_service().promote(request).await.unwrap().into_inner().promotion.unwrap();
    bench.report(counts(number, 200, 200)).await.unwrap();
    let stuck = bench.looked(&promotion).await;
    assert_eq!((stuck.state(), bench.champion("churn").await), (pb::BakeState::Stuck, 1));
    assert!(stuck.problem.contains("no rollback: `churn` has no earlier champion"), "{}", stuck.problem);
    let audit = bench.audit().await;
    FakeReplica::join(&bench, "r1").await;
    assert_eq!(bench.looked(&promotion).await, stuck);
    assert_eq!(bench.audit().await, audit);
}

#[tokio::test]
async fn a_bake_time_that_is_none_is_refused() {
    let bench = Bench::start().await;
    let number = bench.candidate("churn").await;
    let odd = pb::Bake { max_error_rate: Some(1.5), ..Default::default() };
    let request = pb::PromoteRequest { bake: Some(odd), ..promote("churn", number) };
    let refusal = Refusal::of(bench.promotion_service().promote(request).await);
    assert_eq!(refusal.fields, ["bake.duration", "bake.max_error_rate"]);
}
