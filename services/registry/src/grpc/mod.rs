//! The registry on the wire: convert in, call, convert out. No decisions.

mod aliases;
mod artifacts;
mod audit;
mod bakes;
mod blocks;
mod cards;
mod comparisons;
mod datasets;
mod details;
mod experiments;
mod fields;
mod history;
mod lineage;
mod metadata;
mod models;
mod performance;
mod promotions;
mod refusals;
mod replicas;
mod runs;
mod scoring_batches;
mod settings;
mod signatures;
mod status;
mod story;
mod tracking;
mod usage;
mod validations;
mod version_search;
mod versions;

use lineal_proto::lineal::registry::v1 as pb;
use tonic::service::Routes;

use self::refusals::Audited;
use crate::{
    Registry,
    domain::{run::Run, version::VersionView},
};

/// Artifacts come in pieces of at most this size, other messages are far smaller.
const MAX_MESSAGE: usize = 4 << 20;

/// Every service of the registry, on one listener.
pub(crate) fn mount(registry: &Registry, routes: Routes) -> Routes {
    let grpc = Grpc(registry.clone());
    routes
        .add_service(Audited::new(registry, pb::alias_service_server::AliasServiceServer::new(grpc.clone())))
        .add_service(Audited::new(
            registry,
            pb::artifact_service_server::ArtifactServiceServer::new(grpc.clone())
                .max_decoding_message_size(MAX_MESSAGE),
        ))
        .add_service(Audited::new(registry, pb::audit_service_server::AuditServiceServer::new(grpc.clone())))
        .add_service(Audited::new(registry, pb::block_service_server::BlockServiceServer::new(grpc.clone())))
        .add_service(Audited::new(registry, pb::comparison_service_server::ComparisonServiceServer::new(grpc.clone())))
        .add_service(Audited::new(registry, pb::card_service_server::CardServiceServer::new(grpc.clone())))
        .add_service(Audited::new(registry, pb::dataset_service_server::DatasetServiceServer::new(grpc.clone())))
        .add_service(Audited::new(registry, pb::experiment_service_server::ExperimentServiceServer::new(grpc.clone())))
        .add_service(Audited::new(registry, pb::history_service_server::HistoryServiceServer::new(grpc.clone())))
        .add_service(Audited::new(registry, pb::lineage_service_server::LineageServiceServer::new(grpc.clone())))
        .add_service(Audited::new(registry, pb::model_service_server::ModelServiceServer::new(grpc.clone())))
        .add_service(Audited::new(
            registry,
            pb::performance_service_server::PerformanceServiceServer::new(grpc.clone()),
        ))
        .add_service(Audited::new(registry, pb::promotion_service_server::PromotionServiceServer::new(grpc.clone())))
        .add_service(Audited::new(registry, pb::replica_service_server::ReplicaServiceServer::new(grpc.clone())))
        .add_service(Audited::new(registry, pb::run_service_server::RunServiceServer::new(grpc.clone())))
        .add_service(Audited::new(
            registry,
            pb::scoring_batch_service_server::ScoringBatchServiceServer::new(grpc.clone()),
        ))
        .add_service(Audited::new(registry, pb::settings_service_server::SettingsServiceServer::new(grpc.clone())))
        .add_service(Audited::new(registry, pb::signature_service_server::SignatureServiceServer::new(grpc.clone())))
        .add_service(Audited::new(registry, pb::usage_service_server::UsageServiceServer::new(grpc.clone())))
        .add_service(Audited::new(registry, pb::version_service_server::VersionServiceServer::new(grpc)))
}

/// The registry as its contracts see it.
#[derive(Debug, Clone)]
struct Grpc(Registry);

/// What is read over the wire carries the environment.
impl Grpc {
    fn version(&self, view: VersionView) -> pb::Version {
        pb::Version { environment: self.0.environment.to_string(), ..versions::convert(view) }
    }

    fn run(&self, run: Run) -> pb::Run {
        pb::Run { environment: self.0.environment.to_string(), ..runs::convert(run) }
    }
}
