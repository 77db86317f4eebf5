//! The validator over gRPC.

use std::time::Duration;

use async_trait::async_trait;
use lineal_proto::lineal::validator::v1::{self as pb, report_service_client::ReportServiceClient};
use lineal_rpc::Peer;
use tonic::{Code, Request, Status};

use super::{Candidate, Validator, ValidatorError, Verdict};
use crate::{domain::ValidationLimits, registry::patiently};

/// Longest wait for a verdict: the reference set is scored, perhaps by two models.
const TIMEOUT: Duration = Duration::from_mins(10);

/// The validator at an address.
pub(crate) struct ValidatorClient {
    peer: Peer,
}

impl ValidatorClient {
    /// Speaks to `peer`.
    pub(crate) fn new(peer: Peer) -> Self {
        Self { peer }
    }
}

#[async_trait]
impl Validator for ValidatorClient {
    async fn validate(&self, candidate: &Candidate) -> Result<Verdict, ValidatorError> {
        let message = pb::ValidateRequest {
            model: candidate.model.to_string(),
            slot: candidate.slot.labels().clone(),
            number: candidate.number,
            policy: candidate.policy.as_ref().map(policy),
            request_id: candidate.request_id.clone(),
        };
        let client = ReportServiceClient::new(self.peer.clone());
        let answer = patiently(|| {
            let (mut client, mut request) = (client.clone(), Request::new(message.clone()));
            request.set_timeout(TIMEOUT);
            async move { client.validate(request).await }
        });
        let report = answer.await?.into_inner().report;
        report
            .map(verdict)
            .ok_or_else(|| ValidatorError::Refused { message: "Validate answered without a report".to_owned() })
    }
}

impl From<Status> for ValidatorError {
    fn from(status: Status) -> Self {
        let message = status.message().to_owned();
        match status.code() {
            // The connection may break at any point of a call.
            Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled | Code::Unknown => {
                Self::Unavailable { message }
            }
            _ => Self::Refused { message },
        }
    }
}

fn policy(limits: &ValidationLimits) -> pb::Policy {
    let limit = |(metric, limit): &(String, f64)| pb::MetricLimit { metric: metric.clone(), limit: *limit };
    pb::Policy {
        limits: limits.limits.iter().map(limit).collect(),
        comparison_metric: limits.comparison_metric.clone(),
        skip_comparison: limits.skip_comparison,
    }
}

fn verdict(report: pb::Report) -> Verdict {
    let failed = report.gates.iter().filter(|gate| !gate.passed);
    let words = failed.map(|gate| match gate.message.as_str() {
        "" => format!("{}: {} is not {} {}", gate.name, gate.value, gate.comparison, gate.limit),
        message => format!("{}: {message}", gate.name),
    });
    Verdict {
        problem: words.collect::<Vec<_>>().join("; "),
        report_id: report.report_id,
        passed: report.passed,
        champion: report.champion_number,
    }
}
