//! What a measured registry holds: 200,000 versions with 1,000,000 edges between them.

use std::collections::BTreeMap;

use lineal_kernel::Digest;
use lineal_proto::lineal::registry::v1::{
    CreateRunRequest, CreateVersionRequest, Lineage, run_service_client::RunServiceClient,
    version_service_client::VersionServiceClient,
};

use crate::client::ACTOR;

/// The model of the versions.
pub(super) const MODEL: &str = "seeded";
/// How many there are.
pub(super) const VERSIONS: u64 = 203_000;
/// Each version comes from those that are so much older: the first of them is its parent, the others are upstreams. The oldest have
/// fewer.
pub(super) const STEPS: [u64; 5] = [1, 10, 100, 1000, 10_000];
/// Versions at up to five steps from one, itself included: the ways to choose at most five of five steps in any order.
pub(super) const NODES: usize = 252;
/// Aliases `a1` to `a50`.
pub(super) const ALIASES: u64 = 50;
/// Open runs: one for each client.
const RUNS: usize = 16;

/// What requests have to name.
#[derive(Debug)]
pub(super) struct Contents {
    /// Tells one database's requests from another's.
    pub(super) name: String,
    /// The manifest of a bundle.
    pub(super) digest: Digest,
    /// Ids of open runs.
    pub(super) runs: Vec<String>,
}

impl Contents {
    /// Puts the first version and the runs into a new registry, the way everybody does.
    pub(super) async fn begin(name: &str, address: &str) -> anyhow::Result<Self> {
        let peer = lineal_rpc::connect(address, ACTOR)?;
        let content = "a model";
        let file = lineal_rpc::artifacts::upload(&peer, content.into()).await?;
        let manifest = serde_json::json!({"files": {"model.bin": {"digest": file.to_string(), "size": content.len()}}});
        let digest = lineal_rpc::artifacts::upload(&peer, manifest.to_string().into()).await?;
        for model in [MODEL, "created"] {
            VersionServiceClient::new(peer.clone()).create_version(version(model, digest)).await?;
        }
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let request = CreateRunRequest { model: MODEL.to_owned(), ..Default::default() };
            let run = RunServiceClient::new(peer.clone()).create_run(request).await?.into_inner().run;
            runs.extend(run.map(|run| run.run_id));
        }
        Ok(Self { name: name.to_owned(), digest, runs })
    }
}

/// The next version of a model.
pub(super) fn version(model: &str, digest: Digest) -> CreateVersionRequest {
    let made_of = |text: &str| Digest::of(text.as_bytes()).to_string();
    let lineage = Lineage {
        run_id: "019a0000-0000-7000-8000-000000000000".to_owned(),
        data_digest: made_of("data"),
        reference_digest: made_of("reference"),
        feature_digest: made_of("features"),
        hyperparameters_digest: made_of("hyperparameters"),
        code_version: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        dataset: "churn".to_owned(),
        split_version: "split-v1".to_owned(),
        feature_version: "features-v1".to_owned(),
        model_version: "model-v1".to_owned(),
        training_rows: 4000,
        validation_rows: 1000,
        environment: [("os".to_owned(), "linux".to_owned()), ("arch".to_owned(), "x86_64".to_owned())].into(),
        ..Default::default()
    };
    CreateVersionRequest {
        model: model.to_owned(),
        family: "gradient_boosting".to_owned(),
        digest: digest.to_string(),
        metrics: BTreeMap::from([("auc".to_owned(), 0.87), ("f1".to_owned(), 0.61), ("accuracy".to_owned(), 0.83)]),
        lineage: Some(lineage),
        tags: BTreeMap::from([("team".to_owned(), "growth".to_owned())]),
        ..Default::default()
    }
}
