//! Replicas over gRPC.

use std::time::Duration;

use async_trait::async_trait;
use lineal_kernel::Digest;
use lineal_proto::lineal::inference::v1::{
    PrepareRequest, ReleaseRequest, ReloadRequest, control_service_client::ControlServiceClient,
};
use lineal_rpc::{Peer, connect};
use tonic::{Code, Request, Response, Status};

use super::{Bundle, Fleet};
use crate::domain::replica::Replica;

/// Replicas, reached at the addresses of their leases.
#[derive(Debug, Clone)]
pub struct GrpcFleet {
    /// What was prepared is there already.
    pub reload_timeout: Duration,
}

#[async_trait]
impl Fleet for GrpcFleet {
    async fn prepare(&self, replica: &Replica, bundle: &Bundle, deadline: Duration) -> Result<(), String> {
        let mut control = control(replica)?;
        let message =
            PrepareRequest { model: bundle.model.clone(), version: bundle.number, digest: bundle.digest.to_string() };
        within(deadline, control.prepare(timed(deadline, message))).await?;
        Ok(())
    }

    async fn reload(&self, replica: &Replica, generation: u64) -> Result<u64, String> {
        let mut control = control(replica)?;
        let deadline = self.reload_timeout;
        let answer = within(deadline, control.reload(timed(deadline, ReloadRequest { generation }))).await?;
        Ok(answer.generation)
    }

    async fn release(&self, replica: &Replica, digest: Digest) {
        if let Ok(mut control) = control(replica) {
            let message = ReleaseRequest { digest: digest.to_string() };
            let deadline = self.reload_timeout;
            // What is not released now is dropped by the replica itself after a while.
            let _ = within(deadline, control.release(timed(deadline, message))).await;
        }
    }
}

fn control(replica: &Replica) -> Result<ControlServiceClient<Peer>, String> {
    let peer = connect(&replica.address, "service:registry").map_err(|error| error.to_string())?;
    Ok(ControlServiceClient::new(peer))
}

/// Tells the replica how long its answer is waited for.
fn timed<T>(deadline: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}

/// Waits no longer than the deadline, connecting included.
async fn within<T>(deadline: Duration, call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, String> {
    match tokio::time::timeout(deadline, call).await {
        Ok(answer) => answer.map(Response::into_inner).map_err(|status| sentence(&status)),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

fn sentence(status: &Status) -> String {
    match status.code() {
        Code::DeadlineExceeded | Code::Cancelled => "no answer in time".to_owned(),
        Code::Unavailable => format!("not reachable ({})", status.message()),
        _ => status.message().to_owned(),
    }
}
