//! Runs.

use lineal_kernel::{FieldError, PageRequest, Timestamp};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    promotions,
    status::{bad_request, from_error},
    tracking, validations,
};
use crate::app::runs::RunResult;
use crate::domain::{
    experiment::Stage,
    run::{CreateRun, LogBatch, Run, RunStatus, Taint, UpdateRun},
};

#[tonic::async_trait]
impl pb::run_service_server::RunService for Grpc {
    async fn create_run(
        &self,
        request: Request<pb::CreateRunRequest>,
    ) -> Result<Response<pb::CreateRunResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let wish = checked!({
            model: fields::model(&message.model),
            name: fields::text(message.name, "name"),
            experiment: tracking::experiment_or_default(message.experiment),
            parameters: fields::words(message.parameters, "parameters"),
            tags: fields::words(message.tags, "tags"),
            parent_run_id: fields::text(message.parent_run_id, "parent_run_id"),
            description: fields::text(message.description, "description"),
            source: tracking::source(message.source),
            started: tracking::moment(message.start_time, "start_time"),
            status: first_status(message.status),
            request_id: fields::request_id(&message.request_id),
        } => {
            let model = model.to_string();
            CreateRun {
                model,
                name,
                experiment,
                parameters,
                tags,
                parent_run_id,
                description,
                source,
                started,
                status,
                request_id,
            }
        });
        let run = self.0.create_run(&caller, wish.map_err(bad_request)?).await.map_err(from_error)?;
        Ok(Response::new(pb::CreateRunResponse { run: Some(self.run(run)) }))
    }

    async fn log_batch(&self, request: Request<pb::LogBatchRequest>) -> Result<Response<pb::LogBatchResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let batch = checked!({
            parameters: fields::words(message.parameters, "parameters"),
            points: tracking::points(message.metrics, message.points, self.0.clock.now()),
            tags: fields::words(message.tags, "tags"),
            datasets: tracking::datasets(message.datasets),
        } => LogBatch { parameters, points, tags, datasets })
        .map_err(bad_request)?;
        let run = self.0.log_batch(&caller, &message.run_id, batch).await.map_err(from_error)?;
        Ok(Response::new(pb::LogBatchResponse { run: Some(self.run(run)) }))
    }

    async fn finish_run(
        &self,
        request: Request<pb::FinishRunRequest>,
    ) -> Result<Response<pb::FinishRunResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (status, error, ended) = checked!({
            status: final_status(message.status),
            error: fields::text(message.error, "error"),
            ended: tracking::moment(message.end_time, "end_time"),
        } => (status, error, ended))
        .map_err(bad_request)?;
        let run = self.0.finish_run(&caller, &message.run_id, (status, &error), ended).await.map_err(from_error)?;
        Ok(Response::new(pb::FinishRunResponse { run: Some(self.run(run)) }))
    }

    async fn update_run(
        &self,
        request: Request<pb::UpdateRunRequest>,
    ) -> Result<Response<pb::UpdateRunResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let wish = checked!({
            name: message.name.map(run_name).transpose(),
            description: fields::optional_text(message.description, "description"),
            status: message.status.map(open_status).transpose(),
            tags: fields::tags(message.tags, message.remove_tags),
        } => UpdateRun { name, description, status, tags })
        .map_err(bad_request)?;
        let run = self.0.update_run(&caller, &message.run_id, &wish).await.map_err(from_error)?;
        Ok(Response::new(pb::UpdateRunResponse { run: Some(self.run(run)) }))
    }

    async fn delete_run(
        &self,
        request: Request<pb::DeleteRunRequest>,
    ) -> Result<Response<pb::DeleteRunResponse>, Status> {
        let caller = caller_of(&request);
        let run_id = request.into_inner().run_id;
        let run = self.0.stage_run(&caller, &run_id, Stage::Deleted).await.map_err(from_error)?;
        Ok(Response::new(pb::DeleteRunResponse { run: Some(self.run(run)) }))
    }

    async fn restore_run(
        &self,
        request: Request<pb::RestoreRunRequest>,
    ) -> Result<Response<pb::RestoreRunResponse>, Status> {
        let caller = caller_of(&request);
        let run_id = request.into_inner().run_id;
        let run = self.0.stage_run(&caller, &run_id, Stage::Active).await.map_err(from_error)?;
        Ok(Response::new(pb::RestoreRunResponse { run: Some(self.run(run)) }))
    }

    async fn taint_run(&self, request: Request<pb::TaintRunRequest>) -> Result<Response<pb::TaintRunResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let reason = fields::reason(message.reason).map_err(bad_request)?;
        let run = self.0.taint_run(&caller, &message.run_id, &reason).await.map_err(from_error)?;
        Ok(Response::new(pb::TaintRunResponse { run: Some(self.run(run)) }))
    }

    async fn get_run(&self, request: Request<pb::GetRunRequest>) -> Result<Response<pb::GetRunResponse>, Status> {
        let caller = caller_of(&request);
        let run_id = request.into_inner().run_id;
        let run = self.0.run(&caller, &run_id).await.map_err(from_error)?;
        let results = self.0.results(&caller, &run_id).await.map_err(from_error)?;
        Ok(Response::new(pb::GetRunResponse {
            run: Some(self.run(run)),
            results: results.into_iter().map(|result| self.result(result)).collect(),
        }))
    }

    async fn list_runs(&self, request: Request<pb::ListRunsRequest>) -> Result<Response<pb::ListRunsResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = format!("runs of {}", message.experiment);
        let page = PageRequest::new(message.page_size, &message.page_token, &query).map_err(bad_request)?;
        let experiment = Some(message.experiment.as_str()).filter(|experiment| !experiment.is_empty());
        let found = self.0.runs(&caller, experiment, &page).await.map_err(from_error)?;
        Ok(Response::new(pb::ListRunsResponse {
            next_page_token: fields::next(found.next, &query),
            runs: found.items.into_iter().map(|run| self.run(run)).collect(),
        }))
    }

    async fn search_runs(
        &self,
        request: Request<pb::SearchRunsRequest>,
    ) -> Result<Response<pb::SearchRunsResponse>, Status> {
        let caller = caller_of(&request);
        let mut message = request.into_inner();
        let (size, token) = (message.page_size, std::mem::take(&mut message.page_token));
        message.page_size = 0;
        let query = format!("{message:?}");
        let (search, page) = checked!({
            search: tracking::search(message),
            page: PageRequest::new(size, &token, &query),
        } => (search, page))
        .map_err(bad_request)?;
        let found = self.0.search_runs(&caller, &search, &page).await.map_err(from_error)?;
        Ok(Response::new(pb::SearchRunsResponse {
            next_page_token: fields::next(found.next, &query),
            runs: found.items.into_iter().map(|run| self.run(run)).collect(),
        }))
    }

    async fn get_metric_history(
        &self,
        request: Request<pb::GetMetricHistoryRequest>,
    ) -> Result<Response<pb::GetMetricHistoryResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = format!("history of {} {}", message.run_id, message.key);
        let ((), page) = checked!({
            key: fields::key(&message.key, "key"),
            page: PageRequest::new(message.page_size, &message.page_token, &query),
        } => (key, page))
        .map_err(bad_request)?;
        let found = self.0.metric_history(&caller, &message.run_id, &message.key, &page).await.map_err(from_error)?;
        Ok(Response::new(pb::GetMetricHistoryResponse {
            next_page_token: fields::next(found.next, &query),
            points: found.items.into_iter().map(tracking::point).collect(),
        }))
    }
}

fn first_status(status: i32) -> Result<RunStatus, FieldError> {
    if status == i32::from(pb::RunStatus::Unspecified) { Ok(RunStatus::Running) } else { open_status(status) }
}

fn open_status(status: i32) -> Result<RunStatus, FieldError> {
    match pb::RunStatus::try_from(status) {
        Ok(pb::RunStatus::Running) => Ok(RunStatus::Running),
        Ok(pb::RunStatus::Scheduled) => Ok(RunStatus::Scheduled),
        _ => Err(FieldError::new("status", "an open run is RUNNING or SCHEDULED")),
    }
}

impl Grpc {
    fn result(&self, result: RunResult) -> pb::RunResult {
        let columns = result.inputs.into_iter();
        pb::RunResult {
            validations: result.view.validations.iter().cloned().map(validations::convert).collect(),
            version: Some(self.version(result.view)),
            promotions: result.promotions.into_iter().map(promotions::convert).collect(),
            feature_schema: columns
                .map(|column| pb::SchemaColumn { name: column.name, datatype: column.datatype })
                .collect(),
        }
    }
}

fn final_status(status: i32) -> Result<RunStatus, FieldError> {
    match pb::RunStatus::try_from(status) {
        Ok(pb::RunStatus::Finished) => Ok(RunStatus::Finished),
        Ok(pb::RunStatus::Failed) => Ok(RunStatus::Failed),
        Ok(pb::RunStatus::Killed) => Ok(RunStatus::Killed),
        _ => Err(FieldError::new("status", "a run ends as FINISHED, FAILED or KILLED")),
    }
}

fn run_name(name: String) -> Result<String, FieldError> {
    if name.is_empty() {
        return Err(FieldError::new("name", "must not be empty; leave it out to keep the name"));
    }
    fields::text(name, "name")
}

pub(super) fn convert(run: Run) -> pb::Run {
    let source = pb::RunSource {
        name: run.source.name,
        r#type: run.source.kind,
        entry_point: run.source.entry_point,
        user: run.source.user,
    };
    pb::Run {
        run_id: run.run_id,
        name: run.name,
        experiment: run.experiment,
        status: tracking::status_of(run.status).into(),
        start_time: Some(timestamp(Timestamp::from_micros(run.started_us))),
        end_time: run.ended_us.map(|micros| timestamp(Timestamp::from_micros(micros))),
        parameters: run.parameters,
        metrics: run.metrics,
        tags: run.tags,
        datasets: run.datasets.into_iter().map(tracking::dataset).collect(),
        error: run.error,
        experiment_id: run.experiment_id,
        lifecycle_stage: tracking::stage_of(run.stage).into(),
        parent_run_id: run.parent_run_id,
        description: run.description,
        source: Some(source),
        model: run.model,
        taint: run.taint.map(taint),
        environment: String::new(),
    }
}

pub(super) fn taint(taint: Taint) -> pb::Taint {
    pb::Taint {
        reason: taint.reason,
        create_time: Some(timestamp(Timestamp::from_micros(taint.created_us))),
        actor: taint.actor,
    }
}
