//! Versions that learnt from a sample of their rows.

use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::fixture::{Bench, Refusal, labels, lineage, promote};
use crate::lineage::made;

/// A version that learnt from a tenth of its rows, validated.
pub(crate) async fn sampled(bench: &Bench, model: &str) -> u64 {
    let lineage = pb::Lineage { environment: labels(&[("sample_fraction", "0.1")]), ..lineage() };
    let number = made(bench, model, lineage, &[]).await.number;
    bench.validate(model, number).await;
    number
}

async fn blockers(bench: &Bench, number: u64, allow_sampled: bool) -> Vec<String> {
    let plan = pb::PlanPromotionRequest { model: "churn".into(), number, allow_sampled, ..Default::default() };
    bench.promotion_service().plan_promotion(plan).await.unwrap().into_inner().blockers
}

#[tokio::test]
async fn a_sampled_version_is_promoted_by_nobody_but_a_person_with_a_reason() {
    // F75
    let bench = Bench::start().await;
    let number = sampled(&bench, "churn").await;
    let refused = Refusal::from(bench.promote("churn", number).await.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (Code::FailedPrecondition, "VERSION_SAMPLED"));
    assert_eq!((refused.value("model"), refused.value("version"), refused.value("fraction")), ("churn", "1", "0.1"));
    for step in ["lineal promote churn 1 --allow-sampled --reason", "raise trainer.table_limit_mib"] {
        assert!(refused.message.contains(step), "{}", refused.message);
    }
    assert!(bench.audit().await.iter().any(|entry| entry.action == "promote" && !entry.done));
    let found = blockers(&bench, number, false).await;
    assert!(found.iter().any(|blocker| blocker.contains("sample of its rows")), "{found:?}");
    assert_eq!(blockers(&bench, number, true).await, [""; 0]);
    // A tag is for people and can be changed: it is not what decides.
    let request = pb::UpdateVersionRequest {
        model: "churn".into(),
        number,
        tags: labels(&[("sampled", "no")]),
        ..Default::default()
    };
    bench.version_service().update_version(request).await.unwrap();
    assert_eq!(Refusal::from(bench.promote("churn", number).await.unwrap_err()).reason, "VERSION_SAMPLED");

    let by_hand = pb::PromoteRequest { allow_sampled: true, ..promote("churn", number) };
    let silent = pb::PromoteRequest { reason: " ".into(), ..by_hand.clone() };
    assert_eq!(Refusal::of(bench.promotion_service().promote(silent).await).fields, ["reason"]);
    assert_eq!(bench.champion("churn").await, 0);
    bench.promotion_service().promote(by_hand).await.unwrap();
    assert_eq!(bench.champion("churn").await, number);
}

#[tokio::test]
async fn a_chain_with_a_sampled_member_is_not_promoted_by_itself() {
    // F75
    let bench = Bench::start().await;
    let member = sampled(&bench, "churn").await;
    made(&bench, "blending", lineage(), &[("churn", member)]).await;
    bench.validate("blending", 1).await;
    let refused = Refusal::from(bench.promote("blending", 1).await.unwrap_err());
    assert_eq!((refused.reason.as_str(), refused.value("model")), ("VERSION_SAMPLED", "churn"));
    let by_hand = pb::PromoteRequest { allow_sampled: true, ..promote("blending", 1) };
    bench.promotion_service().promote(by_hand).await.unwrap();
    assert_eq!((bench.champion("churn").await, bench.champion("blending").await), (member, 1));
}
