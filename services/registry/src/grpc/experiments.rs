//! Experiments.

use lineal_kernel::{FieldError, PageRequest};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
    tracking,
};
use crate::domain::experiment::{CreateExperiment, Experiment, Stage, UpdateExperiment};

#[tonic::async_trait]
impl pb::experiment_service_server::ExperimentService for Grpc {
    async fn create_experiment(
        &self,
        request: Request<pb::CreateExperimentRequest>,
    ) -> Result<Response<pb::CreateExperimentResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let wish = checked!({
            name: tracking::experiment(message.name, "name"),
            description: fields::text(message.description, "description"),
            tags: fields::words(message.tags, "tags"),
            artifact_location: fields::link(message.artifact_location, "artifact_location"),
            request_id: fields::request_id(&message.request_id),
        } => CreateExperiment { name, description, tags, artifact_location, request_id });
        let made = self.0.create_experiment(&caller, wish.map_err(bad_request)?).await.map_err(from_error)?;
        Ok(Response::new(pb::CreateExperimentResponse { experiment: Some(convert(made)) }))
    }

    async fn get_experiment(
        &self,
        request: Request<pb::GetExperimentRequest>,
    ) -> Result<Response<pb::GetExperimentResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let found = match (message.experiment_id.as_str(), message.name.as_str()) {
            ("", "") => Err(bad_request(FieldError::new("experiment_id", "give an id or a name")))?,
            (id, "") => self.0.experiment(&caller, id).await,
            ("", name) => self.0.experiment_named(&caller, name).await,
            _ => Err(bad_request(FieldError::new("name", "give an id or a name, not both")))?,
        };
        Ok(Response::new(pb::GetExperimentResponse { experiment: Some(convert(found.map_err(from_error)?)) }))
    }

    async fn list_experiments(
        &self,
        request: Request<pb::ListExperimentsRequest>,
    ) -> Result<Response<pb::ListExperimentsResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = format!("experiments of stage {}", message.lifecycle_stage);
        let (stage, page) = checked!({
            stage: tracking::stage(message.lifecycle_stage),
            page: PageRequest::new(message.page_size, &message.page_token, &query),
        } => (stage, page))
        .map_err(bad_request)?;
        let found = self.0.experiments(&caller, stage, &page).await.map_err(from_error)?;
        Ok(Response::new(pb::ListExperimentsResponse {
            next_page_token: fields::next(found.next, &query),
            experiments: found.items.into_iter().map(convert).collect(),
        }))
    }

    async fn update_experiment(
        &self,
        request: Request<pb::UpdateExperimentRequest>,
    ) -> Result<Response<pb::UpdateExperimentResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let wish = checked!({
            name: message.name.map(|name| tracking::experiment(name, "name")).transpose(),
            description: fields::optional_text(message.description, "description"),
            tags: fields::tags(message.tags, message.remove_tags),
        } => UpdateExperiment { name, description, tags })
        .map_err(bad_request)?;
        let changed = self.0.update_experiment(&caller, &message.experiment_id, &wish).await.map_err(from_error)?;
        Ok(Response::new(pb::UpdateExperimentResponse { experiment: Some(convert(changed)) }))
    }

    async fn delete_experiment(
        &self,
        request: Request<pb::DeleteExperimentRequest>,
    ) -> Result<Response<pb::DeleteExperimentResponse>, Status> {
        let caller = caller_of(&request);
        let id = request.into_inner().experiment_id;
        let changed = self.0.stage_experiment(&caller, &id, Stage::Deleted).await.map_err(from_error)?;
        Ok(Response::new(pb::DeleteExperimentResponse { experiment: Some(convert(changed)) }))
    }

    async fn restore_experiment(
        &self,
        request: Request<pb::RestoreExperimentRequest>,
    ) -> Result<Response<pb::RestoreExperimentResponse>, Status> {
        let caller = caller_of(&request);
        let id = request.into_inner().experiment_id;
        let changed = self.0.stage_experiment(&caller, &id, Stage::Active).await.map_err(from_error)?;
        Ok(Response::new(pb::RestoreExperimentResponse { experiment: Some(convert(changed)) }))
    }
}

fn convert(experiment: Experiment) -> pb::Experiment {
    pb::Experiment {
        experiment_id: experiment.experiment_id,
        name: experiment.name,
        description: experiment.description,
        tags: experiment.tags,
        lifecycle_stage: tracking::stage_of(experiment.stage).into(),
        create_time: Some(timestamp(experiment.created)),
        update_time: Some(timestamp(experiment.updated)),
        artifact_location: experiment.artifact_location,
    }
}
