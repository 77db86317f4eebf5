//! Predictions as Lineal's own clients ask for them.

use lineal_data::{Column, Frame};
use lineal_kernel::{FieldError, FieldErrors, Slot};
use lineal_models::{Datatype, Signature};
use lineal_proto::lineal::inference::v1::{self as pb, column::Values, prediction_service_server::PredictionService};
use tonic::{Request, Response, Status};

use super::{InferenceGrpc, columns::Columns, convert, status};
use crate::domain::Wanted;

#[tonic::async_trait]
impl PredictionService for InferenceGrpc {
    async fn predict(&self, request: Request<pb::PredictRequest>) -> Result<Response<pb::PredictResponse>, Status> {
        let request = request.into_inner();
        let slot = Slot::new(request.slot).map_err(|error| status::bad_request(error.under("slot")))?;
        let target = self.replica.find(&request.model, &slot, &Wanted::champion()).map_err(status::from_error)?;
        let counted = self.replica.count(&target);
        let frame = frame(request.columns, target.entry.model().signature()).map_err(status::bad_request)?;
        let prediction = self.replica.predict(target, frame).await.map_err(status::from_error)?;
        let model = prediction.pedigree.target.entry.model();
        counted.answered(prediction.scores.len() / model.outputs());
        let rows = prediction.scores.chunks_exact(model.outputs());
        let labels = rows.filter_map(|scores| model.label(scores)).map(str::to_owned).collect();
        Ok(Response::new(pb::PredictResponse {
            answers: model.answers().to_vec(),
            labels,
            scores: prediction.scores,
            pedigree: Some(convert::pedigree(prediction.pedigree)),
        }))
    }
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
