//! What is told of models: configuration, index, statistics; and that nobody but the registry loads one.

use crate::fixture::{FakeRegistry, Listening, TestReplica, raw_request, version, version_at, version_of};
use lineal_models::Task;
use lineal_proto::inference::{
    DataType, ModelConfigRequest, ModelInferRequest, ModelMetadataRequest, ModelStatistics, ModelStatisticsRequest,
    RepositoryIndexRequest, RepositoryModelLoadRequest, RepositoryModelUnloadRequest, ServerMetadataRequest,
};
use lineal_rpc::reason_of;
use tonic::Code;

struct World {
    replica: TestReplica,
    _registry: Listening,
    _folder: tempfile::TempDir,
}

/// `churn` with a champion and a canary, `fraud` with a champion and an alias that cannot be served.
async fn world() -> World {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let mut number = version_of(Task::Regression, "fraud", 4);
    number.entry.alias = "number".into();
    for version in [version("churn", 1), version_at("canary", "churn", 2), version("fraud", 3), number] {
        registry.promote(&version);
    }
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(4).await;
    World { replica, _registry: listening, _folder: folder }
}

impl World {
    async fn statistics(&self, name: &str, version: &str) -> Vec<ModelStatistics> {
        let request = ModelStatisticsRequest { name: name.into(), version: version.into() };
        self.replica.open_inference().model_statistics(request).await.unwrap().into_inner().model_stats
    }
}

#[tokio::test]
async fn the_server_claims_what_it_serves_whole() {
    let World { replica, .. } = &world().await;
    let server = replica.open_inference().server_metadata(ServerMetadataRequest {}).await.unwrap().into_inner();
    assert_eq!(server.extensions, ["model_configuration", "parameters", "statistics"]);
}

#[tokio::test]
async fn metadata_and_configuration_name_every_version_that_can_be_asked_for() {
    let World { replica, .. } = &world().await;
    let mut client = replica.open_inference();
    for (version, expected) in [("", "1, 2"), ("@canary", "1, 2")] {
        let request = ModelMetadataRequest { name: "churn".into(), version: version.into() };
        assert_eq!(client.model_metadata(request).await.unwrap().into_inner().versions.join(", "), expected);
    }
    let request = ModelConfigRequest { name: "churn".into(), version: "2".into() };
    let config = client.model_config(request).await.unwrap().into_inner().config.unwrap();
    assert_eq!((config.name.as_str(), config.max_batch_size), ("churn", 65_536));
    let inputs: Vec<_> = config.input.iter().map(|input| (input.name.as_str(), input.data_type())).collect();
    assert_eq!(inputs, [("age", DataType::TypeFp64), ("plan", DataType::TypeString)]);
    let outputs: Vec<_> = config.output.iter().map(|output| (output.name.as_str(), output.dims.as_slice())).collect();
    assert_eq!(outputs, [("score", &[1_i64][..]), ("label", &[1])]);
    let request = ModelConfigRequest { name: "churn".into(), version: "7".into() };
    assert_eq!(client.model_config(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn the_index_lists_every_version_with_its_state() {
    let World { replica, .. } = &world().await;
    let index = |ready| {
        let mut client = replica.open_inference();
        async move {
            let request = RepositoryIndexRequest { repository_name: String::new(), ready };
            let models = client.repository_index(request).await.unwrap().into_inner().models;
            models.into_iter().map(|model| (model.name, model.version, model.state, model.reason)).collect::<Vec<_>>()
        }
    };
    let ready = |name: &str, version: &str| (name.to_owned(), version.to_owned(), "READY".to_owned(), String::new());
    let all = index(false).await;
    assert_eq!(all[..3], [ready("churn", "1"), ready("churn", "2"), ready("fraud", "3")]);
    assert_eq!((all.len(), all[3].1.as_str(), all[3].2.as_str()), (4, "4", "UNAVAILABLE"));
    assert!(all[3].3.contains("this version predicts"), "{}", all[3].3);
    assert_eq!(index(true).await, all[..3]);
}

#[tokio::test]
async fn statistics_count_each_version_by_itself() {
    // F134
    let world = world().await;
    let ask = |version: &str, break_it: bool| {
        let mut request = ModelInferRequest { model_version: version.into(), ..raw_request("churn") };
        if break_it {
            request.inputs.clear();
            request.raw_input_contents.clear();
        }
        let mut client = world.replica.open_inference();
        async move { client.model_infer(request).await }
    };
    for _ in 0..3 {
        ask("", false).await.unwrap();
    }
    ask("", true).await.unwrap_err();
    ask("@canary", false).await.unwrap();
    let found = world.statistics("churn", "").await;
    let counted: Vec<_> =
        found.iter().map(|it| (it.version.as_str(), it.inference_count, it.execution_count)).collect();
    assert_eq!(counted, [("1", 6, 3), ("2", 2, 1)]);
    let stats = found[0].inference_stats.as_ref().unwrap();
    let (success, fail) = (stats.success.unwrap(), stats.fail.unwrap());
    assert_eq!((success.count, fail.count), (3, 1));
    assert!(success.ns > 0 && fail.ns > 0 && found[0].last_inference > 1_700_000_000_000);
    let parts = [stats.queue, stats.compute_input, stats.compute_infer, stats.compute_output].map(Option::unwrap);
    assert!(parts.iter().all(|part| part.count == 3));
    assert_eq!(parts.iter().map(|part| part.ns).sum::<u64>(), success.ns);
    assert!(found[0].memory_usage[0].byte_size > 0);
    assert_eq!(world.statistics("churn", "@canary").await, found[1..]);
    assert_eq!(world.statistics("", "").await.len(), 3);

    for (name, version) in [("nobody", ""), ("churn", "7"), ("churn", "@shadow")] {
        let request = ModelStatisticsRequest { name: name.into(), version: version.into() };
        let refused = world.replica.open_inference().model_statistics(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{name} {version}");
    }
}

#[tokio::test]
async fn only_the_registry_loads_and_unloads() {
    let World { replica, .. } = &world().await;
    let mut client = replica.open_inference();
    let load = RepositoryModelLoadRequest { model_name: "churn".into(), ..Default::default() };
    let unload = RepositoryModelUnloadRequest { model_name: "churn".into(), ..Default::default() };
    for refused in [
        client.repository_model_load(load).await.unwrap_err(),
        client.repository_model_unload(unload).await.unwrap_err(),
    ] {
        assert_eq!(
            (refused.code(), reason_of(&refused).as_deref()),
            (Code::FailedPrecondition, Some("REGISTRY_DECIDES"))
        );
        assert!(refused.message().contains("promote a version of `churn`"));
    }
}
