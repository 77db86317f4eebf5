//! The validator: judges candidates on their reference set, and never by the numbers of whoever trained them.
//!
//! A call goes `grpc` (convert) -> `app` (load, decide, commit) -> `domain` (gates, from numbers alone), with reports in
//! `store` and everything else asked of the registry through `registry`.

mod app;
mod domain;
mod grpc;
mod registry;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use lineal_db::{DatabaseUrl, OpenError};
use lineal_kernel::Clock;
use lineal_proto::lineal::validator::v1::report_service_server::ReportServiceServer;
use lineal_rpc::Peer;
use lineal_signing::Policy;
use tonic::service::Routes;

use app::App;
use grpc::ValidatorGrpc;
use registry::RemoteRegistry;
use store::SqliteStore;

/// What a validator needs to start.
#[derive(Debug, Clone)]
pub struct ValidatorConfig {
    /// Where the reports are kept.
    pub database: DatabaseUrl,
    /// By whom a bundle must be signed to be judged, or to be judged against.
    pub signatures: Policy,
}

/// The validator service.
pub struct Validator {
    app: Arc<App>,
}

impl Validator {
    /// Opens the database and brings its schema up to date. The registry is asked when a candidate is to be judged.
    ///
    /// # Errors
    /// [`OpenError`] if the database cannot be used.
    pub async fn open(config: ValidatorConfig, registry: Peer, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let store = Arc::new(SqliteStore::open(&config.database).await?);
        let registry = Arc::new(RemoteRegistry::new(registry));
        Ok(Self { app: Arc::new(App { store, registry, clock, signatures: config.signatures }) })
    }

    /// Adds the service to what a listener serves.
    pub fn mount(&self, routes: Routes) -> Routes {
        routes.add_service(ReportServiceServer::new(ValidatorGrpc::new(Arc::clone(&self.app))))
    }

    /// Finishes what is under way with the database. Call it once the listener has stopped.
    pub async fn close(&self) {
        self.app.store.close().await;
    }
}
