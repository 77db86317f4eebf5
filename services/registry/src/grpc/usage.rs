//! Usage of versions.

use lineal_kernel::{FieldError, FieldErrors, Name};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
    tracking, versions,
};
use crate::domain::usage::{Totals, Usage, UsageCount, UsageReport};

/// Versions in one report.
const MAX_COUNTS: usize = 1000;
/// No process comes this far, and the sum over all of them still fits its column.
const MAX_COUNT: u64 = 1 << 50;

#[tonic::async_trait]
impl pb::usage_service_server::UsageService for Grpc {
    async fn report_usage(
        &self,
        request: Request<pb::ReportUsageRequest>,
    ) -> Result<Response<pb::ReportUsageResponse>, Status> {
        let caller = caller_of(&request);
        let report = report(request.into_inner()).map_err(bad_request)?;
        self.0.report_usage(&caller, report).await.map_err(from_error)?;
        Ok(Response::new(pb::ReportUsageResponse {}))
    }

    async fn get_usage(&self, request: Request<pb::GetUsageRequest>) -> Result<Response<pb::GetUsageResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (model, number) = versions::name(&message.model, message.number).map_err(bad_request)?;
        let usage = self.0.usage(&caller, &model, number).await.map_err(from_error)?;
        Ok(Response::new(pb::GetUsageResponse { usage: Some(convert(usage)) }))
    }
}

fn report(message: pb::ReportUsageRequest) -> Result<UsageReport, FieldErrors> {
    let name = |text: &str, path| Name::new(text).map_err(|error| error.under(path));
    checked!({
        replica: name(&message.replica, "replica"),
        incarnation: name(&message.incarnation, "incarnation"),
        counts: counts(message.counts),
    } => UsageReport { replica, incarnation, counts })
}

fn counts(counts: Vec<pb::UsageCount>) -> Result<Vec<UsageCount>, FieldErrors> {
    if counts.len() > MAX_COUNTS {
        return Err(FieldError::new("counts", format!("at most {MAX_COUNTS}; send several reports")).into());
    }
    let mut errors = FieldErrors::default();
    let mut known = Vec::with_capacity(counts.len());
    for (i, count) in counts.into_iter().enumerate() {
        known.extend(fields::gather(&mut errors, self::count(count).map_err(|errors| under(errors, i))));
    }
    errors.into_result(|| Some(known))
}

fn under(errors: FieldErrors, i: usize) -> FieldErrors {
    FieldErrors(errors.0.into_iter().map(|error| error.under(&format!("counts[{i}]"))).collect())
}

fn count(count: pb::UsageCount) -> Result<UsageCount, FieldErrors> {
    checked!({
        model: fields::model(&count.model),
        number: fields::number(count.number, "number"),
        requests: bounded(count.requests, "requests"),
        errors: bounded(count.errors, "errors"),
        rows: bounded(count.rows, "rows"),
        inference_micros: bounded(count.inference_micros, "inference_micros"),
        last_use: tracking::moment(count.last_use_time, "last_use_time"),
    } => UsageCount { model, number, totals: Totals { requests, errors, rows, inference_micros, last_use } })
}

fn bounded(count: u64, path: &str) -> Result<u64, FieldError> {
    if count > MAX_COUNT { Err(FieldError::new(path, format!("at most {MAX_COUNT}"))) } else { Ok(count) }
}

pub(super) fn convert(usage: Usage) -> pb::Usage {
    let Usage { totals, first_deployed, deployed } = usage;
    pb::Usage {
        first_deploy_time: first_deployed.map(timestamp),
        deploy_time: deployed.map(timestamp),
        last_use_time: totals.last_use.map(timestamp),
        requests: totals.requests,
        errors: totals.errors,
        rows: totals.rows,
        inference_micros: totals.inference_micros,
        mean_milliseconds: totals.mean_milliseconds(),
    }
}
