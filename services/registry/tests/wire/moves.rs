//! Promotion, rollback and demotion without replicas: what they change and what they refuse.

use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::fixture::{Bench, Refusal, create_version, demote, lineage, promote, reason, rollback};

async fn recipe(bench: &Bench) -> Result<String, tonic::Status> {
    let request = pb::GetDefaultsRequest { model: "churn".into(), ..Default::default() };
    let defaults = bench.promotion_service().get_defaults(request).await?.into_inner().defaults.unwrap();
    Ok(format!("{} {} {}", defaults.split_version, defaults.feature_version, defaults.model_version))
}

async fn crown_with(bench: &Bench, split_version: &str) {
    let request = pb::CreateVersionRequest {
        lineage: Some(pb::Lineage { split_version: split_version.into(), ..lineage() }),
        ..create_version("churn", bench.bundle(split_version).await)
    };
    let number = bench.version_service().create_version(request).await.unwrap().into_inner().version.unwrap().number;
    bench.validate("churn", number).await;
    bench.promote("churn", number).await.unwrap();
}

#[tokio::test]
async fn a_promotion_archives_the_champion_before_it() {
    // F6, F31
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let number = bench.candidate("churn").await;
    let made = bench.promote("churn", number).await.unwrap();
    assert_eq!((made.from_number, made.to_number, made.generation), (1, 2, 2));
    assert_eq!((made.kind(), made.actor.as_str()), (pb::PromotionKind::Promote, "ada"));
    assert_eq!(made.report_id, bench.version("churn", 2).await.validation.unwrap().report_id);
    let words = [bench.version("churn", 1).await.display_state, bench.version("churn", 2).await.display_state];
    assert_eq!(words, ["rollback_candidate", "production"]);
    let lines = bench.audit().await;
    let line = &lines[1];
    assert_eq!((line.action.as_str(), line.number, line.generation), ("archive", 1, 2));
    assert_eq!((line.from_stage.as_str(), line.to_stage.as_str()), ("production", "rollback_candidate"));
    let line = &lines[0];
    assert_eq!((line.action.as_str(), line.number, line.generation, line.done), ("promote", 2, 2, true));
    assert_eq!((line.from_stage.as_str(), line.to_stage.as_str()), ("staging", "production"));
    assert_eq!((line.actor.as_str(), line.detail.as_str()), ("ada", "better"));
}

#[tokio::test]
async fn former_champions_stay_readable_and_the_latest_is_the_way_back() {
    // F7, F37
    let bench = Bench::start().await;
    for _ in 0..10 {
        bench.crown("churn").await;
    }
    let request = pb::ListVersionsRequest {
        model: "churn".into(),
        display_state: "rollback_candidate".into(),
        ..Default::default()
    };
    let former = bench.version_service().list_versions(request).await.unwrap().into_inner().versions;
    let numbers: Vec<u64> = former.iter().map(|version| version.number).collect();
    assert_eq!(numbers, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    for version in &former {
        assert!(!bench.download(&version.digest).await.unwrap().is_empty());
    }
    let lines = bench.audit().await.len();
    let back = bench.rollback("churn").await.unwrap();
    assert_eq!((back.from_number, back.to_number, back.kind()), (10, 9, pb::PromotionKind::Rollback));
    assert_eq!(
        (bench.champion("churn").await, bench.version("churn", 10).await.display_state.as_str()),
        (9, "archived")
    );
    let audit = bench.audit().await;
    assert_eq!(audit.len(), lines + 2, "the champion that leaves, and the one that comes back");
    assert_eq!((audit[1].action.as_str(), audit[1].number, audit[1].to_stage.as_str()), ("archive", 10, "archived"));
    assert_eq!((audit[0].action.as_str(), audit[0].number, audit[0].to_stage.as_str()), ("rollback", 9, "production"));
    assert_eq!(audit[0].detail, "worse at weekends");
}

#[tokio::test]
async fn defaults_follow_the_champion_forward_and_back() {
    // F35
    let bench = Bench::start().await;
    bench.register("churn").await;
    assert_eq!(reason(recipe(&bench).await), (Code::NotFound, "ALIAS_NOT_FOUND".into()));
    crown_with(&bench, "split-v2").await;
    assert_eq!(recipe(&bench).await.unwrap(), "split-v2 features-v1 model-v1");
    crown_with(&bench, "split-v3").await;
    assert_eq!(recipe(&bench).await.unwrap(), "split-v3 features-v1 model-v1");
    let rejected = bench.promote("churn", 1).await;
    assert_eq!(reason(rejected), (Code::FailedPrecondition, "VALIDATION_REQUIRED".into()));
    assert_eq!(recipe(&bench).await.unwrap(), "split-v3 features-v1 model-v1");
    bench.rollback("churn").await.unwrap();
    assert_eq!(recipe(&bench).await.unwrap(), "split-v2 features-v1 model-v1");
}

#[tokio::test]
async fn a_demotion_leaves_the_slot_empty_and_is_audited() {
    // F39
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let done = bench.promotion_service().demote(demote("churn")).await.unwrap().into_inner().promotion.unwrap();
    assert_eq!((done.from_number, done.to_number, done.generation), (1, 0, 2));
    assert_eq!((bench.champion("churn").await, bench.generation().await), (0, 2));
    assert_eq!(bench.version("churn", 1).await.display_state, "archived");
    let line = bench.audit().await.remove(0);
    assert_eq!(
        (line.action.as_str(), line.from_stage.as_str(), line.to_stage.as_str()),
        ("demote", "production", "archived")
    );
    assert_eq!((line.number, line.detail.as_str()), (1, "out of use"));
    let again = reason(bench.promotion_service().demote(demote("churn")).await);
    assert_eq!(again, (Code::NotFound, "ALIAS_NOT_FOUND".into()));
    let healthy = reason(bench.rollback("churn").await);
    assert_eq!(healthy, (Code::FailedPrecondition, "NO_ROLLBACK_CANDIDATE".into()), "it did not leave healthy");
    let by_name = pb::RollbackRequest { number: 1, ..rollback("churn") };
    bench.promotion_service().rollback(by_name).await.unwrap();
    assert_eq!(bench.champion("churn").await, 1);
}

#[tokio::test]
async fn refused_attempts_are_audited_and_move_nothing() {
    // F39, F164
    let bench = Bench::start().await;
    bench.crown("churn").await;
    bench.crown("churn").await;
    let fresh = bench.register("churn").await.number;
    let digest = bench.version("churn", 1).await.digest;
    std::fs::remove_file(bench.file_of(&digest)).unwrap();
    let mut moves = bench.promotion_service();
    let refused = [
        (reason(moves.promote(promote("churn", fresh)).await).1, "promote", fresh),
        (reason(moves.promote(promote("churn", 2)).await).1, "promote", 2),
        (reason(moves.rollback(pb::RollbackRequest { number: fresh, ..rollback("churn") }).await).1, "rollback", fresh),
        (reason(moves.rollback(pb::RollbackRequest { number: 1, ..rollback("churn") }).await).1, "rollback", 1),
        (
            reason(moves.demote(pb::DemoteRequest { expected_champion: Some(1), ..demote("churn") }).await).1,
            "demote",
            2,
        ),
    ];
    let reasons: Vec<&str> = refused.iter().map(|(reason, ..)| reason.as_str()).collect();
    let expected = ["VALIDATION_REQUIRED", "ALREADY_CHAMPION", "NEVER_CHAMPION", "ARTIFACT_MISSING", "CHAMPION_MOVED"];
    assert_eq!(reasons, expected);
    let mut lines = bench.audit().await;
    lines.retain(|line| line.action != "check_artifact");
    for ((_, action, number), line) in refused.iter().rev().zip(&lines) {
        assert_eq!((line.action.as_str(), line.number, line.done), (*action, *number, false));
        assert!(!line.detail.is_empty() && line.actor == "ada");
    }
    assert_eq!((bench.champion("churn").await, bench.generation().await), (2, 2));
    let kept: Vec<_> = bench.promotions().await.iter().map(|it| (it.kind(), it.state())).collect();
    let refused = (pb::PromotionKind::Rollback, pb::PromotionState::Refused);
    let promoted = (pb::PromotionKind::Promote, pb::PromotionState::Committed);
    assert_eq!(kept, [refused, refused, promoted, promoted], "the history of rollbacks has the refused ones too");
}

#[tokio::test]
async fn a_validation_against_a_former_champion_does_not_count() {
    // F39
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let late = bench.candidate("churn").await;
    bench.crown("churn").await;
    let moved = Refusal::of(bench.promotion_service().promote(promote("churn", late)).await);
    assert_eq!((moved.code, moved.reason.as_str()), (Code::Aborted, "CHAMPION_MOVED"));
    assert_eq!((moved.value("expected"), moved.value("found")), ("1", "3"));
    bench.validate("churn", late).await;
    let other = pb::PromoteRequest { report_id: "another".into(), ..promote("churn", late) };
    assert_eq!(reason(bench.promotion_service().promote(other).await).1, "VALIDATION_REQUIRED");
    let expecting = pb::PromoteRequest { expected_champion: Some(0), ..promote("churn", late) };
    assert_eq!(reason(bench.promotion_service().promote(expecting).await).1, "CHAMPION_MOVED");
    bench.promote("churn", late).await.unwrap();
}

#[tokio::test]
async fn a_plan_says_what_stands_in_the_way_and_changes_nothing() {
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let fresh = bench.register("churn").await;
    std::fs::remove_file(bench.file_of(&fresh.digest)).unwrap();
    let lines = bench.audit().await;
    let request = pb::PlanPromotionRequest { model: "churn".into(), number: 2, ..Default::default() };
    let plan = bench.promotion_service().plan_promotion(request).await.unwrap().into_inner();
    assert_eq!((plan.from_number, plan.to_number, plan.generation), (1, 2, 2));
    assert!(plan.blockers[0].contains("has not been validated") && plan.blockers[1].contains("manifest.json"));
    assert_eq!(plan.defaults.unwrap().split_version, "split-v1");
    assert_eq!((bench.audit().await, bench.generation().await), (lines, 1));
    let unknown = pb::PlanPromotionRequest { model: "churn".into(), number: 9, ..Default::default() };
    assert_eq!(reason(bench.promotion_service().plan_promotion(unknown).await).1, "VERSION_NOT_FOUND");
}
