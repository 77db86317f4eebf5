//! Watching promotions: the whole story, in order, whoever watches and whenever.

use futures::future::join_all;
use lineal_proto::lineal::registry::v1::{self as pb, PromotionEventKind as Kind, watch_promotion_response::News};
use tonic::{Code, Streaming};

use crate::fixture::{Answer, Bench, Call, FakeReplica, Gate, Refusal, postgres_url, promote, reason, until};

/// Watches from event `after` on.
async fn watch(bench: &Bench, promotion_id: &str, after: u64) -> Streaming<pb::WatchPromotionResponse> {
    let request = pb::WatchPromotionRequest {
        promotion_id: promotion_id.into(),
        after_sequence: after,
        ..pb::WatchPromotionRequest::default()
    };
    bench.promotion_service().watch_promotion(request).await.unwrap().into_inner()
}

/// Watches the promotion of a call, as soon as it has begun one.
async fn watch_call(bench: &Bench, request_id: &str) -> Streaming<pb::WatchPromotionResponse> {
    let request = pb::WatchPromotionRequest { request_id: request_id.into(), ..pb::WatchPromotionRequest::default() };
    loop {
        match bench.promotion_service().watch_promotion(request.clone()).await {
            Ok(stream) => return stream.into_inner(),
            Err(status) => assert_eq!(reason::<()>(Err(status)).1, "PROMOTION_NOT_FOUND"),
        }
    }
}

async fn event(stream: &mut Streaming<pb::WatchPromotionResponse>) -> pb::PromotionEvent {
    match stream.message().await.unwrap().unwrap().news {
        Some(News::Event(event)) => event,
        other => panic!("{other:?}"),
    }
}

/// The rest of a story, and what became of the promotion.
async fn rest(mut stream: Streaming<pb::WatchPromotionResponse>) -> (Vec<pb::PromotionEvent>, pb::Promotion) {
    let mut events = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        match message.news.unwrap() {
            News::Event(event) => events.push(event),
            News::Promotion(promotion) => {
                assert!(stream.message().await.unwrap().is_none(), "nothing comes after the end");
                return (events, promotion);
            }
        }
    }
    panic!("the stream ended before the promotion did: {events:?}");
}

fn calling(
    bench: &Bench,
    request_id: &str,
    number: u64,
) -> tokio::task::JoinHandle<Result<pb::Promotion, tonic::Status>> {
    let request = pb::PromoteRequest { request_id: request_id.into(), ..promote("churn", number) };
    let mut service = bench.promotion_service();
    tokio::spawn(async move { Ok(service.promote(request).await?.into_inner().promotion.unwrap()) })
}

#[tokio::test]
async fn a_promotion_is_told_replica_by_replica_while_its_call_waits() {
    // F125
    let bench = Bench::start().await;
    FakeReplica::join(&bench, "r1").await;
    let slow = FakeReplica::join(&bench, "r2").await;
    let (prepare, reload) = (Gate::closed(), Gate::closed());
    slow.on_prepare(Answer::Late(prepare.clone()));
    slow.on_reload(Answer::Late(reload.clone()));
    let number = bench.candidate("churn").await;
    let moving = calling(&bench, "p1", number);
    let mut live = watch_call(&bench, "p1").await;
    let began = event(&mut live).await;
    assert_eq!((began.kind(), began.sequence), (Kind::Began, 1));
    assert_eq!(began.replicas, ["r1", "r2"]);
    let first = event(&mut live).await;
    assert_eq!((first.kind(), first.replica.as_str()), (Kind::ReplicaPrepared, "r1"));
    assert!(first.duration.is_some() && first.create_time.is_some());
    prepare.open();
    assert_eq!(event(&mut live).await.replica, "r2");
    let committed = event(&mut live).await;
    assert_eq!((committed.kind(), committed.generation), (Kind::Committed, 1));
    assert_eq!(event(&mut live).await.kind(), Kind::ReplicaReloaded);
    assert!(!moving.is_finished(), "the call waits for r2");
    reload.open();
    let (last, ended) = rest(live).await;
    assert_eq!(
        last.iter().map(|event| (event.sequence, event.kind())).collect::<Vec<_>>(),
        [(6, Kind::ReplicaReloaded)]
    );
    let answer = moving.await.unwrap().unwrap();
    assert_eq!(ended, answer);
    assert_eq!(
        (answer.state(), answer.under_way, answer.request_id.as_str()),
        (pb::PromotionState::Converged, false, "p1")
    );

    // Late, reconnected, and in the next process: the same story.
    let id = &answer.promotion_id;
    let (whole, ended) = rest(watch(&bench, id, 0).await).await;
    assert_eq!(whole.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(ended, answer);
    assert_eq!(rest(watch(&bench, id, 4).await).await.0, whole[4..]);
    assert_eq!(rest(watch(&bench, id, 99).await).await.0, []);
    let id = id.clone();
    let bench = bench.restart().await;
    assert_eq!(rest(watch(&bench, &id, 0).await).await, (whole, answer));
}

#[tokio::test]
async fn a_refused_promotion_is_told_with_its_reasons() {
    // F39
    let bench = Bench::start().await;
    FakeReplica::join(&bench, "r1").await.on_prepare(Answer::Refuse("golden row 3 differs"));
    let number = bench.candidate("churn").await;
    let refused = Refusal::from(calling(&bench, "p1", number).await.unwrap().unwrap_err());
    assert_eq!(refused.reason, "REPLICA_REFUSED");
    let (events, ended) = rest(watch_call(&bench, "p1").await).await;
    let told: Vec<_> = events.iter().map(|event| (event.kind(), event.problem.as_str())).collect();
    assert_eq!(told, [(Kind::Began, ""), (Kind::ReplicaRefused, "golden row 3 differs")]);
    assert_eq!((ended.state(), ended.refusal), (pb::PromotionState::Refused, refused.message));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_may_watch_and_a_slow_one_delays_nobody() {
    let bench = Bench::start().await;
    for i in 0..40 {
        FakeReplica::join(&bench, &format!("r{i:02}")).await;
    }
    let slow = FakeReplica::join(&bench, "slow").await;
    let gate = Gate::closed();
    slow.on_prepare(Answer::Late(gate.clone()));
    let number = bench.candidate("churn").await;
    let moving = calling(&bench, "p1", number);
    let unread = watch_call(&bench, "p1").await;
    let id = bench.promotions().await[0].promotion_id.clone();
    let watchers = join_all((0..300).map(|_| watch(&bench, &id, 0))).await;
    gate.open();
    let answer = moving.await.unwrap().unwrap();
    let told = join_all(watchers.into_iter().map(rest)).await;
    // 41 replicas prepare and reload between the beginning and the commit.
    let whole: Vec<u64> = (1..=2 + 2 * 41).collect();
    for (events, ended) in &told {
        assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), whole);
        assert_eq!(*ended, answer);
    }
    assert_eq!(rest(unread).await.0.len(), whole.len(), "the slow one has missed nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_tells_the_same_story() {
    // F5
    let database = postgres_url();
    let one = Bench::on_postgres(&database).await;
    let other = one.beside(&database).await;
    let replica = FakeReplica::join(&one, "r1").await;
    let gate = Gate::closed();
    replica.on_reload(Answer::Late(gate.clone()));
    let number = one.candidate("churn").await;
    let moving = calling(&one, "p1", number);
    let mut live = watch_call(&other, "p1").await;
    for kind in [Kind::Began, Kind::ReplicaPrepared, Kind::Committed] {
        assert_eq!(event(&mut live).await.kind(), kind);
    }
    gate.open();
    let (last, ended) = rest(live).await;
    assert_eq!(last.iter().map(|event| event.sequence).collect::<Vec<_>>(), [4]);
    assert_eq!(ended, moving.await.unwrap().unwrap());
}

#[tokio::test]
async fn what_to_watch_is_named_in_one_way() {
    let bench = Bench::start().await;
    let (promotion_id, request_id) = ("p".to_owned(), "r".to_owned());
    let both = pb::WatchPromotionRequest { promotion_id, request_id, after_sequence: 0 };
    for request in [both, pb::WatchPromotionRequest::default()] {
        let refused = Refusal::from(bench.promotion_service().watch_promotion(request).await.unwrap_err());
        assert_eq!((refused.code, refused.fields), (Code::InvalidArgument, vec!["promotion_id".to_owned()]));
    }
}

#[tokio::test]
async fn a_story_left_by_a_dead_process_is_ended() {
    // F6
    let bench = Bench::start().await;
    let replica = FakeReplica::join(&bench, "r1").await;
    replica.on_reload(Answer::Never);
    let number = bench.candidate("churn").await;
    let _moving = calling(&bench, "p1", number);
    replica.until_called(Call::Reload(1)).await;
    let id = bench.promotions().await[0].promotion_id.clone();

    let bench = bench.restart().await;
    assert!(bench.promotion(&id).await.under_way, "nobody has looked yet");
    let live = watch(&bench, &id, 0).await;
    bench.registry.look_after_promotions().await.unwrap();
    let (events, ended) = rest(live).await;
    assert_eq!(events.last().unwrap().kind(), Kind::Committed);
    assert_eq!((ended.state(), ended.generation, ended.under_way), (pb::PromotionState::Committed, 1, false));
    bench.beat("r1", 1).await.unwrap();
    bench.registry.look_after_promotions().await.unwrap();
    until("it converges", || async { bench.promotion(&id).await.state() == pb::PromotionState::Converged }).await;
}
