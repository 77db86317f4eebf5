//! `lineal.validator.v1.ReportService`.

use std::sync::Arc;

use lineal_kernel::PageToken;
use lineal_proto::lineal::validator::v1::{
    GetReportRequest, GetReportResponse, ListReportsRequest, ListReportsResponse, ValidateRequest, ValidateResponse,
    report_service_server::ReportService,
};
use lineal_rpc::caller_of;
use tonic::{Request, Response, Status};

use super::{
    convert,
    status::{bad_request, from_error},
};
use crate::app::App;

/// The service on the wire.
pub(crate) struct ValidatorGrpc {
    app: Arc<App>,
}

impl ValidatorGrpc {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl ReportService for ValidatorGrpc {
    async fn validate(&self, request: Request<ValidateRequest>) -> Result<Response<ValidateResponse>, Status> {
        let caller = caller_of(&request);
        let command = convert::validate(request.into_inner()).map_err(bad_request)?;
        let report = self.app.validate(&caller, command).await.map_err(from_error)?;
        Ok(Response::new(ValidateResponse { report: Some(convert::report(report)) }))
    }

    async fn get_report(&self, request: Request<GetReportRequest>) -> Result<Response<GetReportResponse>, Status> {
        let caller = caller_of(&request);
        let id = convert::get_report(&request.into_inner()).map_err(bad_request)?;
        let report = self.app.report(&caller, id).await.map_err(from_error)?;
        Ok(Response::new(GetReportResponse { report: Some(convert::report(report)) }))
    }

    async fn list_reports(
        &self,
        request: Request<ListReportsRequest>,
    ) -> Result<Response<ListReportsResponse>, Status> {
        let caller = caller_of(&request);
        let query = convert::list_reports(&request.into_inner()).map_err(bad_request)?;
        let sealed = convert::list_query(&query.model);
        let page = self.app.reports(&caller, query).await.map_err(from_error)?;
        Ok(Response::new(ListReportsResponse {
            reports: page.reports.into_iter().map(convert::report).collect(),
            next_page_token: page.next.map(|next| PageToken::seal(&next.to_string(), &sealed)).unwrap_or_default(),
        }))
    }
}
