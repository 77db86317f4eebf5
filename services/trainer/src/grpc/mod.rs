//! The wire: convert in, call, convert out.

mod convert;
mod datasets;
mod families;
mod feature_set_convert;
mod feature_sets;
mod filter;
mod imports;
mod jobs;
mod page;
mod pipeline_convert;
mod pipelines;
mod reports;
mod reproductions;
mod splits;
mod status;

use std::sync::Arc;

use lineal_proto::lineal::trainer::v1::{
    dataset_service_server::DatasetServiceServer, family_service_server::FamilyServiceServer,
    feature_set_service_server::FeatureSetServiceServer, job_service_server::JobServiceServer,
    pipeline_service_server::PipelineServiceServer, reproduction_service_server::ReproductionServiceServer,
    source_service_server::SourceServiceServer, split_service_server::SplitServiceServer,
};
use tonic::service::Routes;

use crate::app::App;

#[cfg(test)]
pub(crate) use status::from_error;

/// The trainer's services.
pub(crate) struct TrainerGrpc {
    app: Arc<App>,
}

impl TrainerGrpc {
    /// Speaks for `app`.
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

/// Adds the trainer's services to `routes`.
pub(crate) fn mount(app: &Arc<App>, routes: Routes) -> Routes {
    let grpc = Arc::new(TrainerGrpc::new(Arc::clone(app)));
    routes
        .add_service(JobServiceServer::from_arc(Arc::clone(&grpc)))
        .add_service(DatasetServiceServer::from_arc(Arc::clone(&grpc)))
        .add_service(SplitServiceServer::from_arc(Arc::clone(&grpc)))
        .add_service(FeatureSetServiceServer::from_arc(Arc::clone(&grpc)))
        .add_service(SourceServiceServer::from_arc(Arc::clone(&grpc)))
        .add_service(PipelineServiceServer::from_arc(Arc::clone(&grpc)))
        .add_service(ReproductionServiceServer::from_arc(Arc::clone(&grpc)))
        .add_service(FamilyServiceServer::from_arc(grpc))
}
