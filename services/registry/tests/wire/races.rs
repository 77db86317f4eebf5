//! Callers that collide, and callers that leave.

use futures::future::join_all;
use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::fixture::{Answer, Bench, Call, FakeReplica, Gate, Refusal, promote, until};

#[tokio::test]
async fn of_two_candidates_measured_against_one_champion_one_wins() {
    // F5
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let replica = FakeReplica::join(&bench, "r1").await;
    let gate = Gate::closed();
    replica.on_prepare(Answer::Late(gate.clone()));
    let candidates = [bench.candidate("churn").await, bench.candidate("churn").await];
    let moving = candidates.map(|number| {
        let mut service = bench.promotion_service();
        tokio::spawn(async move { service.promote(promote("churn", number)).await })
    });
    replica.until(|calls| calls.contains(&Call::Prepare(2)) && calls.contains(&Call::Prepare(3))).await;
    gate.open();
    let answers: Vec<_> = join_all(moving).await.into_iter().map(Result::unwrap).collect();
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 1));
    let winner = bench.champion("churn").await;
    let loser = 5 - winner;
    for refused in lost.into_iter().map(Refusal::of) {
        assert_eq!((refused.code, refused.reason.as_str()), (Code::Aborted, "CHAMPION_MOVED"));
        assert_eq!((refused.value("expected"), refused.value("found")), ("1", winner.to_string().as_str()));
    }
    let digest = bench.version("churn", loser).await.digest;
    assert!(replica.calls().contains(&Call::Release(digest)), "the loser's bundle is dropped");
    assert_eq!(bench.generation().await, 2);
    let states: Vec<_> = bench.promotions().await.iter().map(|it| (it.to_number, it.state())).collect();
    assert!(states.contains(&(loser, pb::PromotionState::Refused)), "{states:?}");
    let refused: Vec<u64> = bench.audit().await.iter().filter(|line| !line.done).map(|line| line.number).collect();
    assert_eq!(refused, [loser]);
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_stop_a_move() {
    let bench = Bench::start().await;
    let replica = FakeReplica::join(&bench, "r1").await;
    let gate = Gate::closed();
    replica.on_prepare(Answer::Late(gate.clone()));
    let number = bench.candidate("churn").await;
    let mut service = bench.promotion_service();
    tokio::select! {
        answer = service.promote(promote("churn", number)) => panic!("{answer:?}"),
        () = replica.until_called(Call::Prepare(1)) => {} // and the call is dropped
    }
    // Another call on the same connection comes after the cancellation.
    assert_eq!(bench.champion("churn").await, 0);
    gate.open();
    until("the champion moves", || async { bench.champion("churn").await == number }).await;
    until("the promotion converges", || async { bench.promotions().await[0].state() == pb::PromotionState::Converged })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registrations_at_once_get_numbers_without_gaps() {
    // F2
    let bench = Bench::start().await;
    let mut numbers: Vec<u64> =
        join_all((0..50).map(|_| bench.register("churn"))).await.into_iter().map(|version| version.number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
}
