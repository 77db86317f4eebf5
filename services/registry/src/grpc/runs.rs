//! Runs.

use lineal_kernel::{FieldError, FieldErrors, PageRequest, Timestamp};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
};
use crate::domain::run::{CreateRun, DatasetReference, LogBatch, Run, RunStatus};

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
            experiment: fields::text(message.experiment, "experiment"),
            parameters: fields::words(message.parameters, "parameters"),
            tags: fields::words(message.tags, "tags"),
            request_id: fields::request_id(&message.request_id),
        } => CreateRun { model: model.to_string(), name, experiment, parameters, tags, request_id });
        let run = self.0.create_run(&caller, wish.map_err(bad_request)?).await.map_err(from_error)?;
        Ok(Response::new(pb::CreateRunResponse { run: Some(convert(run)) }))
    }

    async fn log_batch(&self, request: Request<pb::LogBatchRequest>) -> Result<Response<pb::LogBatchResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let batch = checked!({
            parameters: fields::words(message.parameters, "parameters"),
            metrics: fields::metrics(message.metrics, "metrics"),
            tags: fields::words(message.tags, "tags"),
            datasets: datasets(message.datasets),
        } => LogBatch { parameters, metrics, tags, datasets })
        .map_err(bad_request)?;
        let run = self.0.log_batch(&caller, &message.run_id, batch).await.map_err(from_error)?;
        Ok(Response::new(pb::LogBatchResponse { run: Some(convert(run)) }))
    }

    async fn finish_run(
        &self,
        request: Request<pb::FinishRunRequest>,
    ) -> Result<Response<pb::FinishRunResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (status, error) = checked!({
            status: final_status(message.status),
            error: fields::text(message.error, "error"),
        } => (status, error))
        .map_err(bad_request)?;
        let run = self.0.finish_run(&caller, &message.run_id, status, &error).await.map_err(from_error)?;
        Ok(Response::new(pb::FinishRunResponse { run: Some(convert(run)) }))
    }

    async fn get_run(&self, request: Request<pb::GetRunRequest>) -> Result<Response<pb::GetRunResponse>, Status> {
        let caller = caller_of(&request);
        let run = self.0.run(&caller, &request.into_inner().run_id).await.map_err(from_error)?;
        Ok(Response::new(pb::GetRunResponse { run: Some(convert(run)) }))
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
            runs: found.items.into_iter().map(convert).collect(),
        }))
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

fn datasets(references: Vec<pb::DatasetReference>) -> Result<Vec<DatasetReference>, FieldErrors> {
    let mut errors = FieldErrors::default();
    let known = references.into_iter().enumerate().filter_map(|(i, reference)| {
        let digest = errors.check(fields::digest(&reference.digest, &format!("datasets[{i}].digest")))?;
        Some(DatasetReference { name: reference.name, role: reference.role, digest, rows: reference.rows })
    });
    let known = known.collect();
    errors.into_result(|| Some(known))
}

pub(super) fn convert(run: Run) -> pb::Run {
    let status = match run.status {
        RunStatus::Running => pb::RunStatus::Running,
        RunStatus::Finished => pb::RunStatus::Finished,
        RunStatus::Failed => pb::RunStatus::Failed,
        RunStatus::Killed => pb::RunStatus::Killed,
    };
    let datasets = run.datasets.into_iter().map(|dataset| pb::DatasetReference {
        name: dataset.name,
        role: dataset.role,
        digest: dataset.digest.to_string(),
        rows: dataset.rows,
    });
    pb::Run {
        run_id: run.run_id,
        name: run.name,
        experiment: run.experiment,
        status: status.into(),
        start_time: Some(timestamp(Timestamp::from_micros(run.started_us))),
        end_time: run.ended_us.map(|micros| timestamp(Timestamp::from_micros(micros))),
        parameters: run.parameters,
        metrics: run.metrics,
        tags: run.tags,
        datasets: datasets.collect(),
        error: run.error,
    }
}
