//! The Open Inference Protocol v2, with Triton's extensions.

use std::pin::Pin;

use futures::Stream;
use lineal_kernel::Slot;
use lineal_proto::inference::{self as pb, grpc_inference_service_server::GrpcInferenceService};
use tonic::{Request, Response, Status, Streaming};

use super::{InferenceGrpc, mirrored, models, status, stream, wanted};
use crate::{
    InferenceError,
    domain::{Facts, Seat, Wanted},
};

/// The extensions of the protocol that are served whole. Of the model repository's the index alone is, so it is not named.
const EXTENSIONS: [&str; 3] = ["model_configuration", "parameters", "statistics"];

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl GrpcInferenceService for InferenceGrpc {
    type ModelStreamInferStream = Pin<Box<dyn Stream<Item = Result<pb::ModelStreamInferResponse, Status>> + Send>>;

    async fn server_live(&self, _: Request<pb::ServerLiveRequest>) -> Answer<pb::ServerLiveResponse> {
        Ok(Response::new(pb::ServerLiveResponse { live: true }))
    }

    async fn server_ready(&self, _: Request<pb::ServerReadyRequest>) -> Answer<pb::ServerReadyResponse> {
        Ok(Response::new(pb::ServerReadyResponse { ready: self.replica.is_current() }))
    }

    async fn model_ready(&self, request: Request<pb::ModelReadyRequest>) -> Answer<pb::ModelReadyResponse> {
        let pb::ModelReadyRequest { name, version } = request.into_inner();
        let wanted = wanted(&version, "version").map_err(status::bad_request)?;
        // Also one that sleeps: it wakes for the request.
        let ready = self.replica.serving().find(&name, &Slot::default(), &wanted).is_ok();
        Ok(Response::new(pb::ModelReadyResponse { ready }))
    }

    async fn server_metadata(&self, _: Request<pb::ServerMetadataRequest>) -> Answer<pb::ServerMetadataResponse> {
        Ok(Response::new(pb::ServerMetadataResponse {
            name: "lineal".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            extensions: EXTENSIONS.map(str::to_owned).into(),
        }))
    }

    async fn model_metadata(&self, request: Request<pb::ModelMetadataRequest>) -> Answer<pb::ModelMetadataResponse> {
        let pb::ModelMetadataRequest { name, version } = request.into_inner();
        let wanted = wanted(&version, "version").map_err(status::bad_request)?;
        let target = self.replica.find(&name, &Slot::default(), &wanted).await.map_err(status::from_error)?;
        let table = self.replica.serving();
        Ok(Response::new(models::metadata(&target.entry, table.slot(&name, &Slot::default()))))
    }

    async fn model_config(&self, request: Request<pb::ModelConfigRequest>) -> Answer<pb::ModelConfigResponse> {
        let pb::ModelConfigRequest { name, version } = request.into_inner();
        let wanted = wanted(&version, "version").map_err(status::bad_request)?;
        let target = self.replica.find(&name, &Slot::default(), &wanted).await.map_err(status::from_error)?;
        let table = self.replica.serving();
        let config = models::config(&target.entry, table.slot(&name, &Slot::default()));
        Ok(Response::new(pb::ModelConfigResponse { config: Some(config) }))
    }

    async fn model_statistics(
        &self,
        request: Request<pb::ModelStatisticsRequest>,
    ) -> Answer<pb::ModelStatisticsResponse> {
        let pb::ModelStatisticsRequest { name, version } = request.into_inner();
        let wanted = match version.as_str() {
            "" => None,
            version => Some(wanted(version, "version").map_err(status::bad_request)?),
        };
        let table = self.replica.serving();
        let served =
            |seat: &&Seat| seat.problem().is_none() && (name.is_empty() || seat.facts().model.as_str() == name);
        let seats: Vec<_> = table.seats().into_iter().filter(served).collect();
        if seats.is_empty() && !name.is_empty() {
            table.find(&name, &Slot::default(), &Wanted::champion()).map_err(status::from_error)?;
        }
        let met = |seat: &&Seat| {
            let Facts { alias, version, .. } = seat.facts();
            wanted.as_ref().is_none_or(|wanted| wanted.is_met_by(alias, *version))
        };
        let met: Vec<_> = seats.into_iter().filter(met).collect();
        if let (Some(wanted), true) = (&wanted, met.is_empty()) {
            table.find(&name, &Slot::default(), wanted).map_err(status::from_error)?;
        }
        Ok(Response::new(pb::ModelStatisticsResponse { model_stats: models::statistics(&met) }))
    }

    async fn repository_index(
        &self,
        request: Request<pb::RepositoryIndexRequest>,
    ) -> Answer<pb::RepositoryIndexResponse> {
        let table = self.replica.serving();
        let models = models::index(&table.seats(), request.into_inner().ready);
        Ok(Response::new(pb::RepositoryIndexResponse { models }))
    }

    async fn repository_model_load(
        &self,
        request: Request<pb::RepositoryModelLoadRequest>,
    ) -> Answer<pb::RepositoryModelLoadResponse> {
        Err(decides(&request.into_inner().model_name))
    }

    async fn repository_model_unload(
        &self,
        request: Request<pb::RepositoryModelUnloadRequest>,
    ) -> Answer<pb::RepositoryModelUnloadResponse> {
        Err(decides(&request.into_inner().model_name))
    }

    async fn model_infer(&self, request: Request<pb::ModelInferRequest>) -> Answer<pb::ModelInferResponse> {
        let mirrored = mirrored(request.metadata()).map_err(status::bad_request)?;
        Ok(Response::new(self.infer(request.into_inner(), mirrored).await?))
    }

    async fn model_stream_infer(
        &self,
        request: Request<Streaming<pb::ModelInferRequest>>,
    ) -> Answer<Self::ModelStreamInferStream> {
        let mirrored = mirrored(request.metadata()).map_err(status::bad_request)?;
        Ok(Response::new(Box::pin(stream::answers(self.clone(), request.into_inner(), mirrored))))
    }
}

fn decides(model: &str) -> Status {
    status::from_error(InferenceError::RegistryDecides { model: model.chars().take(64).collect() })
}
