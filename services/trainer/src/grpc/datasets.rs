//! `DatasetService`.

use async_trait::async_trait;
use lineal_data::Expectations;
use lineal_kernel::{FieldError, Name, PageRequest, PageToken};
use lineal_proto::lineal::trainer::v1::{self as pb, dataset_service_server::DatasetService};
use lineal_rpc::caller_of;
use tonic::{Request, Response, Status};

use super::{TrainerGrpc, convert, reports, status};
use crate::domain::Source;

#[async_trait]
impl DatasetService for TrainerGrpc {
    async fn set_expectations(
        &self,
        request: Request<pb::SetExpectationsRequest>,
    ) -> Result<Response<pb::SetExpectationsResponse>, Status> {
        let caller = caller_of(&request);
        let request = request.into_inner();
        let dataset = dataset(&request.dataset)?;
        let expectations = reports::expected(request.expectations.unwrap_or_default());
        let problem = |error: lineal_data::DataError| FieldError::new("expectations", error.to_string());
        expectations.check().map_err(|error| status::invalid(problem(error).into()))?;
        self.app.set_expectations(&caller, &dataset, &expectations).await.map_err(status::from_error)?;
        Ok(Response::new(pb::SetExpectationsResponse { expectations: Some(reports::expectations(expectations)) }))
    }

    async fn get_expectations(
        &self,
        request: Request<pb::GetExpectationsRequest>,
    ) -> Result<Response<pb::GetExpectationsResponse>, Status> {
        let dataset = dataset(&request.into_inner().dataset)?;
        let expectations = self.app.expectations(&dataset).await.map_err(|error| status::from_error(error.into()))?;
        Ok(Response::new(pb::GetExpectationsResponse { expectations: Some(reports::expectations(expectations)) }))
    }

    async fn check_data(
        &self,
        request: Request<pb::CheckDataRequest>,
    ) -> Result<Response<pb::CheckDataResponse>, Status> {
        let source = request.into_inner().source.unwrap_or_default();
        let source = Source::check(&source.dataset, &source.digest, convert::format(&source));
        let source = source.map_err(status::invalid)?;
        let (summary, report) = self.app.check_data(&source).await.map_err(status::from_error)?;
        let inferred = reports::expectations(Expectations::infer(&report.columns));
        let report = Some(reports::report(summary, report));
        Ok(Response::new(pb::CheckDataResponse { report, inferred: Some(inferred) }))
    }

    async fn get_data_report(
        &self,
        request: Request<pb::GetDataReportRequest>,
    ) -> Result<Response<pb::GetDataReportResponse>, Status> {
        let id = request.into_inner().report_id;
        let (summary, report) = self.app.data_report(&id).await.map_err(status::from_error)?;
        Ok(Response::new(pb::GetDataReportResponse { report: Some(reports::report(summary, report)) }))
    }

    async fn list_data_reports(
        &self,
        request: Request<pb::ListDataReportsRequest>,
    ) -> Result<Response<pb::ListDataReportsResponse>, Status> {
        let request = request.into_inner();
        let dataset = dataset(&request.dataset)?;
        let query = format!("data reports\n{dataset}");
        let page = PageRequest::new(request.page_size, &request.page_token, &query);
        let page = page.map_err(|error| status::invalid(error.into()))?;
        let (summaries, next) = self.app.data_reports(&dataset, &page).await.map_err(status::from_error)?;
        let next_page_token = next.map(|id| PageToken::seal(&id, &query)).unwrap_or_default();
        let reports = summaries.into_iter().map(reports::summary).collect();
        Ok(Response::new(pb::ListDataReportsResponse { reports, next_page_token }))
    }
}

/// The dataset that a request is about.
pub(super) fn dataset(text: &str) -> Result<Name, Status> {
    Name::new(text).map_err(|error| status::invalid(error.under("dataset").into()))
}
