//! Reloads that are lost, late, repeated and out of order: every replica comes to the alias all the same, and loads each version once.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, OnceLock},
};

use futures::future::join_all;
use lineal_proto::lineal::{
    inference::v1::{
        GetServingRequest, GetServingResponse, GetShadowsRequest, GetShadowsResponse, PrepareRequest, PrepareResponse,
        ReleaseRequest, ReleaseResponse, ReloadRequest, ReloadResponse,
        control_service_client::ControlServiceClient,
        control_service_server::{ControlService, ControlServiceServer},
    },
    registry::v1::ReloadPolicy,
};
use lineal_rpc::{Health, Peer, ServerConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};

use crate::{
    databases::Database,
    fleet::{Fleet, RegistryAt, replica},
    process::{Process, eventually},
    scenario,
};

/// Stands between the registry and a replica.
#[derive(Clone)]
struct Mischief {
    /// Which mischief comes first.
    offset: u64,
    replica: Arc<OnceLock<Peer>>,
    /// What was held back.
    late: Arc<Mutex<Vec<u64>>>,
    /// Everything that the registry said.
    told: Arc<Mutex<Vec<u64>>>,
}

impl Mischief {
    /// Listens; the answer is where.
    async fn listen(offset: u64) -> (Self, String) {
        let mischief = Self { offset, replica: Arc::default(), late: Arc::default(), told: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let routes = Routes::new(ControlServiceServer::new(mischief.clone()));
        let shutdown = CancellationToken::new();
        tokio::spawn(async move {
            lineal_rpc::serve(listener, routes, &Health::default(), &ServerConfig::default(), shutdown).await
        });
        (mischief, address)
    }

    fn control(&self) -> Result<ControlServiceClient<Peer>, Status> {
        let peer = self.replica.get().ok_or_else(|| Status::unavailable("no replica yet"))?;
        Ok(ControlServiceClient::new(peer.clone()))
    }

    /// Tells the replica of these generations at the same time; returns the last answer.
    async fn tell(&self, generations: impl IntoIterator<Item = u64>) -> Result<Response<ReloadResponse>, Status> {
        let control = self.control()?;
        let tell = |generation| {
            let mut control = control.clone();
            async move { control.reload(ReloadRequest { generation }).await }
        };
        let answers = join_all(generations.into_iter().map(tell)).await;
        answers.into_iter().next_back().unwrap_or_else(|| Err(Status::unavailable("lost on the way")))
    }

    fn take_late(&self) -> Vec<u64> {
        std::mem::take(&mut *self.late.lock().unwrap())
    }
}

#[tonic::async_trait]
impl ControlService for Mischief {
    async fn reload(&self, request: Request<ReloadRequest>) -> Result<Response<ReloadResponse>, Status> {
        let generation = request.into_inner().generation;
        self.told.lock().unwrap().push(generation);
        match (generation + self.offset) % 4 {
            0 => self.tell([]).await,
            1 => {
                self.late.lock().unwrap().push(generation);
                self.tell([]).await
            }
            2 => self.tell([generation; 5]).await,
            _ => {
                // What comes late comes after what is newer.
                let answer = self.tell([generation]).await;
                let late = self.take_late();
                self.tell(late.into_iter().chain([generation - 1, 0])).await?;
                answer
            }
        }
    }

    async fn prepare(&self, request: Request<PrepareRequest>) -> Result<Response<PrepareResponse>, Status> {
        self.control()?.prepare(request.into_inner()).await
    }

    async fn release(&self, request: Request<ReleaseRequest>) -> Result<Response<ReleaseResponse>, Status> {
        self.control()?.release(request.into_inner()).await
    }

    async fn get_serving(&self, _: Request<GetServingRequest>) -> Result<Response<GetServingResponse>, Status> {
        self.control()?.get_serving(GetServingRequest {}).await
    }

    async fn get_shadows(&self, request: Request<GetShadowsRequest>) -> Result<Response<GetShadowsResponse>, Status> {
        self.control()?.get_shadows(request.into_inner()).await
    }
}

/// A replica of this name whose registry speaks to it through mischief.
async fn mischievous(folder: &std::path::Path, registry: &str, name: &str, offset: u64) -> (Process, Mischief) {
    let (mischief, advertised) = Mischief::listen(offset).await;
    let advertise = [("LINEAL__INFERENCE__ADVERTISE", advertised.as_str())];
    let process = replica(folder, registry, name, "127.0.0.1:0", &advertise);
    assert!(mischief.replica.set(process.peer()).is_ok());
    process.ready().await;
    (process, mischief)
}

/// Waits until everybody serves `generation`, and `champion` by it.
async fn served(replicas: &[(Process, Mischief)], generation: u64, champion: u64) {
    for (process, _) in replicas {
        let peer = process.peer();
        let serving = eventually("the replica is at the alias", async || {
            Some(scenario::serving(&peer).await).filter(|serving| serving.generation == generation)
        })
        .await;
        assert_eq!(serving.served[0].version, champion);
    }
}

/// F125, F126
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_reloads_replicas_come_to_the_alias_and_load_each_version_once() {
    let folder = tempfile::tempdir().unwrap();
    // A heartbeat every two seconds.
    let lease = [("LINEAL__REGISTRY__LEASE_SECONDS", "6")];
    let registry = RegistryAt::new(folder.path(), Database::Sqlite).start_with("127.0.0.1:0", &lease).await;
    let fleet = Fleet::with(folder.path(), &registry.address, &[], &[]).await;
    let mut replicas = Vec::new();
    for (offset, name) in ["one", "two", "three"].into_iter().enumerate() {
        replicas.push(mischievous(folder.path(), &registry.address, name, offset as u64).await);
    }
    let peer = registry.peer();
    let mut adopted = BTreeSet::new();
    let mut last = (0, 0);
    for c in [0.1, 0.5, 1.0, 5.0] {
        let mut spec = scenario::spec("logistic_regression");
        spec.hyperparameters.insert("c".to_owned(), c.into());
        let number = fleet.candidate(&peer, spec).await;
        // Without a prepare, so that reloads load: several of them at the same time, and late ones for what is gone.
        let moved = scenario::promote_by(&peer, number, ReloadPolicy::None).await.unwrap();
        served(&replicas, moved.generation, number).await;
        let named = scenario::alias_to(&peer, "stable", number).await.unwrap();
        served(&replicas, named.generation, number).await;
        adopted.insert(named.digest);
        last = (named.generation, number);
    }
    for (process, mischief) in &replicas {
        let told = mischief.told.lock().unwrap().clone();
        let kinds: BTreeSet<_> = told.iter().map(|generation| generation % 4).collect();
        assert_eq!(kinds.len(), 4, "all mischief was done: {told:?}");
        let again = mischief.take_late().into_iter().chain(told.iter().rev().copied()).chain(told.iter().copied());
        assert_eq!(mischief.tell(again).await.unwrap().into_inner().generation, last.0);
        let serving = scenario::serving(&process.peer()).await;
        assert_eq!((serving.generation, serving.served[0].version), last);
        assert_eq!(serving.loads, adopted.len() as u64, "{}: one load for each version", serving.replica);
    }
}
