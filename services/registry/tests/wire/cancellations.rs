//! Cancelling promotions.

use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::Peer;
use tonic::Code;

use crate::fixture::{Answer, Bench, Call, FakeReplica, Refusal, postgres_url, promote};

type Service = pb::promotion_service_client::PromotionServiceClient<Peer>;

fn cancel(promotion_id: &str) -> pb::CancelPromotionRequest {
    pb::CancelPromotionRequest {
        promotion_id: promotion_id.into(),
        reason: "the numbers look wrong".into(),
        request_id: "c1".into(),
    }
}

/// A promotion that waits for `r2`, which never answers; `r1` has prepared.
async fn waiting(bench: &Bench) -> (FakeReplica, String, tokio::task::JoinHandle<Refusal>) {
    let (r1, r2) = (FakeReplica::join(bench, "r1").await, FakeReplica::join(bench, "r2").await);
    r2.on_prepare(Answer::Never);
    let number = bench.candidate("churn").await;
    let mut service = bench.promotion_service();
    let moving = tokio::spawn(async move { Refusal::of(service.promote(promote("churn", number)).await) });
    r2.until_called(Call::Prepare(1)).await;
    r1.until_called(Call::Prepare(1)).await;
    (r1, bench.promotions().await[0].promotion_id.clone(), moving)
}

async fn cancels(bench: &Bench, mut service: Service) {
    let (r1, id, moving) = waiting(bench).await;
    let digest = bench.version("churn", 1).await.digest;
    let done = service.cancel_promotion(cancel(&id)).await.unwrap().into_inner().promotion.unwrap();
    assert_eq!((done.state(), done.under_way, done.generation), (pb::PromotionState::Cancelled, false, 0));
    assert_eq!(done.refusal, "cancelled by ada: the numbers look wrong");
    let refused = moving.await.unwrap();
    assert_eq!((refused.code, refused.reason.as_str()), (Code::Aborted, "PROMOTION_CANCELLED"));
    assert_eq!(refused.message, "nothing was promoted: cancelled by ada: the numbers look wrong");
    assert_eq!(refused.value("promotion"), id);
    r1.until_called(Call::Release(digest)).await;
    assert_eq!((bench.champion("churn").await, bench.generation().await), (0, 0));

    let lines = bench.audit().await;
    let told: Vec<_> = lines[..2].iter().map(|line| (line.action.as_str(), line.number, line.done)).collect();
    assert_eq!(told, [("promote", 1, false), ("cancel_promotion", 1, true)]);
    assert_eq!(lines[1].detail, "the numbers look wrong");
    let again = service.cancel_promotion(cancel(&id)).await.unwrap().into_inner().promotion.unwrap();
    assert_eq!(again, done, "the same request has the same answer");
    assert_eq!(bench.audit().await, lines);
    let other = pb::CancelPromotionRequest { request_id: "c2".into(), ..cancel(&id) };
    let late = Refusal::of(service.cancel_promotion(other).await);
    assert_eq!(
        (late.code, late.reason.as_str(), late.value("state")),
        (Code::FailedPrecondition, "PROMOTION_ENDED", "cancelled")
    );
}

#[tokio::test]
async fn a_promotion_ends_before_its_commit_and_whoever_waits_learns_who_and_why() {
    // F5, F39
    let bench = Bench::start().await;
    cancels(&bench, bench.promotion_service()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_can_cancel() {
    // F5
    let database = postgres_url();
    let bench = Bench::on_postgres(&database).await;
    let other = bench.beside(&database).await;
    cancels(&bench, other.promotion_service()).await;
    // Both processes live, so neither has anything to finish for the other.
    other.registry.look_after_promotions().await.unwrap();
    assert_eq!(bench.promotions().await.len(), 1);
}

#[tokio::test]
async fn what_has_committed_is_rolled_back_and_not_cancelled() {
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let id = bench.promotions().await[0].promotion_id.clone();
    let refused = Refusal::of(bench.promotion_service().cancel_promotion(cancel(&id)).await);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::FailedPrecondition, "PROMOTION_ENDED"));
    assert!(refused.message.contains("`lineal rollback churn`"), "{}", refused.message);
    assert_eq!(bench.champion("churn").await, 1);
    let line = bench.audit().await.remove(0);
    assert_eq!((line.action.as_str(), line.done), ("cancel_promotion", false));
}
