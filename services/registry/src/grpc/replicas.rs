//! Replicas and their leases.

use lineal_kernel::{FieldError, Name, PageRequest, Timestamp};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, duration, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
};
use crate::domain::replica::Replica;

#[tonic::async_trait]
impl pb::replica_service_server::ReplicaService for Grpc {
    async fn register_replica(
        &self,
        request: Request<pb::RegisterReplicaRequest>,
    ) -> Result<Response<pb::RegisterReplicaResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (name, address) =
            checked!({ name: name(&message.name), address: address(message.address) } => (name, address))
                .map_err(bad_request)?;
        let generation = self.0.register_replica(&caller, name, address).await.map_err(from_error)?;
        let lease_duration = Some(duration(self.0.lease));
        Ok(Response::new(pb::RegisterReplicaResponse { lease_duration, generation }))
    }

    async fn heartbeat(
        &self,
        request: Request<pb::HeartbeatRequest>,
    ) -> Result<Response<pb::HeartbeatResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (name, problem) =
            checked!({ name: name(&message.name), problem: fields::text(message.problem, "problem") } => (name, problem))
                .map_err(bad_request)?;
        let beat = self.0.heartbeat(&caller, &name, message.generation, &problem).await;
        Ok(Response::new(pb::HeartbeatResponse { generation: beat.map_err(from_error)? }))
    }

    async fn deregister_replica(
        &self,
        request: Request<pb::DeregisterReplicaRequest>,
    ) -> Result<Response<pb::DeregisterReplicaResponse>, Status> {
        let caller = caller_of(&request);
        let name = name(&request.into_inner().name).map_err(bad_request)?;
        self.0.deregister_replica(&caller, &name).await.map_err(from_error)?;
        Ok(Response::new(pb::DeregisterReplicaResponse {}))
    }

    async fn list_replicas(
        &self,
        request: Request<pb::ListReplicasRequest>,
    ) -> Result<Response<pb::ListReplicasResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = "replicas";
        let page = PageRequest::new(message.page_size, &message.page_token, query).map_err(bad_request)?;
        let (found, generation) = self.0.replicas(&caller, &page).await.map_err(from_error)?;
        let now = self.0.clock.now();
        Ok(Response::new(pb::ListReplicasResponse {
            next_page_token: fields::next(found.next, query),
            replicas: found.items.into_iter().map(|replica| convert(replica, now)).collect(),
            generation,
        }))
    }
}

fn name(text: &str) -> Result<Name, FieldError> {
    Name::new(text).map_err(|error| error.under("name"))
}

fn address(text: String) -> Result<String, FieldError> {
    match lineal_rpc::connect(&text, "service:registry") {
        Ok(_) if text.starts_with("http://") || text.starts_with("https://") => Ok(text),
        _ => Err(FieldError::new("address", "expected an address like http://10.0.0.7:7400")),
    }
}

fn convert(replica: Replica, now: Timestamp) -> pb::Replica {
    pb::Replica {
        live: replica.is_live(now),
        name: replica.name.to_string(),
        address: replica.address,
        generation: replica.generation,
        problem: replica.problem,
        lease_end_time: Some(timestamp(replica.lease_end)),
        create_time: Some(timestamp(replica.created)),
    }
}
