//! Batches: whole files.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt as _};
use lineal_data::FileFormat;
use lineal_kernel::{FieldError, FieldErrors, ModelName, Name, Slot, Timestamp};
use lineal_proto::lineal::inference::v1::{self as pb, batch_service_server::BatchService};
use lineal_rpc::timestamp;
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{InferenceGrpc, status};
use crate::{
    app::{FinishedBatch, Report},
    domain::{Progress, ScoringDefaults, Stage, Wanted},
    folder::{BatchWish, Place, Unsaid},
};

/// Messages that wait for a slow reader; further progress is left out.
const WAITING: usize = 16;
const ROWS_PER_PART: u64 = 1 << 18;
const MOST_ROWS_PER_PART: u64 = 10_000_000;
const MOST_KEYS: usize = 64;

type Message = Result<pb::ScoreResponse, Status>;

#[tonic::async_trait]
impl BatchService for InferenceGrpc {
    type ScoreStream = Pin<Box<dyn Stream<Item = Message> + Send>>;

    async fn score(&self, request: Request<pb::ScoreRequest>) -> Result<Response<Self::ScoreStream>, Status> {
        let request = request.into_inner();
        let unsaid = Unsaid { key_columns: request.key_columns.is_empty(), rows_per_part: request.rows_per_part == 0 };
        let wish = wish(self.filled(request).await?, unsaid).map_err(status::bad_request)?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let stop = CancellationToken::new();
        let work = self.replica.clone().score(wish, report(sender.clone()), stop.clone());
        tokio::spawn(async move {
            tokio::pin!(work);
            let result = tokio::select! {
                result = &mut work => result,
                () = sender.closed() => {
                    // Nobody listens any more; what runs stops by itself.
                    stop.cancel();
                    work.await
                }
            };
            let last = match result {
                Ok(finished) => Ok(answer(finished)),
                Err(error) => Err(status::from_error(error)),
            };
            // Whoever asked may be gone; the folder tells how far the batch came.
            let _ = sender.send(last).await;
        });
        Ok(Response::new(ReceiverStream::new(receiver).boxed()))
    }

    async fn cancel_score(
        &self,
        request: Request<pb::CancelScoreRequest>,
    ) -> Result<Response<pb::CancelScoreResponse>, Status> {
        let request = request.into_inner();
        let mut errors = FieldErrors::default();
        let model = errors.check(ModelName::new(&request.model).map_err(|error| error.under("model")));
        let batch_id = errors.check(Name::new(&request.batch_id).map_err(|error| error.under("batch_id")));
        let (model, batch_id) = errors.into_result(|| Some((model?, batch_id?))).map_err(status::bad_request)?;
        self.replica.cancel_score(&model, &batch_id).map_err(status::from_error)?;
        Ok(Response::new(pb::CancelScoreResponse {}))
    }
}

impl InferenceGrpc {
    /// The request with its blanks filled from the model's settings.
    async fn filled(&self, mut request: pb::ScoreRequest) -> Result<pb::ScoreRequest, Status> {
        let blank = request.output.is_empty() || request.key_columns.is_empty() || request.rows_per_part == 0;
        // What is wrong with the name of the model is said with everything else.
        let (true, Ok(model)) = (blank, ModelName::new(&request.model)) else { return Ok(request) };
        let defaults = self.replica.scoring_defaults(&model).await.map_err(status::from_error)?;
        if let Some(ScoringDefaults { output, key_columns, rows_per_part }) = defaults {
            fill(&mut request.output, output);
            fill(&mut request.key_columns, key_columns);
            fill(&mut request.rows_per_part, rows_per_part);
        }
        Ok(request)
    }
}

fn fill<T: Default + PartialEq>(blank: &mut T, known: T) {
    if *blank == T::default() {
        *blank = known;
    }
}

fn report(sender: Sender<Message>) -> Report {
    Arc::new(move |progress| {
        // Progress that nobody takes is soon outdated; the end is sent whatever happens.
        let _ = sender.try_send(Ok(pb::ScoreResponse { progress: Some(convert(progress)), batch: None }));
    })
}

fn wish(request: pb::ScoreRequest, unsaid: Unsaid) -> Result<BatchWish, FieldErrors> {
    let mut errors = FieldErrors::default();
    let model = errors.check(ModelName::new(&request.model).map_err(|error| error.under("model")));
    let slot = errors.check(Slot::new(request.slot.clone()).map_err(|error| error.under("slot")));
    let wanted = errors.check(super::wanted(&request.model_version, "model_version"));
    let batch_id = errors.check(Name::new(&request.batch_id).map_err(|error| error.under("batch_id")));
    let input = errors.check(Place::parse(&request.input).map_err(|error| error.under("input")));
    let output = errors.check(Place::parse(&request.output).map_err(|error| error.under("output")));
    let format = errors.check(format(&request));
    let rows_per_part = match request.rows_per_part {
        0 => Some(ROWS_PER_PART),
        rows if rows <= MOST_ROWS_PER_PART => Some(rows),
        _ => errors.check(Err(FieldError::new("rows_per_part", format!("expected at most {MOST_ROWS_PER_PART}")))),
    };
    if request.key_columns.len() > MOST_KEYS {
        errors.0.push(FieldError::new("key_columns", format!("expected at most {MOST_KEYS}")));
    }
    errors.into_result(|| {
        Some(BatchWish {
            model: model?,
            slot: slot?,
            // A batch has one version: none in particular is the champion.
            wanted: if wanted == Some(Wanted::Any) { Wanted::champion() } else { wanted? },
            asked: request.model_version,
            batch_id: batch_id?,
            input: input?,
            format: format?,
            output: output?,
            key_columns: request.key_columns,
            rows_per_part: rows_per_part?,
            unsaid,
        })
    })
}

fn format(request: &pb::ScoreRequest) -> Result<FileFormat, FieldError> {
    let ending = request.input.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match (request.format(), ending.as_deref()) {
        (pb::FileFormat::Csv, _) | (pb::FileFormat::Unspecified, Some("csv")) => Ok(FileFormat::Csv),
        (pb::FileFormat::Parquet, _) | (pb::FileFormat::Unspecified, Some("parquet" | "pq")) => Ok(FileFormat::Parquet),
        (pb::FileFormat::Unspecified, _) => {
            Err(FieldError::new("format", "the name of the input does not tell, give CSV or PARQUET"))
        }
    }
}

fn convert(progress: Progress) -> pb::ScoringProgress {
    let stage = match progress.stage {
        Stage::Waiting => pb::ScoringStage::Waiting,
        Stage::Surveying => pb::ScoringStage::Surveying,
        Stage::Scoring => pb::ScoringStage::Scoring,
        Stage::Finishing => pb::ScoringStage::Finishing,
    };
    pb::ScoringProgress {
        stage: stage.into(),
        version: progress.version,
        rows: progress.rows,
        rows_done: progress.rows_done,
        parts_done: progress.parts_done,
        rows_per_second: progress.rows_per_second,
    }
}

fn answer(finished: FinishedBatch) -> pb::ScoreResponse {
    let (manifest, facts) = (finished.manifest, finished.facts);
    let (rows, parts) = (manifest.first.rows, manifest.parts.len() as u64);
    let progress = pb::ScoringProgress {
        stage: pb::ScoringStage::Finished.into(),
        version: facts.version.get(),
        rows,
        rows_done: rows,
        parts_done: parts,
        rows_per_second: 0.0,
    };
    let moment = |micros| Some(timestamp(Timestamp::from_micros(micros)));
    let batch = pb::FinishedBatch {
        batch_id: manifest.first.batch_id,
        model: facts.model.to_string(),
        slot: facts.slot.labels().clone(),
        version: facts.version.get(),
        digest: facts.digest.to_string(),
        run_id: facts.run_id,
        generation: manifest.first.generation,
        output: finished.output,
        manifest_digest: finished.digest.to_string(),
        rows,
        parts,
        label_counts: manifest.label_counts,
        start_time: moment(manifest.first.started_us),
        finish_time: moment(manifest.finished_us),
        replayed: finished.replayed,
        parts_resumed: finished.resumed,
        champion_now: finished.champion_now.map_or(0, lineal_kernel::VersionNumber::get),
        psi: finished.psi,
    };
    pb::ScoreResponse { progress: Some(progress), batch: Some(batch) }
}
