//! Promotions with replicas: all prepare it, or nothing moves.

use std::time::{Duration, Instant};

use lineal_proto::lineal::registry::v1 as pb;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tonic::Code;

use crate::fixture::{Answer, Bench, Call, FakeReplica, Gate, Refusal, SOON, promote, take_lease};

fn outcome<'a>(promotion: &'a pb::Promotion, replica: &str) -> &'a pb::ReplicaOutcome {
    promotion.replicas.iter().find(|outcome| outcome.replica == replica).unwrap()
}

#[tokio::test]
async fn every_replica_prepares_then_reloads() {
    // F125
    let bench = Bench::start().await;
    let replicas = [FakeReplica::join(&bench, "r1").await, FakeReplica::join(&bench, "r2").await];
    let number = bench.candidate("churn").await;
    let done = bench.promote("churn", number).await.unwrap();
    assert_eq!((done.state(), done.generation), (pb::PromotionState::Converged, 1));
    assert!(done.replicas.iter().all(|it| it.prepared && it.reloaded && it.problem.is_empty()));
    assert!(done.commit_time.is_some() && done.converge_time.is_some());
    assert_eq!(bench.promotion(&done.promotion_id).await, done);
    for replica in replicas {
        assert_eq!(replica.calls(), [Call::Prepare(1), Call::Reload(1)]);
    }
}

#[tokio::test]
async fn one_refusal_moves_nothing_and_names_replica_and_reason() {
    // F39
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let (r1, r2) = (FakeReplica::join(&bench, "r1").await, FakeReplica::join(&bench, "r2").await);
    let number = bench.candidate("churn").await;
    r2.on_prepare(Answer::Refuse("golden row 3 differs"));
    let refused = Refusal::of(bench.promotion_service().promote(promote("churn", number)).await);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::FailedPrecondition, "REPLICA_REFUSED"));
    assert_eq!(refused.preconditions, [("r2".to_owned(), "golden row 3 differs".to_owned())]);
    assert!(refused.message.contains("replica `r2` refused: golden row 3 differs"), "{}", refused.message);

    assert_eq!((bench.champion("churn").await, bench.generation().await), (1, 1));
    let digest = bench.version("churn", number).await.digest;
    assert_eq!(r1.calls(), [Call::Prepare(2), Call::Release(digest)]);
    assert_eq!(r2.calls(), [Call::Prepare(2)], "it holds nothing that it could release");
    let kept = bench.promotions().await.remove(0);
    assert_eq!((kept.state(), kept.generation), (pb::PromotionState::Refused, 0));
    assert!(kept.refusal.contains("golden row 3 differs"));
    assert!(outcome(&kept, "r1").prepared && !outcome(&kept, "r2").prepared);
    let line = bench.audit().await.remove(0);
    assert_eq!((line.action.as_str(), line.number, line.done), ("promote", 2, false));
    assert!(line.detail.contains("golden row 3 differs"));

    r2.on_prepare(Answer::Accept);
    bench.promote("churn", number).await.unwrap();
    assert_eq!(bench.champion("churn").await, number);
}

#[tokio::test]
async fn a_replica_that_never_answers_costs_its_deadline() {
    let bench = Bench::with_timeouts(Duration::from_millis(200), SOON).await;
    FakeReplica::join(&bench, "r1").await;
    FakeReplica::join(&bench, "r2").await.on_prepare(Answer::Never);
    // Takes connections and says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    take_lease(&bench, "r3", &format!("http://{}", mute.local_addr().unwrap())).await;
    // Has room for one connection, which is taken.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(0).unwrap();
    let address = full.local_addr().unwrap();
    let _only = TcpStream::connect(address).await.unwrap();
    take_lease(&bench, "r4", &format!("http://{address}")).await;
    let number = bench.candidate("churn").await;
    let begun = Instant::now();
    let refused = Refusal::of(bench.promotion_service().promote(promote("churn", number)).await);
    assert!(begun.elapsed() >= Duration::from_millis(200) && begun.elapsed() < SOON / 2, "{:?}", begun.elapsed());
    let expected = ["r2", "r3", "r4"].map(|replica| (replica.to_owned(), "no answer in time".to_owned()));
    assert_eq!(refused.preconditions, expected);
    assert_eq!(bench.champion("churn").await, 0);
}

#[tokio::test]
async fn a_slow_replica_delays_no_other() {
    let bench = Bench::start().await;
    let (a, b) = (FakeReplica::join(&bench, "a").await, FakeReplica::join(&bench, "b").await);
    let (prepare, reload) = (Gate::closed(), Gate::closed());
    a.on_prepare(Answer::Late(prepare.clone()));
    a.on_reload(Answer::Late(reload.clone()));
    let number = bench.candidate("churn").await;
    let mut service = bench.promotion_service();
    let moving = tokio::spawn(async move { service.promote(promote("churn", number)).await });
    b.until_called(Call::Prepare(1)).await;
    assert_eq!(bench.register("fraud").await.number, 1, "other work goes on");
    assert_eq!(bench.champion("churn").await, 0, "the alias moves last");
    prepare.open();
    b.until_called(Call::Reload(1)).await;
    assert_eq!(bench.champion("churn").await, 1);
    reload.open();
    let done = moving.await.unwrap().unwrap().into_inner().promotion.unwrap();
    assert_eq!(done.state(), pb::PromotionState::Converged);
}

#[tokio::test]
async fn what_is_committed_stays_so_whatever_replicas_answer_to_the_reload() {
    // F125
    let bench = Bench::with_timeouts(SOON, Duration::from_millis(200)).await;
    FakeReplica::join(&bench, "r1").await;
    FakeReplica::join(&bench, "r2").await.on_reload(Answer::Never);
    FakeReplica::join(&bench, "r3").await.on_reload(Answer::Refuse("disk full"));
    FakeReplica::join(&bench, "r4").await.on_reload(Answer::Generation(0));
    let number = bench.candidate("churn").await;
    let done = bench.promote("churn", number).await.unwrap();
    assert_eq!((done.state(), bench.champion("churn").await), (pb::PromotionState::Committed, 1));
    let problems: Vec<_> = done.replicas.iter().map(|it| (it.reloaded, it.problem.as_str())).collect();
    let expected =
        [(true, ""), (false, "no answer in time"), (false, "disk full"), (false, "still serves generation 0")];
    assert_eq!(problems, expected);
    assert_eq!(bench.promotion(&done.promotion_id).await, done);
}

#[tokio::test]
async fn policy_none_moves_at_once_and_replicas_follow() {
    // F125
    let bench = Bench::with_timeouts(SOON, SOON).await;
    let replica = FakeReplica::join(&bench, "r1").await;
    replica.on_prepare(Answer::Refuse("must not be asked"));
    // Nothing listens there.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    take_lease(&bench, "r2", &format!("http://{gone}")).await;
    let number = bench.candidate("churn").await;
    let refused = Refusal::of(bench.promotion_service().promote(promote("churn", number)).await);
    assert_eq!(refused.preconditions.len(), 2);
    assert!(refused.preconditions[1].1.starts_with("not reachable"), "{:?}", refused.preconditions);

    let request = pb::PromoteRequest { policy: pb::ReloadPolicy::None.into(), ..promote("churn", number) };
    let done = bench.promotion_service().promote(request).await.unwrap().into_inner().promotion.unwrap();
    assert_eq!((done.state(), done.generation), (pb::PromotionState::Committed, 1));
    assert!(outcome(&done, "r1").reloaded && !outcome(&done, "r1").prepared);
    assert!(!outcome(&done, "r2").reloaded);
    assert_eq!(replica.calls(), [Call::Prepare(1), Call::Reload(1)]);
}

#[tokio::test]
async fn a_quorum_moves_and_the_others_follow() {
    let bench = Bench::start().await;
    let (one, two) = (FakeReplica::join(&bench, "r1").await, FakeReplica::join(&bench, "r2").await);
    two.on_prepare(Answer::Refuse("disk full"));
    let number = bench.candidate("churn").await;
    let quorum = |quorum| pb::PromoteRequest {
        policy: pb::ReloadPolicy::Quorum.into(),
        quorum,
        request_id: format!("quorum-{quorum}"),
        ..promote("churn", number)
    };
    let missed = Refusal::of(bench.promotion_service().promote(quorum(2)).await);
    assert_eq!((missed.reason.as_str(), missed.value("prepared")), ("QUORUM_MISSED", "1"));
    assert_eq!(bench.generation().await, 0);
    let done = bench.promotion_service().promote(quorum(1)).await.unwrap().into_inner().promotion.unwrap();
    assert_eq!((done.generation, done.policy(), done.quorum), (1, pb::ReloadPolicy::Quorum, 1));
    assert!(outcome(&done, "r2").reloaded && !outcome(&done, "r2").prepared, "it follows by itself");
    assert_eq!(one.calls().last(), Some(&Call::Reload(1)));
}

#[tokio::test]
async fn an_emptied_slot_is_reloaded_too() {
    // F39
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let replica = FakeReplica::join(&bench, "r1").await;
    let request = crate::fixture::demote("churn");
    let done = bench.promotion_service().demote(request).await.unwrap().into_inner().promotion.unwrap();
    assert_eq!(done.state(), pb::PromotionState::Converged);
    assert_eq!(replica.calls(), [Call::Reload(2)]);
}

#[tokio::test]
async fn a_mute_replica_refuses_at_the_deadline_of_the_request_and_the_policy_decides() {
    // ruling 11
    let bench = Bench::start().await;
    let replica = FakeReplica::join(&bench, "r1").await;
    // Takes connections and says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    take_lease(&bench, "r2", &format!("http://{}", mute.local_addr().unwrap())).await;
    let number = bench.candidate("churn").await;
    let patient = |millis| Some(lineal_rpc::duration(Duration::from_millis(millis)));
    let all = pb::PromoteRequest { prepare_timeout: patient(200), ..promote("churn", number) };
    let begun = Instant::now();
    let refused = Refusal::of(bench.promotion_service().promote(all.clone()).await);
    assert_eq!(refused.preconditions, [("r2".to_owned(), "no answer in time".to_owned())]);
    assert!(begun.elapsed() >= Duration::from_millis(200) && begun.elapsed() < SOON / 2, "{:?}", begun.elapsed());

    let policy = pb::ReloadPolicy::Quorum.into();
    let quorum = pb::PromoteRequest { policy, quorum: 1, request_id: "quorum".into(), ..all.clone() };
    let mut service = bench.promotion_service();
    let moving = tokio::spawn(async move { service.promote(quorum).await });
    replica.until_called(Call::Reload(1)).await;
    assert!(!moving.is_finished(), "the mute one has its deadline for the reload too");
    assert_eq!((bench.champion("churn").await, bench.generation().await), (number, 1));
    let kept = bench.promotions().await.remove(0);
    assert_eq!(kept.prepare_timeout, patient(200));
    moving.abort();

    for millis in [0, 240_001] {
        let request = pb::PromoteRequest { prepare_timeout: patient(millis), ..all.clone() };
        let refused = Refusal::of(bench.promotion_service().promote(request).await);
        assert_eq!(refused.fields, ["prepare_timeout"], "{millis} ms");
    }
}
