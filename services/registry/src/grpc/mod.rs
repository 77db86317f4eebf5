//! The registry on the wire: convert in, call, convert out. No decisions.

mod aliases;
mod artifacts;
mod audit;
mod datasets;
mod fields;
mod lineage;
mod models;
mod promotions;
mod replicas;
mod runs;
mod status;
mod versions;

use lineal_proto::lineal::registry::v1 as pb;
use tonic::service::Routes;

use crate::Registry;

/// Artifacts come in pieces of at most this size, other messages are far smaller.
const MAX_MESSAGE: usize = 4 << 20;

/// Every service of the registry, on one listener.
pub(crate) fn mount(registry: &Registry, routes: Routes) -> Routes {
    let grpc = Grpc(registry.clone());
    routes
        .add_service(pb::alias_service_server::AliasServiceServer::new(grpc.clone()))
        .add_service(
            pb::artifact_service_server::ArtifactServiceServer::new(grpc.clone())
                .max_decoding_message_size(MAX_MESSAGE),
        )
        .add_service(pb::audit_service_server::AuditServiceServer::new(grpc.clone()))
        .add_service(pb::dataset_service_server::DatasetServiceServer::new(grpc.clone()))
        .add_service(pb::lineage_service_server::LineageServiceServer::new(grpc.clone()))
        .add_service(pb::model_service_server::ModelServiceServer::new(grpc.clone()))
        .add_service(pb::promotion_service_server::PromotionServiceServer::new(grpc.clone()))
        .add_service(pb::replica_service_server::ReplicaServiceServer::new(grpc.clone()))
        .add_service(pb::run_service_server::RunServiceServer::new(grpc.clone()))
        .add_service(pb::version_service_server::VersionServiceServer::new(grpc))
}

/// The registry as its contracts see it.
#[derive(Debug, Clone)]
struct Grpc(Registry);
