//! The inference service: answers predictions, each from exactly one version, and follows the registry from generation to
//! generation without losing a request.
//!
//! A call goes `grpc` (convert) -> `app` (find, score; fetch, load, switch) -> `domain` (the serving table). `registry` is the
//! port to the registry, `cache` the replica's own disk, `folder` what a batch of predictions leaves. The request path takes no lock: one load of the serving table.

mod app;
mod cache;
mod domain;
mod error;
pub mod failpoints;
mod folder;
mod grpc;
mod prediction_log;
mod registry;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use lineal_kernel::{Clock, Name};
use lineal_rpc::{Health, Peer};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub use domain::CanaryCheck;
use error::InferenceError;
pub use prediction_log::PredictionLogConfig;

/// How one replica runs.
#[derive(Debug, Clone)]
pub struct InferenceConfig {
    /// The name that is this replica's own among all of them; the same after a restart.
    pub replica: Name,
    /// Where others reach it, e.g. `http://10.0.0.7:7400`.
    pub advertise: String,
    /// Folder for bundle files; only this replica writes to it.
    pub cache_dir: PathBuf,
    /// How long a bundle may take to load; shorter than a promotion waits for it.
    pub load_deadline: Duration,
    /// How long a prepared bundle waits to be served.
    pub prepared_ttl: Duration,
    /// How often the bundles for a rollback are tried.
    pub standby_every: Duration,
    /// How often it says what it counted.
    pub report_interval: Duration,
    /// Large batches that are scored at the same time; further ones wait their turn.
    pub large_batches: usize,
    /// Rows that are in memory to be scored at the same time; requests with further ones are refused.
    pub rows_in_flight: usize,
    /// Files that are scored at the same time, each on a thread of its own; further ones wait their turn.
    pub scoring_batches: usize,
    /// Which answers are logged; `None` for none.
    pub prediction_log: Option<PredictionLogConfig>,
    /// Rows of copied requests that wait for shadows at the same time; requests with further ones are not copied.
    pub mirrored_rows: usize,
    /// What a version must do before it answers a part of a slot's requests.
    pub canary_check: CanaryCheck,
}

impl InferenceConfig {
    /// A replica that loads a bundle in 45 seconds or not at all, whose prepared bundles wait ten minutes, that tries the way back
    /// every five, that says every three seconds what it counted, that scores one large batch on each core and one file beside
    /// them, has at most a million rows in flight and 65,536 on their way to shadows, lets answer whoever takes at most 50 ms for 99
    /// of 100 requests, and logs no predictions.
    pub fn new(replica: Name, advertise: String, cache_dir: PathBuf) -> Self {
        Self {
            replica,
            advertise,
            cache_dir,
            load_deadline: Duration::from_secs(45),
            prepared_ttl: Duration::from_mins(10),
            standby_every: Duration::from_mins(5),
            report_interval: Duration::from_secs(3),
            large_batches: std::thread::available_parallelism().map_or(1, usize::from),
            rows_in_flight: 1 << 20,
            scoring_batches: 1,
            prediction_log: None,
            mirrored_rows: 1 << 16,
            canary_check: CanaryCheck::default(),
        }
    }
}

/// The service. Clones are the same replica.
#[derive(Clone)]
pub struct Inference {
    replica: Arc<app::Replica>,
}

impl Inference {
    /// A replica that serves nothing yet. `health` is told when it is ready.
    pub fn new(config: InferenceConfig, registry: Peer, clock: Arc<dyn Clock>, health: Health) -> Self {
        let registry = Arc::new(registry::RemoteRegistry::new(registry));
        Self { replica: Arc::new(app::Replica::new(config, registry, clock, health)) }
    }

    /// Adds the service's contracts: the Open Inference Protocol, predictions and control.
    pub fn mount(&self, routes: Routes) -> Routes {
        grpc::mount(&self.replica, routes)
    }

    /// Holds a lease at the registry and serves what it wants, until `shutdown`; then gives the lease back.
    pub async fn run(&self, shutdown: CancellationToken) {
        self.replica.run(shutdown).await;
    }

    /// Ends streams of requests once those that were taken up are answered. Call it when the listener begins to close.
    pub fn end_streams(&self) {
        self.replica.ending().cancel();
    }

    /// Says what the requests counted that were still in flight when [`Inference::run`] ended. Call it once the listener has
    /// closed: after that no count and no logged prediction is missing.
    pub async fn close(&self) {
        self.replica.report_last().await;
        self.replica.close_log().await;
    }
}

impl fmt::Debug for Inference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inference").field("replica", &self.replica.name()).finish_non_exhaustive()
    }
}
