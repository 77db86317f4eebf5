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
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;

use crate::{
    app::{carried::Carried, stories::Stories},
    artifacts::{ArtifactError, ArtifactStore, Objects},
    domain::error::RegistryError,
    fleet::{Fleet, GrpcFleet},
    store::RegistryStore,
};

/// How long a store may stay away after a commit before the outcome is called unknown.
const OUTCOME: Duration = Duration::from_secs(10);

/// What the registry needs to know.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// Where tables are kept.
    pub database: DatabaseUrl,
    /// The folder of the artifacts.
    pub artifacts: PathBuf,
    /// How long a replica counts as live after its last heartbeat.
    pub lease: Duration,
    /// How long a replica may take to load a version before the commit, if a request does not say.
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

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A replica counts as live for this long after its last heartbeat.
    pub lease: Duration,
    /// Replicas prepare a version, if a request does not say.
    pub prepare: Duration,
    /// A commit whose answer was lost is looked for.
    pub outcome: Duration,
    /// Files of champions and rollback candidates rest until they are read again.
    pub check_every: Duration,
}

/// The service. Clones share everything.
#[derive(Debug, Clone)]
pub struct Registry {
    store: Arc<dyn RegistryStore>,
    artifacts: Arc<dyn ArtifactStore>,
    fleet: Arc<dyn Fleet>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    carried: Carried,
    stories: Stories,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Registry {
    /// A registry of these parts.
    pub fn new(
        store: Arc<dyn RegistryStore>,
        artifacts: Arc<dyn ArtifactStore>,
        fleet: Arc<dyn Fleet>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Self {
        let (carried, stories) = (Carried::default(), Stories::default());
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        Self { store, artifacts, fleet, clock, limits, carried, stories, tasks, stopping }
    }

    /// Opens tables and artifacts, and cancels promotions that an earlier process could not finish.
    pub async fn open(config: &RegistryConfig, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let store = store::open(&config.database).await?;
        let artifacts = Arc::new(Objects::folder(&config.artifacts)?);
        let fleet = Arc::new(GrpcFleet { reload_timeout: config.reload_timeout });
        let limits = Limits {
            lease: config.lease,
            prepare: config.prepare_timeout,
            outcome: OUTCOME,
            check_every: config.check_every,
        };
        let registry = Self::new(store, artifacts, fleet, clock, limits);
        let recovered = registry.recover(&Caller::service("registry")).await;
        recovered.map_err(|error: RegistryError| StartError::Recovery(Box::new(error)))?;
        Ok(registry)
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
