//! The trainer: takes jobs, runs them through load, split, train, evaluate, log, register and create version, and tells
//! everything as numbered events.
//!
//! A pipeline is a graph of such jobs with verdicts and promotions between them; `app::drive` takes its runs from step to step.
//!
//! Calls go `grpc` -> `app` -> `domain` and `store`; a worker goes `app::worker` -> `app::steps` -> `registry`.

mod app;
mod domain;
pub mod failpoints;
mod grpc;
mod registry;
mod sources;
mod store;
#[cfg(test)]
mod tests;
mod validator;
mod values;

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use lineal_db::{DatabaseUrl, OpenError};
use lineal_kernel::{Clock, Name};
use lineal_models::LibrarySearch;
use lineal_rpc::Peer;
use lineal_signing::{Policy, SigningKey};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use app::{App, Settings};
use registry::RegistryClient;
use sources::Sources;
use validator::ValidatorClient;

pub use sources::{AddressError, SourceAddress};

/// What a trainer is told when it starts.
#[derive(Debug, Clone)]
pub struct TrainerConfig {
    /// Where jobs are kept. One process owns a SQLite file; several may share a schema of PostgreSQL.
    pub database: DatabaseUrl,
    /// Jobs that run at the same time; 0 counts as 1.
    pub concurrency: usize,
    /// Jobs of one model that run at the same time in all processes of the database; 0 for no limit.
    pub per_model: u32,
    /// Threads of one fit; never changes the result.
    pub threads: usize,
    /// Bytes of the largest table that jobs learn from as a whole; of a larger one they take a sample.
    pub table_limit: usize,
    /// Bytes of computed features that are kept for other jobs.
    pub feature_cache: usize,
    /// How long a job belongs to a worker that gives no sign of life.
    pub lease: Duration,
    /// Where the libraries of foreign families may be.
    pub libraries: LibrarySearch,
    /// Databases, folders and object storage that rows can be imported from.
    pub sources: BTreeMap<Name, SourceAddress>,
    /// Folder of files on their way; nothing in it outlives the process.
    pub scratch: PathBuf,
    /// The version of this program, for lineage.
    pub release: String,
    /// The key that signs every bundle; `None` to sign none.
    pub signing_key: Option<SigningKey>,
    /// By whom a version must be signed to be learned from or trained again.
    pub signatures: Policy,
}

/// The trainer service.
pub struct Trainer {
    app: Arc<App>,
}

impl Trainer {
    /// Opens the database. Nothing is trained before [`Trainer::run`]. Pipelines have their versions judged by the validator.
    pub async fn open(
        config: TrainerConfig,
        registry: Peer,
        validator: Peer,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let store = store::open(&config.database).await?;
        let registry = Arc::new(RegistryClient::new(registry));
        let validator = Arc::new(ValidatorClient::new(validator));
        let families = lineal_models::families_in(&config.libraries);
        let settings = Settings {
            concurrency: config.concurrency,
            per_model: config.per_model,
            threads: config.threads,
            table_limit: config.table_limit,
            feature_cache: config.feature_cache,
            lease: config.lease,
            scratch: config.scratch,
            release: config.release,
            signing_key: config.signing_key,
            signatures: config.signatures,
        };
        let sources = Sources::new(config.sources);
        Ok(Self { app: Arc::new(App::new(store, registry, validator, clock, sources, families, settings)) })
    }

    /// Adds the trainer's services to `routes`.
    pub fn mount(&self, routes: Routes) -> Routes {
        grpc::mount(&self.app, routes)
    }

    /// Works until `shutdown`, takes up the jobs of processes that are gone meanwhile, and puts back what is still running
    /// then. To be called once.
    pub async fn run(&self, shutdown: CancellationToken) {
        self.app.run(shutdown).await;
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.app.close().await;
    }
}

impl fmt::Debug for Trainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trainer").finish_non_exhaustive()
    }
}
