//! The registry: models, versions, aliases, promotions, runs, lineage, artifacts, replicas and audit.
//!
//! A call goes through four files of the same name: `grpc/` converts, `app/` authorises, loads, decides and commits, `domain/`
//! holds the types and decisions, `store/` keeps them. `artifacts/`, `fleet/` and `sink/` are the other ports:
//! files, replicas, and systems that are told of changes.

mod app;
pub mod artifacts;
mod config;
pub mod domain;
pub mod failpoints;
pub mod fleet;
mod grpc;
pub mod sink;
pub mod store;

use std::{sync::Arc, time::Duration};

use lineal_kernel::{Caller, Clock};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;

pub use crate::config::{Limits, RegistryConfig, StartError};
use crate::{
    app::{carried::Carried, hints::Hints, stories::Stories},
    artifacts::{ArtifactStore, Objects},
    domain::{error::RegistryError, openlineage::OpenLineage},
    fleet::{Fleet, GrpcFleet},
    sink::{HttpSink, Sink},
    store::RegistryStore,
};

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
    hints: Hints,
    environment: Arc<str>,
    /// Makes events, if somebody is told.
    events: Option<OpenLineage>,
    /// Who is told, and how often the outbox is looked at.
    sink: Option<(Arc<dyn Sink>, Duration)>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Registry {
    /// A registry of these parts, in the environment `default`, that tells nobody.
    pub fn new(
        store: Arc<dyn RegistryStore>,
        artifacts: Arc<dyn ArtifactStore>,
        fleet: Arc<dyn Fleet>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Self {
        let (carried, stories, hints) = (Carried::default(), Stories::default(), Hints::default());
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let (environment, events, sink) = (Arc::from("default"), None, None);
        Self {
            store,
            artifacts,
            fleet,
            clock,
            limits,
            carried,
            stories,
            hints,
            environment,
            events,
            sink,
            tasks,
            stopping,
        }
    }

    /// Opens tables and artifacts, and cancels promotions that an earlier process could not finish.
    pub async fn open(config: &RegistryConfig, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let store = store::open(&config.database).await?;
        let owner = store.claim(config.environment.as_str()).await?;
        if owner != config.environment.as_str() {
            let (database, environment) = (config.database.to_string(), config.environment.clone());
            return Err(StartError::Environment { database, owner, environment });
        }
        let artifacts = Arc::new(Objects::folder(&config.artifacts)?);
        let fleet = Arc::new(GrpcFleet { reload_timeout: config.reload_timeout });
        let mut registry = Self::new(store, artifacts, fleet, clock, config.limits());
        registry.environment = config.environment.as_str().into();
        if let Some(sink) = &config.openlineage {
            registry.events = Some(OpenLineage::new(&config.environment));
            registry.sink = Some((Arc::new(HttpSink::new(sink)?), sink.poll));
        }
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
