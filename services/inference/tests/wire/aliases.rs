//! Every alias of every slot is served beside the champion, and none can stand in its way.

use std::collections::BTreeMap;

use crate::fixture::{
    Champion, FakeRegistry, Listening, TestReplica, raw_request, request, version, version_at, version_of,
};
use lineal_models::Task;
use lineal_proto::{
    inference::{ModelInferRequest, ModelReadyRequest},
    lineal::inference::v1 as pb,
};
use lineal_rpc::reason_of;
use tonic::{Code, Status};

struct World {
    registry: FakeRegistry,
    replica: TestReplica,
    _listening: Listening,
    folder: tempfile::TempDir,
}

/// A replica that serves `versions`.
async fn world(versions: &[Champion]) -> World {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    for version in versions {
        registry.promote(version);
    }
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(versions.len() as u64).await;
    World { registry, replica, _listening: listening, folder }
}

impl World {
    /// The version that answers when `asked` is asked for, by both protocols.
    async fn answering(&self, asked: &str) -> Result<String, Status> {
        let request = ModelInferRequest { model_version: asked.into(), ..raw_request("churn") };
        let open = self.replica.open_inference().model_infer(request).await.map(|it| it.into_inner().model_version);
        let native = pb::PredictRequest { version: asked.into(), ..crate::fixture::request("churn") };
        let native = self.replica.predictions().predict(native).await;
        match (open, native) {
            (Ok(open), Ok(native)) => {
                assert_eq!(open, native.into_inner().pedigree.unwrap().version.to_string(), "{asked}");
                Ok(open)
            }
            (Err(open), Err(native)) => {
                assert_eq!(open.message(), native.message());
                Err(open)
            }
            (open, native) => panic!("{asked}: {open:?}, {native:?}"),
        }
    }
}

#[tokio::test]
async fn every_alias_answers_by_its_name_and_by_its_number() {
    // F8, F124
    let world = world(&[version("churn", 1), version_at("canary", "churn", 2), version_at("shadow", "churn", 3)]).await;
    for (asked, expected) in [("", "1"), ("@prod", "1"), ("1", "1"), ("@canary", "2"), ("2", "2"), ("@shadow", "3")] {
        assert_eq!(world.answering(asked).await.unwrap(), expected, "{asked}");
    }
    for asked in ["4", "@other"] {
        let refused = world.answering(asked).await.unwrap_err();
        assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::NotFound, Some("VERSION_NOT_SERVED")));
        let said = "only 1 (@champion), 2 (@canary), 3 (@shadow) is; point an alias at the version to have it served";
        assert!(refused.message().ends_with(said), "{}", refused.message());
    }
    // An alias that moves takes its bundle along, and its former version is gone.
    let generation = world.registry.promote(&version_at("canary", "churn", 4));
    world.replica.reload(generation).await.unwrap();
    assert_eq!(world.answering("@canary").await.unwrap(), "4");
    assert_eq!(world.answering("2").await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn an_alias_without_a_champion_answers_by_name_only_and_in_its_slot_only() {
    // F137
    let mut canary = version_at("canary", "churn", 2);
    canary.entry.slot = BTreeMap::from([("regime".to_owned(), "calm".to_owned())]);
    let world = world(std::slice::from_ref(&canary)).await;
    let ask = |slot: &BTreeMap<String, String>, version: &str| {
        let request = pb::PredictRequest { slot: slot.clone(), version: version.into(), ..request("churn") };
        let mut client = world.replica.predictions();
        async move { client.predict(request).await.map_err(|status| reason_of(&status).unwrap()) }
    };
    assert!(ask(&canary.entry.slot, "@canary").await.is_ok());
    assert_eq!(ask(&canary.entry.slot, "").await.unwrap_err(), "MODEL_NOT_SERVED");
    assert_eq!(ask(&BTreeMap::new(), "@canary").await.unwrap_err(), "MODEL_NOT_SERVED");
}

#[tokio::test]
async fn an_alias_that_cannot_be_loaded_keeps_nothing_else_from_being_served() {
    let damaged = version_at("canary", "churn", 2);
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    registry.promote(&version("churn", 1));
    registry.promote(&damaged);
    registry.damage(damaged.bundle.manifest().files["model.json"].digest);
    let mut other_task = version_of(Task::Regression, "churn", 3);
    other_task.entry.alias = "number".to_owned();
    registry.promote(&other_task);
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(3).await;
    let world = World { registry, replica, _listening: listening, folder };
    assert_eq!(world.answering("").await.unwrap(), "1");
    for (asked, says) in [("@canary", "damaged"), ("2", "damaged"), ("@number", "this version predicts regression")] {
        let refused = world.answering(asked).await.unwrap_err();
        let expected = (Code::FailedPrecondition, Some("VERSION_NOT_LOADED"));
        assert_eq!((refused.code(), reason_of(&refused).as_deref()), expected);
        assert!(refused.message().contains(says), "{}", refused.message());
        let request = ModelReadyRequest { name: "churn".into(), version: asked.into() };
        assert!(!world.replica.open_inference().model_ready(request).await.unwrap().into_inner().ready);
    }
    let serving = world.replica.control().get_serving(pb::GetServingRequest {}).await.unwrap().into_inner();
    let told: Vec<_> =
        serving.served.iter().map(|seat| (seat.alias.as_str(), seat.version, seat.problem.is_empty())).collect();
    assert_eq!(told, [("champion", 1, true), ("canary", 2, false), ("number", 3, false)]);

    // Once it is whole again, the next generation serves it.
    world.registry.store(&damaged);
    let generation = world.registry.promote(&version("fraud", 1));
    world.replica.reload(generation).await.unwrap();
    assert_eq!(world.answering("@canary").await.unwrap(), "2");
}

#[tokio::test]
async fn aliases_are_served_again_after_a_restart_without_the_registry() {
    let world = world(&[version("churn", 1), version_at("canary", "churn", 2)]).await;
    let World { registry, replica, _listening: listening, folder } = world;
    replica.listening.stop().await;
    let address = listening.address.clone();
    listening.stop().await;
    let replica = TestReplica::start(&address, folder.path().into()).await;
    tokio::time::timeout(std::time::Duration::from_secs(20), async {
        while !replica.ready().await {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let again = registry.listen(0).await;
    let world = World { registry, replica, _listening: again, folder };
    assert_eq!(world.answering("@canary").await.unwrap(), "2");
    assert_eq!(world.answering("").await.unwrap(), "1");
}
