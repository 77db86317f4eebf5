//! Leases, and how promotions converge by heartbeats.

use std::time::Duration;

use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::fixture::{Answer, Bench, Call, FakeReplica, Gate, LEASE, SOON, promote, reason};

async fn listed(bench: &Bench) -> Vec<(String, bool)> {
    let answer = bench.replica_service().list_replicas(pb::ListReplicasRequest::default()).await.unwrap();
    answer.into_inner().replicas.into_iter().map(|replica| (replica.name, replica.live)).collect()
}

#[tokio::test]
async fn a_replica_whose_lease_ended_is_not_asked() {
    let bench = Bench::start().await;
    let gone = FakeReplica::join(&bench, "gone").await;
    bench.clock.advance(LEASE / 2);
    let live = FakeReplica::join(&bench, "live").await;
    let left = FakeReplica::join(&bench, "left").await;
    let request = pb::DeregisterReplicaRequest { name: "left".into() };
    bench.replica_service().deregister_replica(request).await.unwrap();
    bench.clock.advance(LEASE / 2);
    let number = bench.candidate("churn").await;
    bench.promote("churn", number).await.unwrap();
    assert_eq!(live.calls(), [Call::Prepare(1), Call::Reload(1)]);
    assert!(gone.calls().is_empty() && left.calls().is_empty());
    let expected = [("gone".to_owned(), false), ("left".to_owned(), false), ("live".to_owned(), true)];
    assert_eq!(listed(&bench).await, expected);

    for name in ["gone", "left", "nobody"] {
        assert_eq!(reason(bench.beat(name, 1).await), (Code::NotFound, "REPLICA_NOT_FOUND".into()), "{name}");
    }
    assert_eq!(bench.beat("live", 1).await.unwrap(), 1);
    bench.clock.advance(Duration::from_hours(24));
    assert_eq!(listed(&bench).await, [("live".to_owned(), false)], "the others left more than a day ago");
}

#[tokio::test]
async fn a_heartbeat_says_which_generation_is_wanted_and_converges_the_promotion() {
    // F125
    let bench = Bench::with_timeouts(SOON, Duration::from_millis(100)).await;
    for name in ["r1", "r2"] {
        FakeReplica::join(&bench, name).await.on_reload(Answer::Never);
    }
    let number = bench.candidate("churn").await;
    let id = bench.promote("churn", number).await.unwrap().promotion_id;
    assert_eq!(bench.beat("r1", 0).await.unwrap(), 1);
    bench.beat("r1", 1).await.unwrap();
    bench.registry.look_after_promotions().await.unwrap();
    let waiting = bench.promotion(&id).await;
    assert_eq!((waiting.state(), waiting.converge_time), (pb::PromotionState::Committed, None), "r2 is behind");
    bench.beat("r2", 1).await.unwrap();
    bench.registry.look_after_promotions().await.unwrap();
    let converged = bench.promotion(&id).await;
    assert_eq!(converged.state(), pb::PromotionState::Converged);
    assert!(converged.converge_time.is_some());
}

#[tokio::test]
async fn without_replicas_a_promotion_converges_with_the_first_one() {
    let bench = Bench::start().await;
    let number = bench.candidate("churn").await;
    let done = bench.promote("churn", number).await.unwrap();
    assert_eq!((done.state(), done.replicas.len()), (pb::PromotionState::Committed, 0));
    assert_eq!(bench.champion("churn").await, 1);
    FakeReplica::join(&bench, "r1").await;
    bench.beat("r1", 0).await.unwrap();
    bench.registry.look_after_promotions().await.unwrap();
    assert_eq!(bench.promotion(&done.promotion_id).await.state(), pb::PromotionState::Committed);
    bench.beat("r1", 1).await.unwrap();
    bench.registry.look_after_promotions().await.unwrap();
    assert_eq!(bench.promotion(&done.promotion_id).await.state(), pb::PromotionState::Converged);
}

#[tokio::test]
async fn heartbeats_in_the_middle_of_a_promotion_do_not_spoil_its_answer() {
    let bench = Bench::start().await;
    let replica = FakeReplica::join(&bench, "r1").await;
    let gate = Gate::closed();
    replica.on_reload(Answer::Late(gate.clone()));
    let number = bench.candidate("churn").await;
    let mut service = bench.promotion_service();
    let moving = tokio::spawn(async move { service.promote(promote("churn", number)).await });
    replica.until_called(Call::Reload(1)).await;
    bench.beat("r1", 1).await.unwrap();
    bench.registry.look_after_promotions().await.unwrap();
    let waiting = &bench.promotions().await[0];
    assert_eq!((waiting.state(), waiting.under_way), (pb::PromotionState::Committed, true), "its call ends it");
    gate.open();
    let done = moving.await.unwrap().unwrap().into_inner().promotion.unwrap();
    assert_eq!(done.state(), pb::PromotionState::Converged);
    assert!(done.replicas[0].prepared && done.replicas[0].reloaded);
    assert_eq!(bench.promotion(&done.promotion_id).await, done);
}
