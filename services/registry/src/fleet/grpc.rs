//! Replicas over gRPC.

use std::time::Duration;

use async_trait::async_trait;
use lineal_kernel::Digest;
use lineal_proto::lineal::inference::v1::{
    PrepareRequest, ReleaseRequest, ReloadRequest, control_service_client::ControlServiceClient,
};
use lineal_rpc::{Peer, connect};
use tonic::{Code, Request, Status};

use super::{Bundle, Fleet};
use crate::domain::replica::Replica;

/// Replicas, reached at the addresses of their leases.
#[derive(Debug, Clone)]
pub struct GrpcFleet {
    /// A model of several hundred megabytes may have to travel first.
    pub prepare_timeout: Duration,
    /// What was prepared is there already.
    pub reload_timeout: Duration,
}

#[async_trait]
impl Fleet for GrpcFleet {
    async fn prepare(&self, replica: &Replica, bundle: &Bundle) -> Result<(), String> {
        let mut control = control(replica)?;
        let message =
            PrepareRequest { model: bundle.model.clone(), version: bundle.number, digest: bundle.digest.to_string() };
        control.prepare(within(self.prepare_timeout, message)).await.map_err(|status| sentence(&status))?;
        Ok(())
    }

    async fn reload(&self, replica: &Replica, generation: u64) -> Result<u64, String> {
        let mut control = control(replica)?;
        let answer = control.reload(within(self.reload_timeout, ReloadRequest { generation })).await;
        answer.map(|answer| answer.into_inner().generation).map_err(|status| sentence(&status))
    }

    async fn release(&self, replica: &Replica, digest: Digest) {
        if let Ok(mut control) = control(replica) {
            let message = ReleaseRequest { digest: digest.to_string() };
            // What is not released now is dropped by the replica itself after a while.
            let _ = control.release(within(self.reload_timeout, message)).await;
        }
    }
}

fn control(replica: &Replica) -> Result<ControlServiceClient<Peer>, String> {
    let peer = connect(&replica.address, "service:registry").map_err(|error| error.to_string())?;
    Ok(ControlServiceClient::new(peer))
}

/// The deadline holds for connecting too.
fn within<T>(timeout: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(timeout);
    request
}

fn sentence(status: &Status) -> String {
    match status.code() {
        Code::DeadlineExceeded | Code::Cancelled => "no answer in time".to_owned(),
        Code::Unavailable => format!("not reachable ({})", status.message()),
        _ => status.message().to_owned(),
    }
}
