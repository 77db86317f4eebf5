//! Comparisons of candidates with champions.

use lineal_kernel::{FieldError, FieldErrors, PageRequest, RequestId, Slot, VersionNumber};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    promotions::optional_number,
    status::{bad_request, from_error},
};
use crate::domain::comparison::{Comparison, ComparisonVerdict, Outcome, Pair, RecordComparison, TestResult};

#[tonic::async_trait]
impl pb::comparison_service_server::ComparisonService for Grpc {
    async fn record_comparison(
        &self,
        request: Request<pb::RecordComparisonRequest>,
    ) -> Result<Response<pb::RecordComparisonResponse>, Status> {
        let caller = caller_of(&request);
        let wish = record_comparison(request.into_inner()).map_err(bad_request)?;
        let comparison = self.0.record_comparison(&caller, wish).await.map_err(from_error)?;
        Ok(Response::new(pb::RecordComparisonResponse { comparison: Some(convert(comparison)) }))
    }

    async fn get_comparison(
        &self,
        request: Request<pb::GetComparisonRequest>,
    ) -> Result<Response<pb::GetComparisonResponse>, Status> {
        let caller = caller_of(&request);
        let comparison = self.0.comparison(&caller, &request.into_inner().comparison_id).await.map_err(from_error)?;
        Ok(Response::new(pb::GetComparisonResponse { comparison: Some(convert(comparison)) }))
    }

    async fn list_comparisons(
        &self,
        request: Request<pb::ListComparisonsRequest>,
    ) -> Result<Response<pb::ListComparisonsResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (candidate, champion) = (message.candidate_number, message.champion_number);
        let query = format!("comparisons of {} {candidate} {champion}", message.model);
        let (model, candidate, champion, page) = checked!({
            model: fields::model(&message.model),
            candidate: optional_number(candidate).map_err(|error| FieldError::new("candidate_number", error.problem)),
            champion: optional_number(champion).map_err(|error| FieldError::new("champion_number", error.problem)),
            page: PageRequest::new(message.page_size, &message.page_token, &query),
        } => (model, candidate, champion, page))
        .map_err(bad_request)?;
        let found = self.0.comparisons(&caller, &model, Pair { candidate, champion }, &page).await;
        let found = found.map_err(from_error)?;
        Ok(Response::new(pb::ListComparisonsResponse {
            next_page_token: fields::next(found.next, &query),
            comparisons: found.items.into_iter().map(convert).collect(),
        }))
    }
}

fn record_comparison(message: pb::RecordComparisonRequest) -> Result<RecordComparison, FieldErrors> {
    let found = fields::required(message.comparison, "comparison")?;
    let key = if message.request_id.is_empty() { &found.report_id } else { &message.request_id };
    let under = |error: FieldError| error.under("comparison");
    checked!({
        model: fields::model(&found.model).map_err(under),
        candidate: fields::number(found.candidate_number, "comparison.candidate_number"),
        champion: fields::number(found.champion_number, "comparison.champion_number"),
        report_id: RequestId::new(&found.report_id).map_err(|error| error.under("comparison.report_id")),
        request_id: RequestId::new(key).map_err(|error| error.under("request_id")),
        outcome: outcome(found),
    } => RecordComparison {
        model, candidate, champion, report_id: report_id.as_str().to_owned(), outcome, request_id,
    })
}

fn outcome(found: pb::Comparison) -> Result<Outcome, FieldErrors> {
    let verdict = verdict(found.verdict());
    checked!({
        slot: fields::slot(found.slot).map_err(|error| error.under("comparison")),
        reference_digest: fields::digest(&found.reference_digest, "comparison.reference_digest"),
        candidate_metrics: fields::metrics(found.candidate_metrics, "comparison.candidate_metrics"),
        champion_metrics: fields::metrics(found.champion_metrics, "comparison.champion_metrics"),
        metric: fields::key(&found.metric, "comparison.metric").map(|()| found.metric),
        test: test(found.test, found.statistic, found.p_value),
        verdict: verdict,
    } => Outcome {
        slot: slot.to_string(),
        reference_digest,
        reference_rows: found.reference_rows,
        candidate_metrics,
        champion_metrics,
        metric,
        test,
        verdict,
    })
}

fn verdict(verdict: pb::ComparisonVerdict) -> Result<ComparisonVerdict, FieldError> {
    match verdict {
        pb::ComparisonVerdict::Better => Ok(ComparisonVerdict::Better),
        pb::ComparisonVerdict::NotBetter => Ok(ComparisonVerdict::NotBetter),
        pb::ComparisonVerdict::Inconclusive => Ok(ComparisonVerdict::Inconclusive),
        pb::ComparisonVerdict::Unspecified => {
            Err(FieldError::new("comparison.verdict", "is BETTER, NOT_BETTER or INCONCLUSIVE"))
        }
    }
}

/// A test has a name, a statistic and a p-value, or nothing of these.
fn test(name: String, statistic: Option<f64>, p_value: Option<f64>) -> Result<Option<TestResult>, FieldError> {
    match (name.as_str(), statistic, p_value) {
        ("", None, None) => Ok(None),
        (named, Some(statistic), Some(p_value)) if !named.is_empty() => {
            fields::key(named, "comparison.test")?;
            if !statistic.is_finite() {
                return Err(FieldError::new("comparison.statistic", format!("{statistic} is not a finite number")));
            }
            if !(0.0..=1.0).contains(&p_value) {
                return Err(FieldError::new("comparison.p_value", format!("{p_value} is not from 0 to 1")));
            }
            Ok(Some(TestResult { name, statistic, p_value }))
        }
        _ => Err(FieldError::new("comparison.test", "comes with `statistic` and `p_value`, or none of the three")),
    }
}

fn convert(comparison: Comparison) -> pb::Comparison {
    let outcome = comparison.outcome;
    let verdict = match outcome.verdict {
        ComparisonVerdict::Better => pb::ComparisonVerdict::Better,
        ComparisonVerdict::NotBetter => pb::ComparisonVerdict::NotBetter,
        ComparisonVerdict::Inconclusive => pb::ComparisonVerdict::Inconclusive,
    };
    pb::Comparison {
        comparison_id: comparison.comparison_id,
        model: comparison.model.to_string(),
        slot: Slot::parse(&outcome.slot).map(|slot| slot.labels().clone()).unwrap_or_default(),
        candidate_number: VersionNumber::get(comparison.candidate),
        champion_number: VersionNumber::get(comparison.champion),
        reference_digest: outcome.reference_digest.to_string(),
        reference_rows: outcome.reference_rows,
        candidate_metrics: outcome.candidate_metrics,
        champion_metrics: outcome.champion_metrics,
        metric: outcome.metric,
        statistic: outcome.test.as_ref().map(|test| test.statistic),
        p_value: outcome.test.as_ref().map(|test| test.p_value),
        test: outcome.test.map(|test| test.name).unwrap_or_default(),
        verdict: verdict.into(),
        report_id: comparison.report_id,
        actor: comparison.actor,
        create_time: Some(timestamp(comparison.created)),
    }
}
