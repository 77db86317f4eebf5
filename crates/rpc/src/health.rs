//! Whether a process works, by the standard protocol.

use std::task::Poll;

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, HealthCheckResponse, health_server},
    server::{HealthReporter, HealthService},
};

/// Health service name for "the process answers"; the empty name of the standard protocol.
pub const LIVE: &str = "";
/// Health service name for "everything this process should do works now".
pub const READY: &str = "lineal.ready";

/// What a process says about its health. Clones speak for the same process.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
    ended: CancellationToken,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").finish_non_exhaustive()
    }
}

impl Default for Health {
    fn default() -> Self {
        Self { reporter: HealthReporter::new(), ended: CancellationToken::new() }
    }
}

impl Health {
    /// Says whether `service` ([`LIVE`], [`READY`] or a gRPC service) works.
    pub async fn set(&self, service: &str, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.reporter.set_service_status(service, status).await;
    }

    /// Waits for `shutdown`, then lets go of whoever watches.
    pub(crate) fn until(&self, shutdown: CancellationToken) -> impl Future<Output = ()> + use<> {
        let ended = self.ended.clone();
        async move {
            shutdown.cancelled().await;
            ended.cancel();
        }
    }

    pub(crate) fn add_to(&self, routes: Routes) -> Routes {
        let service = HealthService::from_health_reporter(self.reporter.clone());
        routes.add_service(health_server::HealthServer::new(Watched { service, ended: self.ended.clone() }))
    }
}

/// The service of the library, whose watches would never end: one of them would hold a process until the end of its drain time.
struct Watched {
    service: HealthService,
    ended: CancellationToken,
}

#[tonic::async_trait]
impl health_server::Health for Watched {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        self.service.check(request).await
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let mut changes = self.service.watch(request).await?.into_inner();
        let mut ended = Box::pin(self.ended.clone().cancelled_owned());
        // The last change comes before the end.
        let watch = stream::poll_fn(move |context| match changes.poll_next_unpin(context) {
            Poll::Pending => ended.as_mut().poll(context).map(|()| None),
            change @ Poll::Ready(_) => change,
        });
        Ok(Response::new(watch.boxed()))
    }
}
