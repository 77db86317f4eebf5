//! Between messages and the domain.

use lineal_kernel::{FieldError, FieldErrors, ModelName, PageRequest, RequestId, Slot, VersionNumber};
use lineal_proto::lineal::validator::v1 as pb;
use lineal_rpc::timestamp;

use crate::{
    app::{ListReports, Validate},
    domain::{Conditions, Gate, MetricLimit, Policy, Report, ReportId},
};

pub(super) fn validate(request: pb::ValidateRequest) -> Result<Validate, FieldErrors> {
    let mut errors = FieldErrors::default();
    let model = errors.check(ModelName::new(&request.model).map_err(|error| error.under("model")));
    let slot = errors.check(Slot::new(request.slot).map_err(|error| error.under("slot")));
    let number = errors.check(VersionNumber::new(request.number).map_err(|error| error.under("number")));
    let conditions = request.policy.map(conditions).transpose();
    let conditions =
        conditions.map_err(|bad| errors.0.extend(bad.0.into_iter().map(|error| error.under("policy")))).ok();
    let request_id = match request.request_id.as_str() {
        "" => Some(RequestId::random()),
        text => errors.check(RequestId::new(text).map_err(|error| error.under("request_id"))),
    };
    errors.into_result(|| {
        Some(Validate { model: model?, slot: slot?, number: number?, conditions: conditions?, request_id: request_id? })
    })
}

fn conditions(policy: pb::Policy) -> Result<Conditions, FieldErrors> {
    let limits: Vec<_> = policy.limits.into_iter().map(|limit| (limit.metric, limit.limit)).collect();
    Conditions::new(&limits, &policy.comparison_metric, policy.skip_comparison)
}

pub(super) fn get_report(request: &pb::GetReportRequest) -> Result<ReportId, FieldErrors> {
    request.report_id.parse().map_err(|error: FieldError| error.into())
}

pub(super) fn list_reports(request: &pb::ListReportsRequest) -> Result<ListReports, FieldErrors> {
    let mut errors = FieldErrors::default();
    let model = errors.check(ModelName::new(&request.model).map_err(|error| error.under("model")));
    let query = model.as_ref().map(list_query).unwrap_or_default();
    let page = errors.check(PageRequest::new(request.page_size, &request.page_token, &query));
    errors.into_result(|| Some(ListReports { model: model?, page: page? }))
}

/// What a page token is bound to.
pub(super) fn list_query(model: &ModelName) -> String {
    format!("reports of {model}")
}

pub(super) fn report(report: Report) -> pb::Report {
    let passed = report.passed();
    let (champion_number, champion_digest, champion_metrics) = match report.champion {
        Some(champion) => (champion.number.get(), champion.digest.to_string(), champion.metrics),
        None => Default::default(),
    };
    pb::Report {
        report_id: report.id.to_string(),
        model: report.model.to_string(),
        slot: report.slot.labels().clone(),
        number: report.number.get(),
        digest: report.digest.to_string(),
        champion_number,
        champion_digest,
        reference_digest: report.reference.digest.to_string(),
        reference_rows: report.reference.rows,
        passed,
        gates: report.gates.into_iter().map(gate).collect(),
        metrics: report.metrics,
        champion_metrics,
        policy: Some(policy_out(&report.policy)),
        settings_digest: report.settings.map(|digest| digest.to_string()).unwrap_or_default(),
        actor: report.actor,
        create_time: Some(timestamp(report.create_time)),
    }
}

/// A value or limit that does not exist is NaN: 0 would be a value.
fn gate(gate: Gate) -> pb::Gate {
    pb::Gate {
        name: gate.name,
        metric: gate.metric,
        value: gate.value.unwrap_or(f64::NAN),
        limit: gate.limit.unwrap_or(f64::NAN),
        comparison: gate.comparison.symbol().to_owned(),
        passed: gate.passed,
        message: gate.message,
    }
}

fn policy_out(policy: &Policy) -> pb::Policy {
    let limit = |limit: &MetricLimit| pb::MetricLimit { metric: limit.metric.name().to_owned(), limit: limit.limit };
    pb::Policy {
        limits: policy.limits.iter().map(limit).collect(),
        comparison_metric: policy.comparison.name().to_owned(),
        skip_comparison: policy.skip_comparison,
    }
}
