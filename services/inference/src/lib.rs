//! The inference service: answers predictions, each from exactly one version, and follows the registry from generation to
//! generation without losing a request.
//!
//! A call goes `grpc` (convert) -> `app` (find, score; fetch, load, switch) -> `domain` (the serving table). `registry` is the
//! port to the registry, `cache` the replica's own disk, `folder` what a batch of predictions leaves. The request path takes no
//! lock: one load of the serving table. Only requests that may be scored together line up for it.

mod app;
mod cache;
mod config;
mod domain;
mod error;
pub mod failpoints;
mod folder;
mod grpc;
mod prediction_log;
mod registry;

use std::{fmt, sync::Arc};

use lineal_kernel::Clock;
use lineal_rpc::{Health, Peer};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub use config::InferenceConfig;
pub use domain::{Batching, CanaryCheck, DynamicBatching};
use error::InferenceError;
pub use prediction_log::PredictionLogConfig;

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
