//! What the registry asks of a replica.

use lineal_kernel::{Digest, FieldErrors, ModelName, VersionNumber};
use lineal_proto::lineal::inference::v1::{self as pb, control_service_server::ControlService};
use tonic::{Request, Response, Status};

use super::{InferenceGrpc, convert, shadows, status};
use crate::app::WakeCounts;

#[tonic::async_trait]
impl ControlService for InferenceGrpc {
    async fn prepare(&self, request: Request<pb::PrepareRequest>) -> Result<Response<pb::PrepareResponse>, Status> {
        let (model, version, digest) = bundle(&request.into_inner()).map_err(status::bad_request)?;
        let prepared = self.replica.prepare(&model, version, digest).await.map_err(status::from_error)?;
        Ok(Response::new(pb::PrepareResponse {
            load_duration: Some(lineal_rpc::duration(prepared.load_duration)),
            golden_rows: prepared.golden_rows as u64,
        }))
    }

    async fn reload(&self, request: Request<pb::ReloadRequest>) -> Result<Response<pb::ReloadResponse>, Status> {
        let generation = self.replica.reload(request.into_inner().generation).await.map_err(status::from_error)?;
        Ok(Response::new(pb::ReloadResponse { generation }))
    }

    async fn release(&self, request: Request<pb::ReleaseRequest>) -> Result<Response<pb::ReleaseResponse>, Status> {
        let digest = request.into_inner().digest.parse().map_err(status::bad_request)?;
        self.replica.release(digest);
        Ok(Response::new(pb::ReleaseResponse {}))
    }

    async fn get_serving(&self, _: Request<pb::GetServingRequest>) -> Result<Response<pb::GetServingResponse>, Status> {
        let table = self.replica.serving();
        let WakeCounts { sleeps, wakes, waiting } = self.replica.wake_counts();
        Ok(Response::new(pb::GetServingResponse {
            replica: self.replica.name().to_owned(),
            generation: table.generation(),
            served: table.seats().into_iter().map(convert::served).collect(),
            prediction_log: self.replica.log().map(|log| convert::log(log.counts())),
            loads: self.replica.loads(),
            loaded_models: self.replica.loaded_models() as u64,
            sleeps,
            wakes,
            waiting_requests: waiting as u64,
        }))
    }

    async fn get_shadows(
        &self,
        request: Request<pb::GetShadowsRequest>,
    ) -> Result<Response<pb::GetShadowsResponse>, Status> {
        let model = request.into_inner().model;
        let arms = self.replica.arms().into_iter().map(|(name, arm)| (name, arm.shadowing.counts()));
        let found = arms.filter(|(name, counts)| counts.chosen > 0 && (model.is_empty() || name.0.as_str() == model));
        Ok(Response::new(pb::GetShadowsResponse {
            replica: self.replica.name().to_owned(),
            shadows: found.map(|(name, counts)| shadows::shadow(name, counts)).collect(),
        }))
    }
}

fn bundle(request: &pb::PrepareRequest) -> Result<(ModelName, VersionNumber, Digest), FieldErrors> {
    let mut errors = FieldErrors::default();
    let model = errors.check(ModelName::new(&request.model).map_err(|error| error.under("model")));
    let version = errors.check(VersionNumber::new(request.version).map_err(|error| error.under("version")));
    let digest = errors.check(request.digest.parse());
    errors.into_result(|| Some((model?, version?, digest?)))
}
