//! Runs whose inputs are no longer what was logged.

use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::fixture::{Bench, Refusal, create_run, lineage, rollback};
use crate::lineage::made;

const REASON: &str = "the training rows hash to something else";

/// A run and the version that it made, validated.
pub(crate) async fn trained(bench: &Bench) -> (String, u64) {
    let run = bench.run_service().create_run(create_run("churn")).await.unwrap().into_inner().run.unwrap();
    let lineage = pb::Lineage { run_id: run.run_id.clone(), ..lineage() };
    let number = made(bench, "churn", lineage, &[]).await.number;
    bench.validate("churn", number).await;
    (run.run_id, number)
}

#[tokio::test]
async fn a_tainted_run_shows_everywhere_and_what_it_made_is_not_promoted() {
    // F34
    let bench = Bench::start().await;
    let (run_id, number) = trained(&bench).await;
    let run = bench.taint(&run_id, REASON).await.unwrap();
    let taint = run.taint.clone().unwrap();
    assert_eq!((taint.reason.as_str(), taint.actor.as_str()), (REASON, "ada"));
    assert_eq!(taint.create_time.unwrap().seconds, 1_736_951_422);
    assert_eq!(bench.version("churn", number).await.taint, Some(taint.clone()));
    let request = pb::ExplainVersionRequest { model: "churn".into(), number };
    let explained = bench.lineage_service().explain_version(request).await.unwrap().into_inner();
    assert_eq!(explained.run.unwrap().taint, Some(taint.clone()));
    assert_eq!(explained.version.unwrap().taint, Some(taint));

    let refused = Refusal::from(bench.promote("churn", number).await.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (Code::FailedPrecondition, "RUN_TAINTED"));
    assert_eq!(refused.preconditions, [(format!("churn/{number}"), REASON.to_owned())]);
    assert!(refused.message.contains("train it again"), "{}", refused.message);
    assert_eq!(bench.champion("churn").await, 0);
    let plan = pb::PlanPromotionRequest { model: "churn".into(), number, ..Default::default() };
    let plan = bench.promotion_service().plan_promotion(plan).await.unwrap().into_inner();
    assert!(plan.blockers.iter().any(|blocker| blocker.contains(REASON)), "{:?}", plan.blockers);
}

#[tokio::test]
async fn the_first_taint_stays_and_is_audited_once() {
    // F34
    let bench = Bench::start().await;
    let (run_id, _) = trained(&bench).await;
    let first = bench.taint(&run_id, REASON).await.unwrap();
    assert_eq!(bench.taint(&run_id, "another").await.unwrap(), first);
    assert_eq!(bench.audit().await.iter().filter(|entry| entry.action == "taint_run").count(), 1);
    assert_eq!(Refusal::from(bench.taint(&run_id, " ").await.unwrap_err()).fields, ["reason"]);
    assert_eq!(Refusal::from(bench.taint("nobody", REASON).await.unwrap_err()).reason, "RUN_NOT_FOUND");
}

#[tokio::test]
async fn a_chain_with_a_tainted_member_is_not_promoted() {
    // F34
    let bench = Bench::start().await;
    let (run_id, member) = trained(&bench).await;
    made(&bench, "blending", lineage(), &[("churn", member)]).await;
    bench.validate("blending", 1).await;
    bench.taint(&run_id, REASON).await.unwrap();
    let refused = Refusal::from(bench.promote("blending", 1).await.unwrap_err());
    assert_eq!((refused.reason.as_str(), refused.value("model")), ("RUN_TAINTED", "churn"));
}

#[tokio::test]
async fn the_way_back_stays_open_to_a_version_tainted_later() {
    // F34, F37
    let bench = Bench::start().await;
    let (run_id, number) = trained(&bench).await;
    bench.promote("churn", number).await.unwrap();
    bench.crown("churn").await;
    bench.taint(&run_id, REASON).await.unwrap();
    bench.promotion_service().rollback(rollback("churn")).await.unwrap();
    assert_eq!(bench.champion("churn").await, number);
}
