//! The registry: models, versions, aliases, promotions, runs, lineage, artifacts, replicas and audit.
//!
//! A call goes through four files of the same name: `grpc/` converts, `app/` authorises, loads, decides and commits, `domain/`
//! holds the types and decisions, `store/` keeps them. `artifacts/` and `fleet/` are the two other ports: files and replicas.

mod app;
pub mod artifacts;
pub mod domain;
pub mod failpoints;
pub mod fleet;
mod grpc;
pub mod store;

use std::{path::PathBuf, sync::Arc, time::Duration};

use lineal_db::{DatabaseUrl, OpenError};
use lineal_kernel::{Caller, Clock};
use tokio::time::MissedTickBehavior;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;

use crate::{
    artifacts::{ArtifactError, ArtifactStore, Objects},
    domain::error::RegistryError,
    fleet::{Fleet, GrpcFleet},
    store::RegistryStore,
};

/// How often promotions are looked after that nobody carries on.
const RECONCILE: Duration = Duration::from_secs(2);

/// What the registry needs to know.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// Where tables are kept.
    pub database: DatabaseUrl,
    /// The folder of the artifacts.
    pub artifacts: PathBuf,
    /// How long a replica counts as live after its last heartbeat.
    pub lease: Duration,
    /// How long a replica may take to load a version before the commit.
    pub prepare_timeout: Duration,
    /// How long a replica may take to switch after the commit; it catches up by itself later.
    pub reload_timeout: Duration,
    /// How often the files of champions and rollback candidates are read again.
    pub check_every: Duration,
}

/// Why a registry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its tables.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// Its artifacts.
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    /// What an earlier process left behind.
    #[error("cannot finish what the last stop interrupted")]
    Recovery(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The service. Clones share everything.
#[derive(Debug, Clone)]
pub struct Registry {
    store: Arc<dyn RegistryStore>,
    artifacts: Arc<dyn ArtifactStore>,
    fleet: Arc<dyn Fleet>,
    clock: Arc<dyn Clock>,
    lease: Duration,
    check_every: Duration,
    tasks: TaskTracker,
}

impl Registry {
    /// Opens tables and artifacts, and cancels promotions that an earlier process could not finish.
    pub async fn open(config: &RegistryConfig, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let registry = Self {
            store: store::open(&config.database).await?,
            artifacts: Arc::new(Objects::folder(&config.artifacts)?),
            fleet: Arc::new(GrpcFleet {
                prepare_timeout: config.prepare_timeout,
                reload_timeout: config.reload_timeout,
            }),
            clock,
            lease: config.lease,
            check_every: config.check_every,
            tasks: TaskTracker::new(),
        };
        let recovered = registry.recover(&Caller::service("registry")).await;
        recovered.map_err(|error: RegistryError| StartError::Recovery(Box::new(error)))?;
        Ok(registry)
    }

    /// Finishes what processes that are gone left behind, again and again until `shutdown`.
    pub async fn reconcile(&self, shutdown: CancellationToken) {
        let caller = Caller::service("registry");
        let mut ticks = tokio::time::interval(RECONCILE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let reconciled = async {
                self.recover(&caller).await?;
                self.converge(&caller).await
            };
            if let Err(error) = reconciled.await {
                tracing::warn!(%error, "could not look after promotions; trying again");
            }
        }
    }

    /// Adds the registry's services to a listener.
    pub fn mount(&self, routes: Routes) -> Routes {
        grpc::mount(self, routes)
    }

    /// Waits for moves under way, then closes the tables.
    pub async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.store.close().await;
    }
}
