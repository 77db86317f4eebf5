//! `JobService`.

use std::pin::Pin;

use async_trait::async_trait;
use futures::{Stream, StreamExt as _};
use lineal_kernel::{PageRequest, PageToken};
use lineal_proto::lineal::trainer::v1::{self as pb, job_service_server::JobService};
use lineal_rpc::caller_of;
use tonic::{Request, Response, Status};

use super::{TrainerGrpc, convert, filter, page, status};
use crate::domain::{JobId, Stop};

#[async_trait]
impl JobService for TrainerGrpc {
    async fn create_job(
        &self,
        request: Request<pb::CreateJobRequest>,
    ) -> Result<Response<pb::CreateJobResponse>, Status> {
        let caller = caller_of(&request);
        let pb::CreateJobRequest { spec, request_id, rerun } = request.into_inner();
        let draft = convert::draft(spec.unwrap_or_default());
        let job = self.app.submit_job(&caller, draft, rerun, &request_id).await.map_err(status::from_error)?;
        Ok(Response::new(pb::CreateJobResponse { job: Some(convert::job(job)) }))
    }

    async fn get_job(&self, request: Request<pb::GetJobRequest>) -> Result<Response<pb::GetJobResponse>, Status> {
        let id = JobId::from(request.into_inner().job_id);
        let job = self.app.job(&id).await.map_err(status::from_error)?;
        Ok(Response::new(pb::GetJobResponse { job: Some(convert::job(job)) }))
    }

    async fn list_jobs(&self, request: Request<pb::ListJobsRequest>) -> Result<Response<pb::ListJobsResponse>, Status> {
        let request = request.into_inner();
        let (filter, page) = filter::list_jobs(&request).map_err(status::invalid)?;
        let (jobs, next) = self.app.jobs(&filter, &page).await.map_err(status::from_error)?;
        let (jobs, next) = (jobs.into_iter().map(convert::job).collect(), next.map(|id| id.to_string()));
        let (jobs, next_page_token) = page::fitting(jobs, next, &filter::query_of(&request), |job| &job.job_id);
        Ok(Response::new(pb::ListJobsResponse { jobs, next_page_token }))
    }

    async fn list_job_attempts(
        &self,
        request: Request<pb::ListJobAttemptsRequest>,
    ) -> Result<Response<pb::ListJobAttemptsResponse>, Status> {
        let request = request.into_inner();
        let query = format!("attempts\n{}", request.job_id);
        let page = PageRequest::new(request.page_size, &request.page_token, &query);
        let page = page.map_err(|error| status::invalid(error.into()))?;
        let id = JobId::from(request.job_id);
        let (attempts, next) = self.app.attempts(&id, &page).await.map_err(status::from_error)?;
        let next_page_token = next.map(|number| PageToken::seal(&number.to_string(), &query)).unwrap_or_default();
        let attempts = attempts.into_iter().map(convert::attempt).collect();
        Ok(Response::new(pb::ListJobAttemptsResponse { attempts, next_page_token }))
    }

    type WatchJobStream = Pin<Box<dyn Stream<Item = Result<pb::WatchJobResponse, Status>> + Send>>;

    async fn watch_job(&self, request: Request<pb::WatchJobRequest>) -> Result<Response<Self::WatchJobStream>, Status> {
        let pb::WatchJobRequest { job_id, after_sequence } = request.into_inner();
        let events = self.app.watch_job(JobId::from(job_id), after_sequence).await.map_err(status::from_error)?;
        let answers = events.map(|event| match event {
            Ok(event) => Ok(pb::WatchJobResponse { event: Some(convert::event(event)) }),
            Err(error) => Err(status::from_error(error)),
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn cancel_job(
        &self,
        request: Request<pb::CancelJobRequest>,
    ) -> Result<Response<pb::CancelJobResponse>, Status> {
        let caller = caller_of(&request);
        let id = JobId::from(request.into_inner().job_id);
        let job = self.app.stop_job(&caller, &id, Stop::Cancel).await.map_err(status::from_error)?;
        Ok(Response::new(pb::CancelJobResponse { job: Some(convert::job(job)) }))
    }

    async fn suspend_job(
        &self,
        request: Request<pb::SuspendJobRequest>,
    ) -> Result<Response<pb::SuspendJobResponse>, Status> {
        let caller = caller_of(&request);
        let id = JobId::from(request.into_inner().job_id);
        let job = self.app.stop_job(&caller, &id, Stop::Suspend).await.map_err(status::from_error)?;
        Ok(Response::new(pb::SuspendJobResponse { job: Some(convert::job(job)) }))
    }

    async fn resume_job(
        &self,
        request: Request<pb::ResumeJobRequest>,
    ) -> Result<Response<pb::ResumeJobResponse>, Status> {
        let caller = caller_of(&request);
        let id = JobId::from(request.into_inner().job_id);
        let job = self.app.resume_job(&caller, &id).await.map_err(status::from_error)?;
        Ok(Response::new(pb::ResumeJobResponse { job: Some(convert::job(job)) }))
    }
}
