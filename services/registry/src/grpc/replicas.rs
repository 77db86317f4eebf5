//! Replicas and their leases.

use lineal_kernel::{FieldError, FieldErrors, Name, PageRequest, Timestamp};
use lineal_proto::{lineal::registry::v1 as pb, pbjson_types};
use lineal_rpc::{caller_of, duration, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
};
use crate::domain::replica::{Beat, Replica, StandbyReport};

/// Standby bundles of one replica that are remembered.
const MOST_STANDBYS: usize = 1000;

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
        let lease_duration = Some(duration(self.0.limits.lease));
        Ok(Response::new(pb::RegisterReplicaResponse { lease_duration, generation }))
    }

    async fn heartbeat(
        &self,
        request: Request<pb::HeartbeatRequest>,
    ) -> Result<Response<pb::HeartbeatResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let generation = message.generation;
        let (name, beat) = checked!({
            name: name(&message.name),
            problem: fields::text(message.problem, "problem"),
            standbys: standbys(message.standbys),
        } => (name, Beat { generation, problem, standbys: Some(standbys) }))
        .map_err(bad_request)?;
        let beat = self.0.heartbeat(&caller, &name, &beat).await;
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
        Ok(_) => Ok(text),
        Err(_) => Err(FieldError::new("address", "expected an address like http://10.0.0.7:7400")),
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
        standbys: replica.standbys.into_iter().map(report).collect(),
    }
}

/// The first reports, up to a number that keeps a lease small.
fn standbys(reports: Vec<pb::StandbyReport>) -> Result<Vec<StandbyReport>, FieldErrors> {
    let mut errors = FieldErrors::default();
    let checked = reports.into_iter().take(MOST_STANDBYS).enumerate().filter_map(|(i, report)| {
        let path = format!("standbys[{i}]");
        let digest = errors.check(fields::digest(&report.digest, &format!("{path}.digest")));
        let problem = errors.check(fields::text(report.problem, &format!("{path}.problem")));
        let (ready_us, checked_us) = (report.ready_time.map(micros), report.check_time.map(micros));
        Some(StandbyReport { digest: digest?, ready_us, checked_us, problem: problem? })
    });
    let checked = checked.collect();
    errors.into_result(|| Some(checked))
}

fn micros(moment: pbjson_types::Timestamp) -> i64 {
    moment.seconds.saturating_mul(1_000_000).saturating_add(i64::from(moment.nanos / 1000))
}

fn report(report: StandbyReport) -> pb::StandbyReport {
    let moment = |micros: i64| timestamp(Timestamp::from_micros(micros));
    pb::StandbyReport {
        digest: report.digest.to_string(),
        ready_time: report.ready_us.map(moment),
        check_time: report.checked_us.map(moment),
        problem: report.problem,
    }
}
