//! Scoring batches.

use lineal_kernel::{FieldError, FieldErrors, Name, PageRequest, Slot, Timestamp};
use lineal_proto::{lineal::registry::v1 as pb, pbjson_types};
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
    tracking::moment,
};
use crate::domain::scoring_batch::{Distribution, Previous, RecordScoringBatch, Scored, ScoringBatch};

const MAX_BINS: usize = 1000;

#[tonic::async_trait]
impl pb::scoring_batch_service_server::ScoringBatchService for Grpc {
    async fn record_scoring_batch(
        &self,
        request: Request<pb::RecordScoringBatchRequest>,
    ) -> Result<Response<pb::RecordScoringBatchResponse>, Status> {
        let caller = caller_of(&request);
        let wish = wish(request.into_inner()).map_err(bad_request)?;
        let batch = self.0.record_scoring_batch(&caller, wish).await.map_err(from_error)?;
        Ok(Response::new(pb::RecordScoringBatchResponse { batch: Some(convert(batch)) }))
    }

    async fn get_scoring_batch(
        &self,
        request: Request<pb::GetScoringBatchRequest>,
    ) -> Result<Response<pb::GetScoringBatchResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (model, batch_id) = checked!({
            model: fields::model(&message.model),
            batch_id: name(&message.batch_id, "batch_id"),
        } => (model, batch_id))
        .map_err(bad_request)?;
        let batch = self.0.scoring_batch(&caller, &model, &batch_id).await.map_err(from_error)?;
        Ok(Response::new(pb::GetScoringBatchResponse { batch: Some(convert(batch)) }))
    }

    async fn list_scoring_batches(
        &self,
        request: Request<pb::ListScoringBatchesRequest>,
    ) -> Result<Response<pb::ListScoringBatchesResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = format!("scoring batches of {} {:?}", message.model, message.slot);
        let (model, slot, page) = checked!({
            model: fields::model(&message.model),
            slot: message.slot.map(|slot| fields::slot(slot.labels)).transpose(),
            page: PageRequest::new(message.page_size, &message.page_token, &query),
        } => (model, slot, page))
        .map_err(bad_request)?;
        let found = self.0.scoring_batches(&caller, &model, slot.as_ref(), &page).await.map_err(from_error)?;
        Ok(Response::new(pb::ListScoringBatchesResponse {
            next_page_token: fields::next(found.next, &query),
            batches: found.items.into_iter().map(convert).collect(),
        }))
    }
}

fn name(text: &str, path: &str) -> Result<Name, FieldError> {
    Name::new(text).map_err(|error| error.under(path))
}

fn wish(message: pb::RecordScoringBatchRequest) -> Result<RecordScoringBatch, FieldErrors> {
    let found = fields::required(message.batch, "batch")?;
    let under = |error: FieldError| error.under("batch");
    checked!({
        model: fields::model(&found.model).map_err(under),
        batch_id: name(&found.batch_id, "batch.batch_id"),
        slot: fields::slot(found.slot.clone()).map_err(under),
        number: fields::number(found.number, "batch.number"),
        manifest: fields::digest(&found.manifest_digest, "batch.manifest_digest"),
        request_id: fields::request_id(&message.request_id),
        scored: scored(found),
    } => RecordScoringBatch { model, batch_id, slot, number, manifest, scored, request_id })
}

fn scored(found: pb::ScoringBatch) -> Result<Scored, FieldErrors> {
    let known = fields::keys(&found.label_counts, "batch.label_counts");
    checked!({
        replica: fields::text(found.replica, "batch.replica"),
        input: fields::link(found.input, "batch.input"),
        input_digest: fields::digest(&found.input_digest, "batch.input_digest"),
        output: fields::link(found.output, "batch.output"),
        known: known,
        distribution: distribution(found.distribution, found.rows),
        previous: previous(found.previous_batch_id, found.previous_counts, found.rows),
        started: required_moment(found.start_time, "batch.start_time"),
        finished: required_moment(found.finish_time, "batch.finish_time"),
    } => {
        let () = known;
        Scored {
            generation: found.generation,
            replica,
            input,
            input_digest,
            output,
            rows: found.rows,
            parts: found.parts,
            label_counts: found.label_counts,
            distribution,
            previous,
            started_us: started.micros(),
            finished_us: finished.micros(),
        }
    })
}

fn required_moment(given: Option<pbjson_types::Timestamp>, path: &str) -> Result<Timestamp, FieldError> {
    moment(given, path)?.ok_or_else(|| FieldError::new(path, "is required"))
}

/// Numbers in order, and a bin for every row.
fn distribution(found: Option<pb::ScoreDistribution>, rows: u64) -> Result<Distribution, FieldErrors> {
    let found = fields::required(found, "batch.distribution")?;
    let bad = |field: &str, problem: &str| Err(FieldError::new(format!("batch.distribution.{field}"), problem).into());
    let quantiles: Vec<_> = found.quantiles.iter().map(|quantile| (quantile.level, quantile.score)).collect();
    let levels = quantiles.iter().all(|(level, score)| (0.0..=1.0).contains(level) && score.is_finite());
    if !levels || !quantiles.is_sorted() || quantiles.len() > MAX_BINS {
        return bad("quantiles", "expected finite scores that rise with levels from 0 to 1");
    }
    if !found.mean.is_finite() {
        return bad("mean", "is not a finite number");
    }
    let rises = found.edges.is_sorted_by(|one, next| one < next) && found.edges.iter().all(|edge| edge.is_finite());
    if !rises || found.edges.len() > MAX_BINS {
        return bad("edges", "expected finite numbers that rise");
    }
    if found.counts.len() != found.edges.len() + 1 || sum(&found.counts) != Some(rows) {
        return bad("counts", "expected one more than edges, and together all rows");
    }
    Ok(Distribution { quantiles, mean: found.mean, edges: found.edges, counts: found.counts })
}

/// An id and a bin for every row, or neither.
fn previous(batch_id: String, counts: Vec<u64>, rows: u64) -> Result<Option<Previous>, FieldError> {
    match (batch_id.is_empty(), counts.is_empty()) {
        (true, true) => Ok(None),
        (false, false) if sum(&counts) == Some(rows) => Ok(Some(Previous { batch_id, counts })),
        (false, false) => Err(FieldError::new("batch.previous_counts", "expected the counts of all rows")),
        _ => Err(FieldError::new("batch.previous_counts", "comes with `previous_batch_id`, or neither")),
    }
}

fn sum(counts: &[u64]) -> Option<u64> {
    counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count))
}

fn convert(batch: ScoringBatch) -> pb::ScoringBatch {
    let scored = batch.scored;
    let Distribution { quantiles, mean, edges, counts } = scored.distribution;
    let quantiles = quantiles.into_iter().map(|(level, score)| pb::ScoreQuantile { level, score }).collect();
    let previous = scored.previous.unwrap_or(Previous { batch_id: String::new(), counts: Vec::new() });
    pb::ScoringBatch {
        batch_id: batch.batch_id.to_string(),
        model: batch.model.to_string(),
        slot: Slot::labels(&batch.slot).clone(),
        number: batch.number.get(),
        generation: scored.generation,
        replica: scored.replica,
        input: scored.input,
        input_digest: scored.input_digest.to_string(),
        output: scored.output,
        manifest_digest: batch.manifest.to_string(),
        rows: scored.rows,
        parts: scored.parts,
        label_counts: scored.label_counts,
        distribution: Some(pb::ScoreDistribution { quantiles, mean, edges, counts }),
        previous_batch_id: previous.batch_id,
        previous_counts: previous.counts,
        psi: batch.psi,
        start_time: Some(timestamp(Timestamp::from_micros(scored.started_us))),
        finish_time: Some(timestamp(Timestamp::from_micros(scored.finished_us))),
        actor: batch.actor,
        create_time: Some(timestamp(batch.created)),
    }
}
