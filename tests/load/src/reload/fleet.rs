//! A registry that also judges, one replica, and what is asked of them.

use std::{
    ffi::OsStr,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use lineal_proto::{
    inference::{ModelMetadataRequest, grpc_inference_service_client::GrpcInferenceServiceClient},
    lineal::{
        inference::v1::{GetServingRequest, control_service_client::ControlServiceClient},
        registry::v1::{
            PromoteRequest, Promotion, RollbackRequest, SetAliasRequest, SetTrafficRequest, Traffic,
            alias_service_client::AliasServiceClient, promotion_service_client::PromotionServiceClient, traffic::Part,
        },
    },
};
use lineal_rpc::Peer;

use super::{MODEL, model};
use crate::{
    client::{ACTOR, Client},
    requests::Table,
    server::Server,
    training,
};

/// Connections that requests come over.
const CONNECTIONS: usize = 4;
const TRIES: u32 = 1200;
const WAIT: Duration = Duration::from_millis(50);

/// Two processes, as a deployment has them.
pub(super) struct Fleet {
    lineal: PathBuf,
    folder: PathBuf,
    registry: Server,
    /// On a core of its own, if there is one.
    pub(super) replica: Server,
    peer: Peer,
}

impl Fleet {
    pub(super) async fn start(lineal: &Path, folder: &Path, core: Option<usize>) -> anyhow::Result<Self> {
        let args = ["serve", "--roles", "registry,validator", "--listen", "127.0.0.1:0", "--data-dir"].map(OsStr::new);
        let data = folder.join("data");
        let registry = Server::start(lineal, &[&args[..], &[data.as_os_str()]].concat(), None).await?;
        let replica = training::replica(lineal, folder, registry.address(), core).await?;
        let peer = lineal_rpc::connect(registry.address(), ACTOR)?;
        model::table(&folder.join("rows.csv"))?;
        Ok(Self { lineal: lineal.to_owned(), folder: folder.to_owned(), registry, replica, peer })
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.replica.stop().await?;
        self.registry.stop().await
    }

    /// Makes a model of that size a version of `name`, the way a user does, and has it judged.
    pub(super) async fn import(&self, name: &str, number: u64, trees: usize, leaves: usize) -> anyhow::Result<()> {
        let (file, table) = (self.folder.join("model.txt"), self.folder.join("rows.csv"));
        model::write(&file, trees, leaves, number as usize)?;
        let run = |words| training::run(&self.lineal, self.registry.address(), words);
        let import = ["import", "--model", name, "--label", "label", "--signature"].map(OsStr::new);
        run([&import[..], &[table.as_os_str(), file.as_os_str()]].concat()).await?;
        run(judged(name, &number.to_string())).await
    }

    /// Makes the versions `members` of `name` the members of its next version, and has that one judged.
    pub(super) async fn ensemble(&self, name: &str, members: Range<u64>) -> anyhow::Result<u64> {
        let number = members.end;
        let members: Vec<_> = members.map(|member| format!("{name}/{member}")).collect();
        let run = |words| training::run(&self.lineal, self.registry.address(), words);
        let pack = ["ensemble", name].map(OsStr::new);
        run(pack.into_iter().chain(members.iter().map(OsStr::new)).collect()).await?;
        run(judged(name, &number.to_string())).await?;
        Ok(number)
    }

    pub(super) async fn promote(&self, name: &str, number: u64) -> anyhow::Result<Promotion> {
        let request = PromoteRequest { model: name.to_owned(), number, ..PromoteRequest::default() };
        let answer = PromotionServiceClient::new(self.peer.clone()).promote(request).await?;
        reloaded(answer.into_inner().promotion)
    }

    /// Brings an earlier champion back: the same steps as a promotion, without another verdict.
    pub(super) async fn rollback(&self, number: u64) -> anyhow::Result<Promotion> {
        let reason = "benchmark".to_owned();
        let request = RollbackRequest { model: MODEL.to_owned(), number, reason, ..RollbackRequest::default() };
        let answer = PromotionServiceClient::new(self.peer.clone()).rollback(request).await?;
        reloaded(answer.into_inner().promotion)
    }

    /// Has the alias `shadow` of version `number` get copies of so many thousandths of the requests, and waits until it does.
    pub(super) async fn shadow(&self, number: u64, per_mille: u32) -> anyhow::Result<()> {
        let (model, alias) = (MODEL.to_owned(), "shadow".to_owned());
        let mut aliases = AliasServiceClient::new(self.peer.clone());
        let point = SetAliasRequest { model: model.clone(), alias: alias.clone(), number, ..Default::default() };
        aliases.set_alias(point).await?;
        let traffic = Some(Traffic { part: Some(Part::MirrorPerMille(per_mille)) });
        let share = SetTrafficRequest { model, alias, traffic, ..Default::default() };
        let made = aliases.set_traffic(share).await?.into_inner().alias.context("the answer has no alias")?;
        let mut control = ControlServiceClient::new(lineal_rpc::connect(self.replica.address(), ACTOR)?);
        for _ in 0..TRIES {
            if control.get_serving(GetServingRequest {}).await?.into_inner().generation >= made.generation {
                return Ok(());
            }
            tokio::time::sleep(WAIT).await;
        }
        anyhow::bail!("the replica does not follow the alias")
    }

    /// Connections to the replica, and a request with one row.
    pub(super) async fn callers(&self) -> anyhow::Result<(Vec<Client>, Bytes)> {
        let address = self.replica.address();
        let mut client = GrpcInferenceServiceClient::new(lineal_rpc::connect(address, ACTOR)?);
        let request = ModelMetadataRequest { name: MODEL.to_owned(), version: String::new() };
        let inputs = client.model_metadata(request).await?.into_inner().inputs;
        let requests = Table::read(&self.folder.join("rows.csv"))?.requests(MODEL, &inputs, 1)?;
        let request = requests.into_iter().next().context("there is no row")?;
        let clients = (0..CONNECTIONS).map(|_| Client::new(address)).collect::<anyhow::Result<_>>()?;
        Ok((clients, request))
    }
}

/// A verdict that does not hang on which of two made-up models is a little better.
fn judged<'a>(name: &'a str, number: &'a str) -> Vec<&'a OsStr> {
    ["validate", name, number, "--no-compare"].map(OsStr::new).to_vec()
}

/// The one replica prepared the version and serves it.
fn reloaded(promotion: Option<Promotion>) -> anyhow::Result<Promotion> {
    let promotion = promotion.context("the answer has no promotion")?;
    let all = promotion.replicas.iter().all(|outcome| outcome.prepared && outcome.reloaded);
    ensure!(all && promotion.replicas.len() == 1, "the replica did not follow: {:?}", promotion.replicas);
    Ok(promotion)
}

/// How long the replica took to load and check the version, in seconds.
pub(super) fn load_seconds(promotion: &Promotion) -> f64 {
    let took = promotion.replicas.first().and_then(|outcome| outcome.prepare_duration);
    took.map_or(0.0, |took| took.seconds as f64 + f64::from(took.nanos) / 1e9)
}
