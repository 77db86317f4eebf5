//! Predictions as Lineal's own clients ask for them.

use bytes::Bytes;
use lineal_data::{Column, Fill, Frame};
use lineal_kernel::{FieldError, FieldErrors, Slot};
use lineal_models::{Datatype, ServedModel, Signature};
use lineal_proto::lineal::inference::v1::{
    self as pb, column::Values, missing_feature::Filled, prediction_service_server::PredictionService,
};
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::{InferenceGrpc, columns::Columns, convert, ipc, mirrored, status, wanted};

/// Most rows whose missing features are told.
const MAX_EXPLAINED: usize = 1000;

#[tonic::async_trait]
impl PredictionService for InferenceGrpc {
    async fn predict(&self, request: Request<pb::PredictRequest>) -> Result<Response<pb::PredictResponse>, Status> {
        let mirrored = mirrored(request.metadata()).map_err(status::bad_request)?;
        let mut request = request.into_inner();
        let slot =
            Slot::new(std::mem::take(&mut request.slot)).map_err(|error| status::bad_request(error.under("slot")))?;
        let wanted = wanted(&request.version, "version").map_err(status::bad_request)?;
        let routed = self.replica.route(&request.model, &slot, &wanted, &request.sticky_key, || request.encoded_len());
        let target = routed.await.map_err(status::from_error)?;
        let counted = self.replica.count(&target);
        let entry = target.entry.clone();
        let model = entry.model();
        let frame = rows(request.columns, request.arrow, model.signature()).map_err(status::bad_request)?;
        let missing = if request.explain_missing { missing(model, &frame)? } else { Vec::new() };
        let mut prediction = self.replica.predict(target, frame).await.map_err(status::from_error)?;
        self.replica.mirror(&prediction, mirrored);
        let scores = std::mem::take(&mut prediction.scores);
        let labels =
            scores.chunks_exact(model.outputs()).filter_map(|row| model.label(row)).map(str::to_owned).collect();
        counted.answered(&prediction, scores.len() / model.outputs());
        Ok(Response::new(pb::PredictResponse {
            answers: model.answers().to_vec(),
            labels,
            scores,
            missing,
            left_out: prediction.left_out.into_iter().map(convert::left_out).collect(),
            pedigree: Some(convert::pedigree(prediction.pedigree)),
        }))
    }
}

/// The rows, in whichever of the two forms they are given.
fn rows(columns: Vec<pb::Column>, arrow: Bytes, signature: &Signature) -> Result<Frame, FieldErrors> {
    match (columns.is_empty(), arrow.is_empty()) {
        (false, false) => Err(FieldError::new("arrow", "expected none beside columns").into()),
        (true, false) => ipc::decode(arrow, signature),
        (_, true) => frame(columns, signature),
    }
}

/// What was missing, row by row.
fn missing(model: &ServedModel, frame: &Frame) -> Result<Vec<pb::MissingRow>, Status> {
    if frame.rows() > MAX_EXPLAINED {
        let problem = format!("expected at most {MAX_EXPLAINED} rows with it, found {}", frame.rows());
        return Err(status::bad_request(FieldError::new("explain_missing", problem)));
    }
    let mut rows: Vec<pb::MissingRow> = Vec::new();
    for gap in model.gaps(frame).map_err(|error| status::from_error(error.into()))? {
        let feature = pb::MissingFeature {
            feature: gap.feature.to_owned(),
            column: gap.column.to_owned(),
            filled: gap.fill.map(|fill| match fill {
                Fill::Number(number) => Filled::Number(number),
                Fill::Text(text) => Filled::Text(text.to_owned()),
            }),
        };
        match rows.last_mut() {
            Some(last) if last.row == gap.row as u64 => last.features.push(feature),
            _ => rows.push(pb::MissingRow { row: gap.row as u64, features: vec![feature] }),
        }
    }
    Ok(rows)
}

fn frame(named: Vec<pb::Column>, signature: &Signature) -> Result<Frame, FieldErrors> {
    let mut columns = Columns::new("columns", "values", signature, named.len())?;
    for (i, pb::Column { name, values }) in named.into_iter().enumerate() {
        columns.add(i, name, |datatype| {
            column(values, datatype).map_err(|problem| FieldError::new(format!("columns[{i}]"), problem))
        });
    }
    columns.frame()
}

fn column(values: Option<Values>, datatype: Datatype) -> Result<Column, &'static str> {
    match (datatype, values) {
        (Datatype::Fp64, Some(Values::Numbers(numbers))) => Ok(Column::Numbers(numbers.values)),
        (Datatype::Bytes, Some(Values::Texts(texts))) => {
            let text = |text: String| (!text.is_empty()).then(|| text.into_boxed_str());
            Ok(Column::Texts(texts.values.into_iter().map(text).collect()))
        }
        (Datatype::Fp64, _) => Err("expected `numbers`"),
        (Datatype::Bytes, _) => Err("expected `texts`"),
    }
}
