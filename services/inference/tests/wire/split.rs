//! Requests that ask for no version, split between the champion and other aliases.

use std::{collections::BTreeMap, path::Path, time::Duration};

use crate::fixture::{
    Champion, FakeRegistry, Listening, TestReplica, raw_request, request, version, version_at, version_with,
};
use futures::{StreamExt as _, stream};
use lineal_inference::{CanaryCheck, InferenceConfig};
use lineal_kernel::Name;
use lineal_proto::{
    inference::{InferParameter, ModelInferRequest, infer_parameter::ParameterChoice},
    lineal::{inference::v1 as pb, registry::v1::traffic::Part},
};
use tonic::Code;

struct World {
    registry: FakeRegistry,
    replica: TestReplica,
    _listening: Listening,
    _folder: tempfile::TempDir,
}

fn config(folder: &Path) -> InferenceConfig {
    let name = Name::new("r-0").unwrap();
    let config = InferenceConfig::new(name, "http://127.0.0.1:7400".to_owned(), folder.to_owned());
    // However busy the machine is.
    InferenceConfig { canary_check: CanaryCheck { max_p99: Duration::from_secs(10), ..config.canary_check }, ..config }
}

async fn world(versions: &[Champion], change: impl FnOnce(&mut InferenceConfig)) -> World {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    for version in versions {
        registry.promote(version);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    change(&mut config);
    let replica = TestReplica::start_with(&listening.address, config).await;
    registry.until_served(versions.len() as u64).await;
    World { registry, replica, _listening: listening, _folder: folder }
}

fn keyed(key: &str) -> pb::PredictRequest {
    pb::PredictRequest { sticky_key: key.into(), ..request("churn") }
}

fn open_keyed(key: &str) -> ModelInferRequest {
    let key = InferParameter { parameter_choice: Some(ParameterChoice::StringParam(key.into())) };
    ModelInferRequest { parameters: BTreeMap::from([("sticky_key".to_owned(), key)]), ..raw_request("churn") }
}

impl World {
    /// The alias that answers, and its version.
    async fn arm(&self, request: pb::PredictRequest) -> (String, u64) {
        let pedigree = self.replica.predictions().predict(request).await.unwrap().into_inner().pedigree.unwrap();
        (pedigree.alias, pedigree.version)
    }

    async fn open_arm(&self, request: ModelInferRequest) -> String {
        let answer = self.replica.open_inference().model_infer(request).await.unwrap().into_inner();
        match answer.parameters["alias"].parameter_choice.clone() {
            Some(ParameterChoice::StringParam(alias)) => alias,
            other => panic!("{other:?}"),
        }
    }

    /// How many of so many requests each alias answers.
    async fn arms(&self, requests: u64, request: impl Fn(u64) -> pb::PredictRequest) -> BTreeMap<String, u64> {
        let asked = stream::iter(0..requests).map(|i| self.arm(request(i))).buffer_unordered(32);
        asked
            .fold(BTreeMap::new(), async |mut arms, (alias, _)| {
                *arms.entry(alias).or_default() += 1;
                arms
            })
            .await
    }
}

fn tenth() -> [Champion; 2] {
    [version("churn", 1), version_with(Part::SplitPerMille(100), "canary", "churn", 2)]
}

#[tokio::test]
async fn ten_thousand_keys_meet_the_arms_that_their_shares_promise_and_are_counted_there() {
    // F140: 10.828 is the quantile of the chi-square distribution at 0.999 with 1 degree of freedom
    let world = world(&tenth(), |_| ()).await;
    let arms = world.arms(10_000, |i| keyed(&format!("customer-{i}"))).await;
    let (canary, champion) = (arms["canary"], arms["champion"]);
    let off = canary as f64 - 1000.0;
    let chi_square = off * off / 1000.0 + off * off / 9000.0;
    assert!(chi_square < 10.828, "{arms:?}");
    // Nobody who asks for a version is split, or counted as an arm.
    for asked in ["@prod", "1", "@canary", "2"] {
        let (alias, version) = world.arm(pb::PredictRequest { version: asked.into(), ..keyed("customer-1") }).await;
        assert_eq!((alias == "canary", version == 2), (asked.ends_with(['y', '2']), asked.ends_with(['y', '2'])));
    }
    let mut bad = keyed("customer-1");
    bad.columns.clear();
    world.replica.predictions().predict(bad).await.unwrap_err();
    let told = [world.replica.serving("champion").await, world.replica.serving("canary").await];
    let counted = told.clone().map(|served| (served.arm.unwrap().requests, served.arm.unwrap().errors));
    assert_eq!(counted[0].0 + counted[1].0, 10_001);
    assert_eq!(counted.map(|(requests, errors)| requests - errors), [champion, canary]);
    assert_eq!(told.map(|served| (served.split_per_mille, served.barred)), [(0, String::new()), (100, String::new())]);
}

#[tokio::test]
async fn the_same_key_meets_the_same_arm_in_both_protocols() {
    // F140
    let world = world(&tenth(), |_| ()).await;
    let mut met = BTreeMap::new();
    for key in 0..40 {
        let key = format!("customer-{key}");
        let (first, _) = world.arm(keyed(&key)).await;
        assert_eq!(world.open_arm(open_keyed(&key)).await, first, "{key}");
        met.entry(first).or_insert(key);
    }
    for (arm, key) in met {
        assert_eq!(world.arms(100, |_| keyed(&key)).await, BTreeMap::from([(arm, 100)]), "{key}");
    }
    let drawn = world.arms(400, |_| request("churn")).await;
    assert_eq!(drawn.len(), 2, "without a key chance decides: {drawn:?}");
    let mut number = open_keyed("");
    let parameter = InferParameter { parameter_choice: Some(ParameterChoice::Int64Param(7)) };
    number.parameters.insert("sticky_key".into(), parameter);
    let refused = world.replica.open_inference().model_infer(number).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn an_arm_that_cannot_be_loaded_leaves_everything_to_the_champion() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let all = version_with(Part::SplitPerMille(1000), "canary", "churn", 2);
    registry.promote(&version("churn", 1));
    registry.promote(&all);
    registry.damage(all.bundle.manifest().files["model.json"].digest);
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start_with(&listening.address, config(folder.path())).await;
    registry.until_served(2).await;
    let world = World { registry, replica, _listening: listening, _folder: folder };
    assert_eq!(world.arms(20, |_| request("churn")).await, BTreeMap::from([("champion".to_owned(), 20)]));
    world.registry.store(&all);
    let generation = world.registry.promote(&version("fraud", 1));
    world.replica.reload(generation).await.unwrap();
    assert_eq!(world.arms(20, |_| request("churn")).await, BTreeMap::from([("canary".to_owned(), 20)]));
}

#[tokio::test]
async fn a_canary_that_fails_its_load_test_takes_no_traffic_and_says_why() {
    // X3
    let all = version_with(Part::SplitPerMille(1000), "canary", "churn", 2);
    let idle = version_at("idle", "churn", 3);
    let world = world(&[version("churn", 1), all, idle], |config| config.canary_check.max_p99 = Duration::ZERO).await;
    assert_eq!(world.arms(20, |_| request("churn")).await, BTreeMap::from([("champion".to_owned(), 20)]));
    let barred = world.replica.serving("canary").await.barred;
    assert!(barred.starts_with("2 of 2 answers to its golden rows took more than 0ns"), "{barred}");
    assert_eq!(world.arm(pb::PredictRequest { version: "@canary".into(), ..request("churn") }).await.1, 2);
    assert_eq!(world.replica.serving("idle").await.barred, "", "only who is to take traffic is tried");
    // A version that is champion already needs no trial to be an arm.
    let generation = world.registry.promote(&version_with(Part::SplitPerMille(1000), "canary", "churn", 1));
    world.replica.reload(generation).await.unwrap();
    assert_eq!(world.arms(20, |_| request("churn")).await, BTreeMap::from([("canary".to_owned(), 20)]));
}

#[tokio::test]
async fn each_slot_has_arms_of_its_own_and_no_other_slot_stands_in() {
    // F137
    let slot = |text: &str| -> BTreeMap<String, String> {
        text.split(',').map(|pair| pair.split_once('=').unwrap()).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    };
    let place = |mut version: Champion, at: &str| {
        version.entry.slot = slot(at);
        version
    };
    let (calm, wild) = ("regime=calm,symbol=BTCUSDT", "regime=wild,symbol=BTCUSDT");
    let all = version_with(Part::SplitPerMille(1000), "canary", "churn", 3);
    let world =
        world(&[place(version("churn", 1), calm), place(version("churn", 2), wild), place(all, wild)], |_| ()).await;
    let ask = |at: &str| pb::PredictRequest { slot: slot(at), ..request("churn") };
    assert_eq!(world.arm(ask(calm)).await, ("champion".to_owned(), 1));
    assert_eq!(world.arm(ask(wild)).await, ("canary".to_owned(), 3));
    for unknown in ["regime=calm,symbol=ETHUSDT", "regime=calm", "symbol=BTCUSDT"] {
        let refused = world.replica.predictions().predict(ask(unknown)).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{unknown}");
    }
    let refused = world.replica.predictions().predict(request("churn")).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "the default slot is a slot");
}
