//! Chains: versions that use each other's answers, and move as one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::fixture::{Answer, Bench, Call, FakeReplica, create_version, demote, reason};

const MODELS: [&str; 3] = ["poisson", "blending", "calibration"];

/// Registers the next version of `model` on top of `upstream`.
async fn member(bench: &Bench, model: &str, upstream: Option<(&str, u64)>) -> u64 {
    let upstreams = upstream.map(|(model, number)| pb::VersionReference { model: model.into(), number });
    let content = format!("{model} on {upstream:?} {}", bench.audit().await.len());
    let request = pb::CreateVersionRequest {
        upstreams: upstreams.into_iter().collect(),
        ..create_version(model, bench.bundle(&content).await)
    };
    bench.version_service().create_version(request).await.unwrap().into_inner().version.unwrap().number
}

/// Registers a chain of three; returns the number of its last member.
pub(crate) async fn full_run(bench: &Bench) -> u64 {
    let poisson = member(bench, "poisson", None).await;
    let blending = member(bench, "blending", Some(("poisson", poisson))).await;
    member(bench, "calibration", Some(("blending", blending))).await
}

pub(crate) async fn promote_chain(bench: &Bench, number: u64) -> pb::Promotion {
    bench.validate("calibration", number).await;
    bench.promote("calibration", number).await.unwrap()
}

/// Champions by model, read at one moment, and whether each uses champions only.
async fn champions(bench: &Bench) -> (Vec<(String, u64)>, u64) {
    let table =
        bench.alias_service().get_serving_table(pb::GetServingTableRequest::default()).await.unwrap().into_inner();
    (table.entries.into_iter().map(|entry| (entry.model, entry.number)).collect(), table.generation)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_moves_whole_in_one_generation_and_back_again() {
    // F15, F16
    let bench = Arc::new(Bench::start().await);
    let first = full_run(&bench).await;
    let promoted = promote_chain(&bench, first).await;
    assert_eq!(promoted.generation, 1);
    let moved: Vec<_> = promoted.members.iter().map(|member| (member.model.as_str(), member.to_number)).collect();
    assert_eq!(moved, [("poisson", 1), ("blending", 1)]);

    let done = Arc::new(AtomicBool::new(false));
    let watching = {
        let (bench, done) = (Arc::clone(&bench), Arc::clone(&done));
        tokio::spawn(async move {
            let mut looks = 0;
            while !done.load(Ordering::Relaxed) {
                let (all, generation) = champions(&bench).await;
                let numbers: Vec<u64> = all.iter().map(|(_, number)| *number).collect();
                assert!(numbers == [1, 1, 1] || numbers == [2, 2, 2], "generation {generation}: {all:?}");
                looks += 1;
            }
            looks
        })
    };
    let second = full_run(&bench).await;
    assert_eq!(promote_chain(&bench, second).await.generation, 2);
    for model in MODELS {
        assert_eq!(bench.champion(model).await, 2);
        assert_eq!(bench.version(model, 1).await.display_state, "rollback_candidate");
    }
    assert_eq!(bench.rollback("calibration").await.unwrap().generation, 3);
    for model in MODELS {
        assert_eq!(bench.champion(model).await, 1, "the whole chain goes back");
    }
    done.store(true, Ordering::Relaxed);
    assert!(watching.await.unwrap() > 0);
    // F31: in the audit each champion that follows and each that leaves has its own line and stages.
    let lines = bench.audit().await;
    for (generation, left, followed) in [(1, "", "staging"), (2, "rollback_candidate", "staging")]
        .into_iter()
        .chain([(3, "archived", "rollback_candidate")])
    {
        let lines: Vec<_> = lines.iter().filter(|line| line.generation == generation).collect();
        let (leaves, follows): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.action == "archive");
        let moved: Vec<_> = follows.iter().map(|line| line.model.as_str()).collect();
        assert_eq!(moved, ["calibration", "blending", "poisson"]);
        for line in follows {
            assert_eq!((line.from_stage.as_str(), line.to_stage.as_str()), (followed, "production"), "{line:?}");
        }
        assert_eq!(leaves.len(), if generation == 1 { 0 } else { 3 });
        for line in leaves {
            assert_eq!((line.from_stage.as_str(), line.to_stage.as_str()), ("production", left), "{line:?}");
        }
    }
}

#[tokio::test]
async fn a_member_that_champions_depend_on_cannot_move_alone() {
    // F16
    let bench = Bench::start().await;
    let head = full_run(&bench).await;
    promote_chain(&bench, head).await;
    let alone = bench.candidate("poisson").await;
    let (code, why) = reason(bench.promote("poisson", alone).await);
    assert_eq!((code, why.as_str()), (Code::FailedPrecondition, "CHAIN_BROKEN"));
    let demoted = bench.promotion_service().demote(demote("blending")).await;
    assert_eq!(reason(demoted).1, "CHAIN_BROKEN");
    assert_eq!(champions(&bench).await.1, 1, "nothing moved");
    assert!(!bench.audit().await[0].done, "the attempt is in the audit");
    // The last member may go: nobody uses it.
    assert!(bench.promotion_service().demote(demote("calibration")).await.is_ok());
}

#[tokio::test]
async fn a_member_that_stays_champion_does_not_move() {
    let bench = Bench::start().await;
    let head = full_run(&bench).await;
    promote_chain(&bench, head).await;
    let blending = member(&bench, "blending", Some(("poisson", 1))).await;
    let calibration = member(&bench, "calibration", Some(("blending", blending))).await;
    let promoted = promote_chain(&bench, calibration).await;
    let moved: Vec<_> = promoted.members.iter().map(|member| (member.model.as_str(), member.from_number)).collect();
    assert_eq!(moved, [("blending", 1)]);
    assert_eq!(bench.champion("poisson").await, 1);
}

/// A validated version whose chain has two versions of one model.
pub(crate) async fn forked(bench: &Bench) -> u64 {
    let (one, two) = (member(bench, "poisson", None).await, member(bench, "poisson", None).await);
    let blending = member(bench, "blending", Some(("poisson", one))).await;
    let upstreams = [("blending", blending), ("poisson", two)]
        .map(|(model, number)| pb::VersionReference { model: model.into(), number });
    let request = pb::CreateVersionRequest {
        upstreams: upstreams.into(),
        ..create_version("calibration", bench.bundle("forked").await)
    };
    let number = bench.version_service().create_version(request).await.unwrap().into_inner().version.unwrap().number;
    bench.validate("calibration", number).await;
    number
}

/// The head of a validated chain of this many versions, each of a model of its own.
pub(crate) async fn line(bench: &Bench, length: usize) -> u64 {
    let mut number = 0;
    for i in 0..length {
        let before = format!("m{}", i.wrapping_sub(1));
        let upstream = (i > 0).then_some((before.as_str(), number));
        number = member(bench, &format!("m{i}"), upstream).await;
    }
    bench.validate(&format!("m{}", length - 1), number).await;
    number
}

#[tokio::test]
async fn a_chain_of_sixteen_moves_and_a_longer_one_is_too_long() {
    // F16
    let bench = Bench::start().await;
    let head = line(&bench, 17).await;
    let (code, why) = reason(bench.promote("m16", head).await);
    assert_eq!((code, why.as_str()), (Code::FailedPrecondition, "CHAIN_TOO_LONG"));
    bench.validate("m15", 1).await;
    assert_eq!(bench.promote("m15", 1).await.unwrap().members.len(), 15);
}

#[tokio::test]
async fn a_chain_with_two_versions_of_one_model_is_refused() {
    let bench = Bench::start().await;
    let number = forked(&bench).await;
    assert_eq!(reason(bench.promote("calibration", number).await).1, "CHAIN_FORKED");
}

#[tokio::test]
async fn every_member_is_prepared_and_one_refusal_stops_the_chain() {
    let bench = Bench::start().await;
    let replica = FakeReplica::join(&bench, "one").await;
    let head = full_run(&bench).await;
    bench.validate("calibration", head).await;
    replica.on_prepare(Answer::Refuse("golden row 3 differs"));
    assert_eq!(reason(bench.promote("calibration", head).await).1, "REPLICA_REFUSED");
    assert_eq!(bench.generation().await, 0);
    replica.on_prepare(Answer::Accept);
    bench.promote("calibration", head).await.unwrap();
    let prepared = replica.calls().into_iter().filter(|call| matches!(call, Call::Prepare(_))).count();
    assert_eq!(prepared, 1 + 3, "the refused one, then every member");
}

#[tokio::test]
async fn a_chain_is_read_in_one_call() {
    // F17
    let bench = Bench::start().await;
    let number = full_run(&bench).await;
    let request = pb::GetChainRequest { model: "calibration".into(), number };
    let chain = bench.version_service().get_chain(request).await.unwrap().into_inner().members;
    let names: Vec<_> = chain.iter().map(|version| (version.model.as_str(), version.number)).collect();
    assert_eq!(names, [("poisson", 1), ("blending", 1), ("calibration", 1)]);
}
