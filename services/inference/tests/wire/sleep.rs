//! Slots that nobody asks: their models leave memory and come back with the next request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::fixture::{
    ALMOST, Champion, Idle, MOMENT, PERIOD,
    batches::{customers, score},
    ensemble, raw_request, request, version, version_with,
};
use futures::{StreamExt as _, stream};
use lineal_models::EnsembleRule;
use lineal_proto::{
    inference::{
        ModelConfigRequest, ModelMetadataRequest, ModelReadyRequest, ModelStatisticsRequest, RepositoryIndexRequest,
    },
    lineal::{inference::v1 as pb, registry::v1::traffic::Part},
};

/// The answer without what no two answers share.
fn lasting(mut answer: pb::PredictResponse) -> pb::PredictResponse {
    let pedigree = answer.pedigree.as_mut().unwrap();
    pedigree.prediction_id.clear();
    pedigree.scored_time = None;
    answer
}

#[tokio::test]
async fn an_idle_model_leaves_memory_and_the_next_request_gets_the_same_answer() {
    // F138
    let idle = Idle::start(&[version("churn", 1)]).await;
    let before = idle.replica.predict().await.unwrap();
    assert_eq!(idle.replica.state().await.loaded_models, 1);
    idle.clock.advance(ALMOST);
    idle.look().await;
    let state = idle.replica.state().await;
    assert_eq!((state.served[0].cold, state.loaded_models, state.sleeps), (false, 1, 0));

    idle.clock.advance(MOMENT);
    idle.until("asleep", |state| state.served[0].cold && state.loaded_models == 0).await;
    let after = idle.replica.predict().await.unwrap();
    let bits = |answer: &pb::PredictResponse| answer.scores.iter().map(|score| score.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&after), bits(&before));
    assert_eq!(lasting(after), lasting(before));
    let state = idle.replica.state().await;
    assert_eq!((state.served[0].cold, state.loaded_models, state.sleeps, state.wakes), (false, 1, 1, 1));
    assert_eq!((state.loads, state.served[0].requests), (2, 2), "it counts on");

    idle.look().await;
    assert!(!idle.replica.state().await.served[0].cold, "the period begins anew");
    idle.sleep().await;
}

#[tokio::test]
async fn without_a_period_nothing_sleeps() {
    let idle = Idle::start_with(&[version("churn", 1)], |config| config.idle_after = None).await;
    idle.clock.advance(1000 * PERIOD);
    idle.look().await;
    let state = idle.replica.state().await;
    assert_eq!((state.loaded_models, state.sleeps), (1, 0));
}

#[tokio::test]
async fn traffic_keeps_a_slot_awake_and_failed_requests_are_traffic_too() {
    // F138
    let idle = Idle::start(&[version("churn", 1), version("fraud", 2)]).await;
    for turn in 0..4 {
        idle.clock.advance(ALMOST);
        if turn % 2 == 0 {
            idle.replica.predict().await.unwrap();
        } else {
            idle.replica
                .predictions()
                .predict(pb::PredictRequest { columns: vec![], ..request("churn") })
                .await
                .unwrap_err();
        }
        idle.look().await;
    }
    let state = idle.replica.state().await;
    let cold: Vec<_> = state.served.iter().map(|served| (served.model.as_str(), served.cold)).collect();
    assert_eq!(cold, [("churn", false), ("fraud", true)]);
    assert_eq!((state.loaded_models, state.sleeps), (1, 1));
}

#[tokio::test]
async fn every_door_wakes_what_it_needs() {
    // F138
    let champion = version("churn", 1);
    let idle = Idle::start(&[version("churn", 1)]).await;
    let mut client = idle.replica.open_inference();

    idle.sleep().await;
    let answer = client.model_infer(raw_request("churn")).await.unwrap().into_inner();
    let raw: Vec<u8> = champion.scores.iter().flat_map(|score| score.to_le_bytes()).collect();
    assert_eq!(answer.raw_output_contents[0], raw);

    idle.sleep().await;
    let answers = client
        .model_stream_infer(stream::iter([raw_request("churn"), raw_request("churn")]))
        .await
        .unwrap()
        .into_inner();
    let answers: Vec<_> = answers.map(|answer| answer.unwrap().infer_response.unwrap()).collect().await;
    assert!(answers.iter().all(|answer| answer.raw_output_contents[0] == raw), "{answers:?}");

    idle.sleep().await;
    let asked = ModelMetadataRequest { name: "churn".into(), version: String::new() };
    assert_eq!(client.model_metadata(asked).await.unwrap().into_inner().inputs.len(), 2);
    idle.look().await;
    assert!(!idle.replica.state().await.served[0].cold, "it was not loaded for nothing");

    idle.sleep().await;
    let asked = ModelConfigRequest { name: "churn".into(), version: "@champion".into() };
    assert_eq!(client.model_config(asked).await.unwrap().into_inner().config.unwrap().input.len(), 2);
    assert_eq!(idle.replica.state().await.wakes, 4);
}

#[tokio::test]
async fn a_sleeping_model_is_ready_and_says_so() {
    // F138
    let idle = Idle::start(&[version("churn", 1)]).await;
    let mut client = idle.replica.open_inference();
    idle.replica.predict().await.unwrap();
    idle.sleep().await;
    let asked = ModelReadyRequest { name: "churn".into(), version: "1".into() };
    assert!(client.model_ready(asked).await.unwrap().into_inner().ready);
    for ready in [false, true] {
        let asked = RepositoryIndexRequest { ready, ..Default::default() };
        let [model] = &client.repository_index(asked).await.unwrap().into_inner().models[..] else { panic!() };
        assert_eq!((model.state.as_str(), model.reason.as_str()), ("READY", "cold"));
    }
    let asked = ModelStatisticsRequest { name: "churn".into(), ..Default::default() };
    let stats = client.model_statistics(asked).await.unwrap().into_inner().model_stats;
    assert_eq!((stats[0].execution_count, stats[0].memory_usage[0].byte_size), (1, 0));
    assert!(idle.replica.ready().await);
    assert_eq!(idle.replica.state().await.wakes, 0);
}

#[tokio::test]
async fn a_batch_loads_for_itself_and_lets_its_slot_sleep() {
    // F138
    let idle = Idle::start(&[version("churn", 1)]).await;
    idle.sleep().await;
    let input = customers(&idle.folder.path().join("customers.csv"), 10);
    let (batch, _) = idle.replica.score(score(&input, &idle.folder.path().join("out"), "first")).await.unwrap();
    assert_eq!((batch.rows, batch.version), (10, 1));
    let state = idle.replica.state().await;
    assert_eq!((state.served[0].cold, state.wakes, state.loads), (true, 0, 2));
    idle.replica.predict().await.unwrap();
    let state = idle.replica.state().await;
    assert_eq!((state.loads, state.loaded_models), (2, 1), "what the batch loaded is not loaded twice");
}

#[tokio::test]
async fn a_slot_sleeps_and_wakes_as_one() {
    // F138
    let canary = || version_with(Part::SplitPerMille(500), "canary", "churn", 2);
    let shadow = version_with(Part::MirrorPerMille(1000), "shadow", "churn", 3);
    let idle = Idle::start(&[version("churn", 1), canary(), shadow]).await;
    idle.clock.advance(ALMOST);
    let asked = pb::PredictRequest { version: "@canary".into(), ..request("churn") };
    assert_eq!(idle.replica.predictions().predict(asked.clone()).await.unwrap().into_inner().scores, canary().scores);
    idle.clock.advance(MOMENT);
    idle.look().await;
    assert_eq!(idle.replica.state().await.loaded_models, 3, "one of them was asked");

    idle.sleep().await;
    assert_eq!(idle.replica.predictions().predict(asked).await.unwrap().into_inner().scores, canary().scores);
    let state = idle.replica.state().await;
    assert_eq!((state.served.iter().filter(|served| served.cold).count(), state.loaded_models), (0, 3));
    assert_eq!((state.loads, state.wakes), (6, 1));
    assert!(state.served.iter().all(|served| served.barred.is_empty()), "who was trusted still is");
    for _ in 0..8 {
        let pedigree = idle.replica.predict().await.unwrap().pedigree.unwrap();
        assert!(pedigree.version < 3, "a shadow answers nobody");
    }
    let shadows = || async { idle.replica.control().get_shadows(pb::GetShadowsRequest::default()).await.unwrap() };
    assert_eq!(shadows().await.into_inner().shadows[0].chosen, 8);
}

#[tokio::test]
async fn a_version_with_its_members_sleeps_and_wakes_as_one() {
    // F138
    let members = [version("churn", 1), version("churn", 2)];
    let together = ensemble(9, EnsembleRule::Fail, &[&members[0], &members[1]]);
    let idle = Idle::start_with(&[], |_| {}).await;
    for member in &members {
        idle.registry.store(member);
    }
    assert_eq!(idle.replica.reload(idle.registry.promote(&together)).await.unwrap(), 1);
    idle.sleep().await;
    assert_eq!(idle.replica.predict().await.unwrap().scores, together.scores);
    assert_eq!(idle.replica.state().await.loaded_models, 1);
}

#[tokio::test]
async fn a_bundle_that_another_slot_holds_is_not_loaded_again() {
    // F138
    let idle = Idle::start(&[version("churn", 1)]).await;
    idle.clock.advance(ALMOST);
    let mut elsewhere = version("churn", 1);
    elsewhere.entry.slot.insert("symbol".into(), "BTCUSDT".into());
    assert_eq!(idle.replica.reload(idle.registry.promote(&elsewhere)).await.unwrap(), 2);
    idle.clock.advance(MOMENT);
    idle.until("one sleeps", |state| state.served[0].cold).await;
    let state = idle.replica.state().await;
    assert_eq!((state.served[1].cold, state.loaded_models), (false, 1));
    assert_eq!(idle.replica.predict().await.unwrap().scores, elsewhere.scores);
    let state = idle.replica.state().await;
    assert_eq!((state.wakes, state.loads, state.loaded_models), (1, 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_while_slots_fall_asleep_wake_and_move() {
    // F126, F138: each heartbeat puts everything to sleep
    let champions: Arc<Vec<Champion>> = Arc::new((1..=3).map(|number| version("churn", number)).collect());
    let idle = Idle::start_with(&champions[..1], |config| config.idle_after = Some(Duration::ZERO)).await;
    let idle = Arc::new(idle);
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..16)
        .map(|_| {
            let (idle, champions, done) = (idle.clone(), champions.clone(), done.clone());
            tokio::spawn(async move {
                let mut answers = 0_u64;
                while !done.load(Ordering::SeqCst) {
                    let answer = idle.replica.predict().await.unwrap();
                    let pedigree = answer.pedigree.unwrap();
                    let champion = &champions[pedigree.version as usize - 1];
                    assert_eq!((&answer.scores, &pedigree.digest), (&champion.scores, &champion.entry.digest));
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    for turn in 1..=20 {
        let generation = idle.registry.promote(&champions[turn % champions.len()]);
        assert_eq!(idle.replica.reload(generation).await.unwrap(), generation);
        idle.until("slept and woke", |state| state.sleeps >= 2 * turn as u64 && state.wakes >= turn as u64).await;
    }
    done.store(true, Ordering::SeqCst);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
    let state = idle.replica.state().await;
    assert_eq!(state.served[0].errors, 0);
    idle.until("asleep", |state| state.served[0].cold && state.loaded_models == 0).await;
}
