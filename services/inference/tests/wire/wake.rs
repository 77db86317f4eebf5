//! Requests that find their slot asleep: loaded once for all, refused with a reason when that fails, never left with an old version.

use std::{sync::Arc, time::Duration};

use crate::fixture::{Idle, request, version, version_at};
use futures::future::join_all;
use lineal_proto::lineal::inference::v1 as pb;
use lineal_rpc::reason_of;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

/// That a refusal is for this reason and says when to try again.
#[track_caller]
fn assert_for_now(refused: &Status, code: Code, reason: &str) {
    assert_eq!((refused.code(), reason_of(refused).as_deref()), (code, Some(reason)), "{refused}");
    assert_eq!(refused.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(1)));
}

/// A replica whose `churn` sleeps and can be loaded only once nobody holds its files back.
async fn held(waiting_requests: usize) -> Arc<Idle> {
    let idle = Idle::start_with(&[version("churn", 1)], |config| config.waiting_requests = waiting_requests).await;
    idle.sleep().await;
    idle.forget();
    idle.hold(Some(&version("churn", 1)));
    Arc::new(idle)
}

#[tokio::test]
async fn fifty_requests_at_once_load_a_sleeping_model_once_and_those_beyond_are_refused() {
    // F138
    let champion = version("churn", 1);
    let idle = held(50).await;
    let ask = |_| {
        let idle = idle.clone();
        tokio::spawn(async move { idle.replica.predict().await })
    };
    let asked: Vec<_> = (0..50).map(ask).collect();
    idle.until("all wait", |state| state.waiting_requests == 50).await;
    assert_for_now(&idle.replica.predict().await.unwrap_err(), Code::ResourceExhausted, "WAKE_QUEUE_FULL");
    idle.hold(None);
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap().unwrap().scores, champion.scores);
    }
    let state = idle.replica.state().await;
    assert_eq!((state.loads, state.loaded_models, state.wakes, state.waiting_requests), (2, 1, 1, 0));
    assert_eq!((state.served[0].requests, state.served[0].errors), (51, 1), "who was refused got no answer");
}

#[tokio::test]
async fn a_failed_wake_is_said_to_all_who_wait_and_the_next_request_tries_again() {
    // F138
    let champion = version("churn", 1);
    let idle = Idle::start(&[version("churn", 1)]).await;
    idle.sleep().await;
    idle.forget();
    idle.registry.with(|state| state.blobs.clear());
    for refused in join_all((0..5).map(|_| idle.replica.predict())).await {
        let refused = refused.unwrap_err();
        assert_for_now(&refused, Code::Unavailable, "WAKE_FAILED");
        assert!(refused.message().contains("is not in the artifact store"), "{refused}");
    }
    let state = idle.replica.state().await;
    assert_eq!((state.served[0].cold, state.served[0].errors, state.wakes), (true, 5, 0));
    idle.registry.store(&champion);
    assert_eq!(idle.replica.predict().await.unwrap().scores, champion.scores);
}

#[tokio::test]
async fn a_caller_who_leaves_stops_no_load() {
    // F138
    let champion = version("churn", 1);
    let idle = held(8).await;
    let mut hurried = Request::new(request("churn"));
    hurried.set_timeout(Duration::from_millis(100));
    let late = idle.replica.predictions().predict(hurried).await.unwrap_err();
    assert!([Code::Cancelled, Code::DeadlineExceeded].contains(&late.code()), "{late}");
    idle.until("nobody waits", |state| state.waiting_requests == 0).await;
    idle.hold(None);
    idle.until("loaded for nobody", |state| state.loaded_models == 1).await;
    assert!(idle.replica.state().await.served[0].cold);
    assert_eq!(idle.replica.predict().await.unwrap().scores, champion.scores);
    let state = idle.replica.state().await;
    assert_eq!((state.loads, state.loaded_models, state.served[0].errors), (2, 1, 1));
}

#[tokio::test]
async fn an_alias_that_cannot_wake_keeps_no_champion_asleep() {
    // F138
    let champion = version("churn", 1);
    let candidate = version_at("candidate", "churn", 2);
    let idle = Idle::start(&[version("churn", 1), version_at("candidate", "churn", 2)]).await;
    idle.sleep().await;
    idle.forget();
    idle.registry.damage(candidate.bundle.manifest().files["model.json"].digest);
    assert_eq!(idle.replica.predict().await.unwrap().scores, champion.scores);
    let asked = || pb::PredictRequest { version: "@candidate".into(), ..request("churn") };
    let refused = idle.replica.predictions().predict(asked()).await.unwrap_err();
    assert_eq!(reason_of(&refused).as_deref(), Some("VERSION_NOT_LOADED"), "{refused}");

    idle.registry.store(&candidate);
    idle.sleep().await;
    let answer = idle.replica.predictions().predict(asked()).await.unwrap().into_inner();
    assert_eq!(answer.scores, candidate.scores, "it slept with its slot and is tried again");
}

#[tokio::test]
async fn a_generation_wakes_what_it_changes_and_nothing_else() {
    // F138
    let (second, fraud) = (version("churn", 2), version("fraud", 3));
    let idle = Idle::start(&[version("churn", 1), version("fraud", 3)]).await;
    idle.sleep().await;
    let generation = idle.registry.promote(&second);
    assert_eq!(idle.replica.prepare(&second).await.unwrap().golden_rows, 16);
    assert_eq!(idle.replica.reload(generation).await.unwrap(), 3);
    let state = idle.replica.state().await;
    let cold: Vec<_> = state.served.iter().map(|served| (served.version, served.cold)).collect();
    assert_eq!((cold, state.loads, state.loaded_models), (vec![(2, false), (3, true)], 3, 1));
    assert_eq!(idle.replica.predict().await.unwrap().scores, second.scores);

    let answer = idle.replica.predictions().predict(request("fraud")).await.unwrap().into_inner();
    let pedigree = answer.pedigree.unwrap();
    assert_eq!((answer.scores, pedigree.version, pedigree.generation), (fraud.scores, 3, 3));
}

#[tokio::test]
async fn a_version_that_cannot_be_loaded_is_refused_while_the_old_one_sleeps() {
    // F138
    let (first, second) = (version("churn", 1), version("churn", 2));
    let idle = Idle::start(&[version("churn", 1)]).await;
    idle.sleep().await;
    let generation = idle.registry.promote(&second);
    idle.registry.damage(second.bundle.manifest().files["model.json"].digest);
    for refused in [idle.replica.prepare(&second).await.map(drop), idle.replica.reload(generation).await.map(drop)] {
        assert_eq!(reason_of(&refused.unwrap_err()).as_deref(), Some("BUNDLE_DAMAGED"));
    }
    let answer = idle.replica.predict().await.unwrap();
    assert_eq!((answer.scores, answer.pedigree.unwrap().generation), (first.scores, 1));
}

#[tokio::test]
async fn who_waits_while_a_promotion_overtakes_is_answered_by_the_new_version() {
    // F138
    let second = version("churn", 2);
    let idle = held(8).await;
    let waiting = idle.clone();
    let waiting = tokio::spawn(async move { waiting.replica.predict().await });
    idle.until("it waits", |state| state.waiting_requests == 1).await;
    assert_eq!(idle.replica.reload(idle.registry.promote(&second)).await.unwrap(), 2);
    assert_eq!(idle.replica.predict().await.unwrap().scores, second.scores, "nobody else waits");
    idle.hold(None);
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!((answer.scores, answer.pedigree.unwrap().generation), (second.scores, 2));
    idle.until("the old one is freed", |state| state.loaded_models == 1).await;
}

#[tokio::test]
async fn a_slot_that_wakes_while_a_generation_loads_stays_awake() {
    // F138
    let champion = version("churn", 1);
    let idle = Arc::new(Idle::start(&[version("churn", 1)]).await);
    idle.sleep().await;
    let fraud = version("fraud", 3);
    idle.hold(Some(&fraud));
    let generation = idle.registry.promote(&fraud);
    let reloading = idle.clone();
    let reloading = tokio::spawn(async move { reloading.replica.reload(generation).await });
    let file = fraud.bundle.manifest().files["model.json"].digest.to_string();
    idle.registry.until("the reload is under way", |state| state.downloads.contains_key(&file)).await;
    assert_eq!(idle.replica.predict().await.unwrap().scores, champion.scores);
    idle.hold(None);
    assert_eq!(reloading.await.unwrap().unwrap(), 2);
    let state = idle.replica.state().await;
    assert_eq!((state.served[0].cold, state.wakes, state.loads), (false, 1, 3));
}
