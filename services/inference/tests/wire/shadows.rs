//! Copies of requests that shadows answer, unseen.

use std::time::Duration;

use crate::fixture::{
    Champion, FakeRegistry, Listening, TestReplica, raw_request, request, version, version_with, wider,
};
use futures::{StreamExt as _, stream};
use lineal_inference::InferenceConfig;
use lineal_kernel::Name;
use lineal_proto::{
    inference::{InferParameter, infer_parameter::ParameterChoice},
    lineal::{
        inference::v1 as pb,
        registry::v1::{Traffic, traffic::Part},
    },
};
use tonic::{Code, Request};

struct World {
    replica: TestReplica,
    champion: Champion,
    shadow: Champion,
    _registry: Listening,
    _folder: tempfile::TempDir,
}

/// `churn` version 1 with `shadow`, and room for so many copied rows.
async fn world(shadow: Champion, mirrored_rows: usize) -> World {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let champion = version("churn", 1);
    registry.promote(&champion);
    registry.promote(&shadow);
    let folder = tempfile::tempdir().unwrap();
    let name = Name::new("r-0").unwrap();
    let config = InferenceConfig::new(name, "http://127.0.0.1:7400".to_owned(), folder.path().into());
    let replica = TestReplica::start_with(&listening.address, InferenceConfig { mirrored_rows, ..config }).await;
    registry.until_served(2).await;
    World { replica, champion, shadow, _registry: listening, _folder: folder }
}

fn shadow(per_mille: u32) -> Champion {
    version_with(Part::MirrorPerMille(per_mille), "shadow", "churn", 2)
}

fn always<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("lineal-mirror", "always".parse().unwrap());
    request
}

impl World {
    /// Asks so often, and sees the champion's answers only.
    async fn ask(&self, requests: usize) {
        let ask = |_| async { self.replica.predict().await.unwrap() };
        let answers = stream::iter(0..requests).map(ask).buffer_unordered(32);
        answers
            .for_each(async |answer| {
                assert_eq!(
                    (answer.scores, answer.labels),
                    (self.champion.scores.clone(), self.champion.labels.clone())
                );
                assert_eq!(answer.pedigree.unwrap().alias, "champion");
            })
            .await;
    }

    async fn shadows(&self, model: &str) -> Vec<pb::Shadow> {
        let request = pb::GetShadowsRequest { model: model.into() };
        self.replica.control().get_shadows(request).await.unwrap().into_inner().shadows
    }

    /// What is known of the shadow once every copy has come to its end; nothing if nothing was copied.
    async fn settled(&self) -> pb::Shadow {
        let settled = async {
            loop {
                let shadow = self.shadows("churn").await.pop().unwrap_or_default();
                let compared: u64 = shadow.agreements.iter().map(|agreement| agreement.requests).sum();
                if shadow.chosen == shadow.dropped + shadow.failed + compared {
                    return shadow;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), settled).await.unwrap()
    }
}

#[tokio::test]
async fn a_fifth_of_the_requests_is_copied_and_compared() {
    // F139, F121
    let world = world(shadow(200), 1 << 16).await;
    let mut copied = Vec::new();
    // Three standard deviations are 120 requests. Chance alone exceeds them once in 370 times, and twice in a row never.
    for before in 0..2 {
        let known: u64 = copied.iter().sum();
        world.ask(10_000).await;
        copied.push(world.settled().await.chosen - known);
        if copied[before].abs_diff(2000) <= 120 {
            break;
        }
    }
    assert!(copied.last().unwrap().abs_diff(2000) <= 120, "{copied:?}");
    let told = world.settled().await;
    assert_eq!((told.alias.as_str(), told.version, told.dropped, told.failed), ("shadow", 2, 0, 0));
    let [sums] = told.agreements.as_slice() else { panic!("{told:?}") };
    assert_eq!((sums.version, sums.requests, sums.rows), (1, told.chosen, 2 * told.chosen));
    let pairs = || world.champion.labels.iter().zip(&world.shadow.labels);
    let agreeing = pairs().filter(|(one, other)| one == other).count() as u64;
    assert_eq!((sums.labelled_rows, sums.agreeing_rows), (sums.rows, agreeing * told.chosen));
    let scores = world.champion.scores.iter().zip(&world.shadow.scores);
    let difference: f64 = scores.map(|(one, other)| (one - other).abs()).sum();
    assert!(difference > 0.0);
    assert!((sums.absolute_difference / told.chosen as f64 - difference).abs() < 1e-9, "{sums:?}");
    assert!(sums.scores == sums.rows && sums.answer_micros > 0 && sums.shadow_micros > 0, "{sums:?}");
    assert_eq!(world.replica.serving("shadow").await.requests, 0, "a copy is nobody's request");
    assert_eq!(world.shadows("fraud").await, []);
}

#[tokio::test]
async fn a_request_that_asks_for_a_copy_always_gets_one() {
    // X2
    let world = world(shadow(0), 1 << 16).await;
    world.ask(50).await;
    assert_eq!(world.settled().await.chosen, 0);
    for _ in 0..10 {
        world.replica.predictions().predict(always(request("churn"))).await.unwrap();
        world.replica.open_inference().model_infer(always(raw_request("churn"))).await.unwrap();
        let mut parameter = raw_request("churn");
        let choice = Some(ParameterChoice::StringParam("always".into()));
        parameter.parameters.insert("lineal-mirror".into(), InferParameter { parameter_choice: choice });
        world.replica.open_inference().model_infer(parameter).await.unwrap();
        let requests = always(stream::iter([raw_request("churn")]));
        let mut answers = world.replica.open_inference().model_stream_infer(requests).await.unwrap().into_inner();
        assert!(answers.next().await.unwrap().unwrap().infer_response.is_some());
        // Whoever asks for a version too, but for the shadow's own answers there is nothing to compare.
        let number = pb::PredictRequest { version: "1".into(), ..request("churn") };
        world.replica.predictions().predict(always(number)).await.unwrap();
        let own = pb::PredictRequest { version: "@shadow".into(), ..request("churn") };
        world.replica.predictions().predict(always(own)).await.unwrap();
    }
    assert_eq!(world.settled().await.chosen, 50);

    let mut other = always(request("churn"));
    other.metadata_mut().insert("lineal-mirror", "never".parse().unwrap());
    let refused = world.replica.predictions().predict(other).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_shadow_that_fails_is_seen_by_no_caller() {
    // F139
    let mut needy = wider("churn", 2);
    needy.entry.alias = "shadow".into();
    needy.entry.traffic = Some(Traffic { part: Some(Part::MirrorPerMille(1000)) });
    let world = world(needy, 1 << 16).await;
    world.ask(100).await;
    let told = world.settled().await;
    assert_eq!((told.chosen, told.failed, told.agreements), (100, 100, vec![]));
    let served = world.replica.serving("champion").await;
    assert_eq!((served.requests, served.errors), (100, 0));
}

#[tokio::test]
async fn copies_that_find_no_room_are_dropped_and_counted() {
    // F139: a request has two rows
    let world = world(shadow(1000), 1).await;
    world.ask(30).await;
    let told = world.settled().await;
    assert_eq!((told.chosen, told.dropped), (30, 30));
}
