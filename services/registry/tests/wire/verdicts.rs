//! What is learnt about a version while it is prepared.

use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::{
    fixture::{Answer, Bench, Call, FakeReplica, Gate, Refusal, fail_version, promote, record_validation},
    taint::trained,
};

/// Promotes a version of churn, and does `meanwhile` when the replica is asked.
async fn promote_while(bench: &Bench, number: u64, meanwhile: impl Future<Output = ()>) -> Refusal {
    let replica = FakeReplica::join(bench, "r1").await;
    let gate = Gate::closed();
    replica.on_prepare(Answer::Late(gate.clone()));
    let mut service = bench.promotion_service();
    let moving = tokio::spawn(async move { Refusal::of(service.promote(promote("churn", number)).await) });
    replica.until_called(Call::Prepare(1)).await;
    meanwhile.await;
    gate.open();
    let refused = moving.await.unwrap();
    assert_eq!((bench.champion("churn").await, bench.generation().await), (0, 0), "nothing moved");
    let digest = bench.version("churn", number).await.digest;
    assert_eq!(replica.calls(), [Call::Prepare(1), Call::Release(digest)]);
    let kept = bench.promotions().await.remove(0);
    assert_eq!((kept.state(), kept.refusal.as_str()), (pb::PromotionState::Refused, refused.message.as_str()));
    refused
}

#[tokio::test]
async fn a_failing_verdict_that_comes_in_meanwhile_stops_the_promotion() {
    // F39
    let bench = Bench::start().await;
    let number = bench.candidate("churn").await;
    let refused = promote_while(&bench, number, async {
        let mut verdict = record_validation("churn", number, 0);
        if let Some(validation) = verdict.validation.as_mut() {
            (validation.passed, validation.report_id) = (false, "second-look".into());
            validation.failures = vec!["auc 0.70 is below 0.75".into()];
        }
        bench.version_service().record_validation(verdict).await.unwrap();
    });
    let refused = refused.await;
    assert_eq!((refused.code, refused.reason.as_str()), (Code::Aborted, "VERDICT_CHANGED"));
    assert_eq!(refused.value("found"), "second-look");
    let again = Refusal::of(bench.promotion_service().promote(promote("churn", number)).await);
    assert_eq!(again.reason, "GATE_NOT_PASSED", "who asks again sees the verdict");
}

#[tokio::test]
async fn a_verdict_for_another_slot_stops_nothing() {
    let bench = Bench::start().await;
    let replica = FakeReplica::join(&bench, "r1").await;
    let gate = Gate::closed();
    replica.on_prepare(Answer::Late(gate.clone()));
    let number = bench.candidate("churn").await;
    let mut service = bench.promotion_service();
    let moving = tokio::spawn(async move { service.promote(promote("churn", number)).await });
    replica.until_called(Call::Prepare(1)).await;
    let mut verdict = record_validation("churn", number, 0);
    if let Some(validation) = verdict.validation.as_mut() {
        validation.passed = false;
        validation.failures = vec!["auc 0.70 is below 0.75".into()];
        validation.slot = crate::fixture::labels(&[("regime", "ranging")]);
    }
    bench.version_service().record_validation(verdict).await.unwrap();
    gate.open();
    moving.await.unwrap().unwrap();
    assert_eq!(bench.champion("churn").await, number);
}

#[tokio::test]
async fn a_version_that_is_marked_failed_meanwhile_never_serves() {
    let bench = Bench::start().await;
    let number = bench.candidate("churn").await;
    let refused = promote_while(&bench, number, async {
        bench.version_service().fail_version(fail_version("churn", number)).await.unwrap();
    });
    assert_eq!(refused.await.reason, "CHAIN_MEMBER_FAILED");
}

#[tokio::test]
async fn a_version_whose_inputs_have_moved_meanwhile_never_serves() {
    // F34
    let bench = Bench::start().await;
    let (run_id, number) = trained(&bench).await;
    let refused = promote_while(&bench, number, async {
        bench.taint(&run_id, "the training rows hash to something else").await.unwrap();
    });
    assert_eq!(refused.await.reason, "RUN_TAINTED");
}
