//! Models.

use lineal_kernel::{FieldError, ModelName, PageRequest, Slot, VersionNumber};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
};
use crate::domain::model::{CreateModel, ModelView, UpdateModel};

#[tonic::async_trait]
impl pb::model_service_server::ModelService for Grpc {
    async fn create_model(
        &self,
        request: Request<pb::CreateModelRequest>,
    ) -> Result<Response<pb::CreateModelResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let wish = checked!({
            name: name(&message.name),
            description: fields::text(message.description, "description"),
            tags: fields::words(message.tags, "tags"),
            request_id: fields::request_id(&message.request_id),
        } => CreateModel { name, description, tags, request_id });
        let model = self.0.create_model(&caller, wish.map_err(bad_request)?).await.map_err(from_error)?;
        Ok(Response::new(pb::CreateModelResponse { model: Some(convert(model)) }))
    }

    async fn update_model(
        &self,
        request: Request<pb::UpdateModelRequest>,
    ) -> Result<Response<pb::UpdateModelResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let etag = fields::etag(message.etag);
        let wish = checked!({
            name: name(&message.name),
            description: fields::optional_text(message.description, "description"),
            tags: fields::tags(message.tags, message.remove_tags),
            request_id: fields::request_id(&message.request_id),
        } => UpdateModel { name, description, tags, etag, request_id });
        let model = self.0.update_model(&caller, wish.map_err(bad_request)?).await.map_err(from_error)?;
        Ok(Response::new(pb::UpdateModelResponse { model: Some(convert(model)) }))
    }

    async fn get_model(&self, request: Request<pb::GetModelRequest>) -> Result<Response<pb::GetModelResponse>, Status> {
        let caller = caller_of(&request);
        let name = name(&request.into_inner().name).map_err(bad_request)?;
        let model = self.0.model(&caller, &name).await.map_err(from_error)?;
        Ok(Response::new(pb::GetModelResponse { model: Some(convert(model)) }))
    }

    async fn list_models(
        &self,
        request: Request<pb::ListModelsRequest>,
    ) -> Result<Response<pb::ListModelsResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = "models";
        let page = PageRequest::new(message.page_size, &message.page_token, query).map_err(bad_request)?;
        let found = self.0.models(&caller, &page).await.map_err(from_error)?;
        Ok(Response::new(pb::ListModelsResponse {
            next_page_token: fields::next(found.next, query),
            models: found.items.into_iter().map(convert).collect(),
        }))
    }
}

fn name(text: &str) -> Result<ModelName, FieldError> {
    ModelName::new(text).map_err(|error| error.under("name"))
}

fn convert(view: ModelView) -> pb::Model {
    let model = view.model;
    let current = |(slot, number): (Slot, VersionNumber)| pb::CurrentVersion {
        slot: slot.labels().clone(),
        number: number.get(),
    };
    let (last_run_id, last_run_time) = view.last_run.map(|run| (run.run_id, timestamp(run.started))).unzip();
    pb::Model {
        etag: model.etag(),
        name: model.name.to_string(),
        description: model.description,
        latest_version: model.latest_version,
        create_time: Some(timestamp(model.created)),
        tags: model.tags,
        current_versions: view.champions.into_iter().map(current).collect(),
        last_run_id: last_run_id.unwrap_or_default(),
        last_run_time,
    }
}
