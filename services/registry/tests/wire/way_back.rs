//! The way back: artifacts are read again before they are needed, and a rollback goes past those that are damaged.

use std::{fs, path::PathBuf};

use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::{
    chains::{full_run, promote_chain},
    fixture::{Bench, CHECK_EVERY, FakeReplica, Refusal, promote, rollback},
};

/// Where the model of a version lies.
async fn model_file(bench: &Bench, model: &str, number: u64) -> PathBuf {
    let digest = bench.version(model, number).await.digest;
    let manifest = fs::read_to_string(bench.file_of(&digest)).unwrap();
    let (_, rest) = manifest.split_once(r#""digest":""#).unwrap();
    bench.file_of(rest.split('"').next().unwrap())
}

async fn flip(bench: &Bench, model: &str, number: u64) {
    let file = model_file(bench, model, number).await;
    let mut content = fs::read(&file).unwrap();
    content[0] ^= 1;
    fs::write(file, content).unwrap();
}

async fn in_state(bench: &Bench, word: &str) -> Vec<u64> {
    let request = pb::ListVersionsRequest { model: "churn".into(), display_state: word.into(), ..Default::default() };
    let found = bench.version_service().list_versions(request).await.unwrap().into_inner().versions;
    found.into_iter().map(|version| version.number).collect()
}

async fn rollbacks(bench: &Bench, state: pb::PromotionState) -> Vec<pb::Promotion> {
    let request = pb::ListPromotionsRequest {
        model: "churn".into(),
        kind: pb::PromotionKind::Rollback.into(),
        state: state.into(),
        ..Default::default()
    };
    bench.promotion_service().list_promotions(request).await.unwrap().into_inner().promotions
}

async fn standbys(bench: &Bench) -> Vec<pb::Standby> {
    let request = pb::GetServingTableRequest { include_standbys: true };
    bench.alias_service().get_serving_table(request).await.unwrap().into_inner().standbys
}

fn numbers(skipped: &[pb::SkippedCandidate]) -> Vec<u64> {
    skipped.iter().map(|skipped| skipped.number).collect()
}

#[tokio::test]
async fn a_candidate_whose_artifact_is_gone_is_archived_until_it_is_back() {
    // F7, F13
    let bench = Bench::start().await;
    for _ in 0..3 {
        bench.crown("churn").await;
    }
    assert_eq!(in_state(&bench, "rollback_candidate").await, [2, 1]);
    assert!(bench.registry.check_artifacts().await.unwrap());
    let file = model_file(&bench, "churn", 2).await;
    let content = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(!bench.registry.check_artifacts().await.unwrap(), "it is not due");
    let lines = bench.audit().await.len();
    for _ in 0..2 {
        bench.clock.advance(CHECK_EVERY);
        assert!(bench.registry.check_artifacts().await.unwrap());
    }
    let check = bench.version("churn", 2).await.check.unwrap();
    assert!(check.problem.contains("`model.bin`") && check.problem.contains("is not in the artifact store"));
    assert_eq!((in_state(&bench, "archived").await, in_state(&bench, "rollback_candidate").await), (vec![2], vec![1]));
    let audit = bench.audit().await;
    assert_eq!(audit.len(), lines + 1, "what stays as it is makes no noise");
    assert_eq!((audit[0].action.as_str(), audit[0].number, audit[0].done), ("check_artifact", 2, false));
    assert!(audit[0].detail.contains("model.bin"), "{}", audit[0].detail);

    fs::write(&file, content).unwrap();
    bench.clock.advance(CHECK_EVERY);
    bench.registry.check_artifacts().await.unwrap();
    assert_eq!(bench.version("churn", 2).await.check.unwrap().problem, "");
    assert_eq!(in_state(&bench, "rollback_candidate").await, [2, 1]);
    assert!(bench.audit().await[0].done);
}

#[tokio::test]
async fn a_rollback_goes_past_a_damaged_candidate_and_says_so() {
    // F112, F113
    let bench = Bench::start().await;
    for _ in 0..4 {
        bench.crown("churn").await;
    }
    flip(&bench, "churn", 3).await;
    fs::remove_file(bench.file_of(&bench.version("churn", 2).await.digest)).unwrap();
    let back = bench.rollback("churn").await.unwrap();
    assert_eq!((back.from_number, back.to_number), (4, 1));
    assert_eq!(numbers(&back.skipped), [3, 2]);
    assert!(back.skipped[0].reason.contains("`model.bin`") && back.skipped[0].reason.contains("damaged"));
    assert!(back.skipped[1].reason.contains("`manifest.json`"), "{}", back.skipped[1].reason);
    assert_eq!((bench.promotion(&back.promotion_id).await, bench.champion("churn").await), (back, 1));
    let done = bench.audit().await.remove(0);
    assert!(done.detail.contains("passed over version 3: `model.bin`"), "{}", done.detail);
    assert!(done.detail.contains("passed over version 2: `manifest.json`"), "{}", done.detail);
    assert_eq!(in_state(&bench, "archived").await, [4, 3, 2], "the rollback has found it before the keeper");
}

#[tokio::test]
async fn without_a_whole_candidate_each_one_is_named() {
    // F113, F26
    let bench = Bench::start().await;
    for _ in 0..3 {
        bench.crown("churn").await;
    }
    for number in [1, 2] {
        flip(&bench, "churn", number).await;
    }
    let refused = Refusal::of(bench.promotion_service().rollback(rollback("churn")).await);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::FailedPrecondition, "NO_ROLLBACK_CANDIDATE"));
    let tried: Vec<&str> = refused.preconditions.iter().map(|(subject, _)| subject.as_str()).collect();
    assert_eq!(tried, ["churn/2", "churn/1"]);
    assert!(refused.preconditions[0].1.contains("model.bin"), "{refused:?}");
    let named = pb::RollbackRequest { number: 1, ..rollback("churn") };
    let refused = Refusal::of(bench.promotion_service().rollback(named).await);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::DataLoss, "ARTIFACT_DAMAGED"));
    assert_eq!(refused.value("file"), "model.bin");
    assert_eq!((bench.champion("churn").await, bench.generation().await), (3, 3));

    let history = rollbacks(&bench, pb::PromotionState::Unspecified).await;
    let told: Vec<_> = history.iter().map(|it| (it.from_number, it.to_number, it.state())).collect();
    assert_eq!(told, [(3, 1, pb::PromotionState::Refused), (3, 0, pb::PromotionState::Refused)]);
    assert_eq!(numbers(&history[1].skipped), [2, 1]);
    assert!(history[0].refusal.contains("model.bin") && history[0].actor == "ada");
    let lines = bench.audit().await.into_iter().filter(|line| line.action == "rollback" && !line.done).count();
    assert_eq!(lines, 2);
}

#[tokio::test]
async fn the_history_of_rollbacks_is_complete() {
    // F26
    let bench = Bench::start().await;
    for _ in 0..3 {
        bench.crown("churn").await;
    }
    let asked = pb::RollbackRequest {
        trigger: pb::RollbackTrigger::Drift.into(),
        evidence: [("psi".to_owned(), 0.31)].into(),
        request_id: "drift-1".into(),
        ..rollback("churn")
    };
    let never = pb::RollbackRequest { number: 9, ..rollback("churn") };
    assert_eq!(Refusal::of(bench.promotion_service().rollback(never).await).reason, "NEVER_CHAMPION");
    let back = bench.promotion_service().rollback(asked.clone()).await.unwrap().into_inner().promotion.unwrap();
    assert_eq!(bench.promotion_service().rollback(asked).await.unwrap().into_inner().promotion.unwrap(), back);
    let replica = FakeReplica::join(&bench, "r1").await;
    replica.on_prepare(crate::fixture::Answer::Refuse("golden row 3 differs"));
    let refused = Refusal::of(bench.promotion_service().rollback(rollback("churn")).await);
    assert_eq!(refused.reason, "REPLICA_REFUSED");

    let history = rollbacks(&bench, pb::PromotionState::Unspecified).await;
    let told: Vec<_> = history.iter().map(|it| (it.from_number, it.to_number, it.state(), it.trigger())).collect();
    let (refused, manual) = (pb::PromotionState::Refused, pb::RollbackTrigger::Manual);
    assert_eq!(
        told,
        [
            (2, 1, refused, manual),
            (3, 2, pb::PromotionState::Committed, pb::RollbackTrigger::Drift),
            (3, 9, refused, manual),
        ]
    );
    assert_eq!(history[1].evidence, [("psi".to_owned(), 0.31)].into());
    assert!(history[0].refusal.contains("golden row 3 differs") && history[2].refusal.contains("never champion"));
    assert!(history.iter().all(|it| it.reason == "worse at weekends" && it.actor == "ada"));
    assert_eq!(rollbacks(&bench, refused).await, [history[0].clone(), history[2].clone()]);
    assert_eq!(bench.champion("churn").await, 2);
}

#[tokio::test]
async fn one_flipped_byte_stops_a_promotion() {
    // F21
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let number = bench.candidate("churn").await;
    flip(&bench, "churn", number).await;
    let refused = Refusal::of(bench.promotion_service().promote(promote("churn", number)).await);
    assert_eq!((refused.reason.as_str(), refused.value("file")), ("ARTIFACT_DAMAGED", "model.bin"));
    assert_eq!((bench.champion("churn").await, bench.generation().await), (1, 1));
}

#[tokio::test]
async fn a_chain_is_as_whole_as_its_members() {
    // F13, F16
    let bench = Bench::start().await;
    for _ in 0..3 {
        let head = full_run(&bench).await;
        promote_chain(&bench, head).await;
    }
    flip(&bench, "poisson", 2).await;
    assert!(bench.registry.check_artifacts().await.unwrap());
    assert!(bench.version("poisson", 2).await.check.unwrap().problem.contains("model.bin"));
    let table = standbys(&bench).await;
    let heads: Vec<_> = table.iter().map(|standby| (standby.model.as_str(), standby.number)).collect();
    assert_eq!(heads, [("blending", 1), ("calibration", 1), ("poisson", 1)]);
    let bundles: Vec<_> = table[1].bundles.iter().map(|bundle| (bundle.model.as_str(), bundle.number)).collect();
    assert_eq!(bundles, [("poisson", 1), ("blending", 1), ("calibration", 1)]);
    assert!(table[1].bundles.iter().all(|bundle| bundle.check_time.is_some()));
    assert!(table[1].skipped[0].reason.contains("it uses `poisson` version 2: `model.bin`"), "{table:?}");
    let back = bench.rollback("calibration").await.unwrap();
    assert_eq!((back.to_number, numbers(&back.skipped)), (1, vec![2]));
    for model in ["poisson", "blending", "calibration"] {
        assert_eq!(bench.champion(model).await, 1);
    }
}

#[tokio::test]
async fn standbys_are_named_only_to_who_asks_and_replicas_say_what_they_keep() {
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let first = standbys(&bench).await;
    assert_eq!((first.len(), first[0].number, first[0].bundles.len()), (1, 0, 0), "there is no way back yet");
    bench.crown("churn").await;
    let plain = bench.alias_service().get_serving_table(pb::GetServingTableRequest::default()).await.unwrap();
    assert!(plain.into_inner().standbys.is_empty());
    let standby = standbys(&bench).await.remove(0);
    let digest = bench.version("churn", 1).await.digest;
    assert_eq!((standby.number, standby.bundles[0].digest.as_str()), (1, digest.as_str()));

    FakeReplica::join(&bench, "r1").await;
    let now = Some(lineal_rpc::timestamp(lineal_kernel::Timestamp::from_micros(1_736_951_422_000_007)));
    let report = pb::StandbyReport { digest, ready_time: now, check_time: now, problem: String::new() };
    let beat = pb::HeartbeatRequest { name: "r1".into(), standbys: vec![report.clone()], ..Default::default() };
    bench.replica_service().heartbeat(beat.clone()).await.unwrap();
    let listed = bench.replica_service().list_replicas(pb::ListReplicasRequest::default()).await.unwrap();
    assert_eq!(listed.into_inner().replicas[0].standbys, std::slice::from_ref(&report));
    let bad = pb::StandbyReport { digest: "sha256:7".into(), ..report };
    let refused =
        Refusal::of(bench.replica_service().heartbeat(pb::HeartbeatRequest { standbys: vec![bad], ..beat }).await);
    assert_eq!(refused.fields, ["standbys[0].digest"]);
}
