//! `PipelineService`.

use std::pin::Pin;

use async_trait::async_trait;
use futures::{Stream, StreamExt as _};
use lineal_kernel::{PageRequest, PageToken};
use lineal_proto::lineal::trainer::v1::{self as pb, pipeline_service_server::PipelineService};
use lineal_rpc::caller_of;
use tonic::{Request, Response, Status};

use super::{TrainerGrpc, page, pipeline_convert as convert, status};
use crate::domain::{PipelineId, PipelineRunId};

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl PipelineService for TrainerGrpc {
    async fn save_pipeline(&self, request: Request<pb::SavePipelineRequest>) -> Answer<pb::SavePipelineResponse> {
        let caller = caller_of(&request);
        let graph = convert::graph(request.into_inner().spec.unwrap_or_default(), self.app.families());
        let graph = graph.map_err(status::invalid)?;
        let pipeline = self.app.save_pipeline(&caller, graph).await.map_err(status::from_error)?;
        Ok(Response::new(pb::SavePipelineResponse { pipeline: Some(convert::pipeline(pipeline)) }))
    }

    async fn get_pipeline(&self, request: Request<pb::GetPipelineRequest>) -> Answer<pb::GetPipelineResponse> {
        let id = PipelineId::from(request.into_inner().pipeline_id);
        let pipeline = self.app.pipeline(&id).await.map_err(status::from_error)?;
        Ok(Response::new(pb::GetPipelineResponse { pipeline: Some(convert::pipeline(pipeline)) }))
    }

    async fn list_pipelines(&self, request: Request<pb::ListPipelinesRequest>) -> Answer<pb::ListPipelinesResponse> {
        let request = request.into_inner();
        let query = format!("pipelines\n{}", request.dataset);
        let page = PageRequest::new(request.page_size, &request.page_token, &query);
        let page = page.map_err(|error| status::invalid(error.into()))?;
        let dataset = Some(request.dataset.as_str()).filter(|dataset| !dataset.is_empty());
        let (pipelines, next) = self.app.pipelines(dataset, &page).await.map_err(status::from_error)?;
        let next_page_token = next.map(|cursor| PageToken::seal(&cursor, &query)).unwrap_or_default();
        let pipelines = pipelines.into_iter().map(convert::pipeline).collect();
        Ok(Response::new(pb::ListPipelinesResponse { pipelines, next_page_token }))
    }

    async fn run_pipeline(&self, request: Request<pb::RunPipelineRequest>) -> Answer<pb::RunPipelineResponse> {
        let caller = caller_of(&request);
        let command = convert::run_pipeline(request.into_inner()).map_err(status::invalid)?;
        let run = self.app.run_pipeline(&caller, command).await.map_err(status::from_error)?;
        Ok(Response::new(pb::RunPipelineResponse { pipeline_run: Some(convert::run(run)) }))
    }

    async fn train_full_pipeline(
        &self,
        request: Request<pb::TrainFullPipelineRequest>,
    ) -> Answer<pb::TrainFullPipelineResponse> {
        let caller = caller_of(&request);
        let chain = convert::full_pipeline(request.into_inner(), self.app.families());
        let (graph, wish) = chain.map_err(status::invalid)?;
        let pipeline = self.app.save_pipeline(&caller, graph).await.map_err(status::from_error)?;
        let command = pb::RunPipelineRequest { pipeline_id: pipeline.id.to_string(), ..wish };
        let command = convert::run_pipeline(command).map_err(status::invalid)?;
        let run = self.app.run_pipeline(&caller, command).await.map_err(status::from_error)?;
        let (pipeline, pipeline_run) = (Some(convert::pipeline(pipeline)), Some(convert::run(run)));
        Ok(Response::new(pb::TrainFullPipelineResponse { pipeline, pipeline_run }))
    }

    async fn get_pipeline_run(
        &self,
        request: Request<pb::GetPipelineRunRequest>,
    ) -> Answer<pb::GetPipelineRunResponse> {
        let id = PipelineRunId::from(request.into_inner().pipeline_run_id);
        let run = self.app.pipeline_run(&id).await.map_err(status::from_error)?;
        Ok(Response::new(pb::GetPipelineRunResponse { pipeline_run: Some(convert::run(run)) }))
    }

    async fn list_pipeline_runs(
        &self,
        request: Request<pb::ListPipelineRunsRequest>,
    ) -> Answer<pb::ListPipelineRunsResponse> {
        let request = request.into_inner();
        let query = format!("pipeline runs\n{}\n{}", request.pipeline_id, request.state);
        let (filter, page) = convert::list_runs(&request, &query).map_err(status::invalid)?;
        let (runs, next) = self.app.pipeline_runs(&filter, &page).await.map_err(status::from_error)?;
        let (runs, next) = (runs.into_iter().map(convert::run).collect(), next.map(|id| id.to_string()));
        let (pipeline_runs, next_page_token) = page::fitting(runs, next, &query, |run| &run.pipeline_run_id);
        Ok(Response::new(pb::ListPipelineRunsResponse { pipeline_runs, next_page_token }))
    }

    type WatchPipelineRunStream = Pin<Box<dyn Stream<Item = Result<pb::WatchPipelineRunResponse, Status>> + Send>>;

    async fn watch_pipeline_run(
        &self,
        request: Request<pb::WatchPipelineRunRequest>,
    ) -> Answer<Self::WatchPipelineRunStream> {
        let pb::WatchPipelineRunRequest { pipeline_run_id, after_sequence } = request.into_inner();
        let events = self.app.watch_pipeline_run(PipelineRunId::from(pipeline_run_id), after_sequence).await;
        let answers = events.map_err(status::from_error)?.map(|event| match event {
            Ok(event) => Ok(pb::WatchPipelineRunResponse { event: Some(convert::event(event)) }),
            Err(error) => Err(status::from_error(error)),
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn cancel_pipeline_run(
        &self,
        request: Request<pb::CancelPipelineRunRequest>,
    ) -> Answer<pb::CancelPipelineRunResponse> {
        let caller = caller_of(&request);
        let id = PipelineRunId::from(request.into_inner().pipeline_run_id);
        let run = self.app.cancel_pipeline_run(&caller, &id).await.map_err(status::from_error)?;
        Ok(Response::new(pb::CancelPipelineRunResponse { pipeline_run: Some(convert::run(run)) }))
    }

    async fn resume_pipeline_run(
        &self,
        request: Request<pb::ResumePipelineRunRequest>,
    ) -> Answer<pb::ResumePipelineRunResponse> {
        let caller = caller_of(&request);
        let id = PipelineRunId::from(request.into_inner().pipeline_run_id);
        let run = self.app.resume_pipeline_run(&caller, &id).await.map_err(status::from_error)?;
        Ok(Response::new(pb::ResumePipelineRunResponse { pipeline_run: Some(convert::run(run)) }))
    }
}
