//! The Open Inference Protocol v2.

use std::collections::BTreeMap;

use lineal_kernel::{FieldError, Slot};
use lineal_models::{Datatype, ServedModel, SignatureColumn};
use lineal_proto::inference::{
    self as pb, InferParameter, grpc_inference_service_server::GrpcInferenceService, infer_parameter::ParameterChoice,
    model_metadata_response::TensorMetadata,
};
use tonic::{Request, Response, Status};

use super::{InferenceGrpc, outputs, status, tensors};
use crate::domain::{Pedigree, Wanted};

#[tonic::async_trait]
impl GrpcInferenceService for InferenceGrpc {
    async fn server_live(&self, _: Request<pb::ServerLiveRequest>) -> Result<Response<pb::ServerLiveResponse>, Status> {
        Ok(Response::new(pb::ServerLiveResponse { live: true }))
    }

    async fn server_ready(
        &self,
        _: Request<pb::ServerReadyRequest>,
    ) -> Result<Response<pb::ServerReadyResponse>, Status> {
        Ok(Response::new(pb::ServerReadyResponse { ready: self.replica.is_current() }))
    }

    async fn model_ready(
        &self,
        request: Request<pb::ModelReadyRequest>,
    ) -> Result<Response<pb::ModelReadyResponse>, Status> {
        let pb::ModelReadyRequest { name, version } = request.into_inner();
        let wanted = Wanted::parse(&version).map_err(status::bad_request)?;
        let ready = self.replica.find(&name, &Slot::default(), &wanted).is_ok();
        Ok(Response::new(pb::ModelReadyResponse { ready }))
    }

    async fn server_metadata(
        &self,
        _: Request<pb::ServerMetadataRequest>,
    ) -> Result<Response<pb::ServerMetadataResponse>, Status> {
        Ok(Response::new(pb::ServerMetadataResponse {
            name: "lineal".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            extensions: Vec::new(),
        }))
    }

    async fn model_metadata(
        &self,
        request: Request<pb::ModelMetadataRequest>,
    ) -> Result<Response<pb::ModelMetadataResponse>, Status> {
        let pb::ModelMetadataRequest { name, version } = request.into_inner();
        let wanted = Wanted::parse(&version).map_err(status::bad_request)?;
        let target = self.replica.find(&name, &Slot::default(), &wanted).map_err(status::from_error)?;
        let model = target.entry.model();
        let signature = model.signature();
        Ok(Response::new(pb::ModelMetadataResponse {
            name,
            versions: vec![target.entry.facts.version.to_string()],
            platform: "lineal".to_owned(),
            inputs: signature.inputs.iter().map(|input| metadata(input, 1)).collect(),
            outputs: signature.outputs.iter().map(|output| metadata(output, model.outputs())).collect(),
            properties: properties(model),
        }))
    }

    async fn model_infer(
        &self,
        request: Request<pb::ModelInferRequest>,
    ) -> Result<Response<pb::ModelInferResponse>, Status> {
        let request = request.into_inner();
        let slot = slot(&request.parameters).map_err(status::bad_request)?;
        let wanted = Wanted::parse(&request.model_version).map_err(status::bad_request)?;
        let target = self.replica.find(&request.model_name, &slot, &wanted).map_err(status::from_error)?;
        let counted = self.replica.count(&target);
        let entry = target.entry.clone();
        let signature = entry.model().signature();
        let outputs = outputs::requested(&request.outputs, signature).map_err(status::bad_request)?;
        let raw = !request.raw_input_contents.is_empty();
        let frame =
            tensors::decode(request.inputs, request.raw_input_contents, signature).map_err(status::bad_request)?;
        let prediction = self.replica.predict(target, frame).await.map_err(status::from_error)?;
        counted.answered(prediction.scores.len() / entry.model().outputs());
        let Pedigree { prediction_id, target, .. } = &prediction.pedigree;
        let (outputs, raw_output_contents) = outputs::encode(&outputs, &prediction.scores, target.entry.model(), raw);
        Ok(Response::new(pb::ModelInferResponse {
            model_name: request.model_name,
            model_version: target.entry.facts.version.to_string(),
            id: if request.id.is_empty() { prediction_id.clone() } else { request.id },
            parameters: parameters(&prediction.pedigree),
            outputs,
            raw_output_contents,
        }))
    }
}

/// What the outputs mean: the task, and the classes in the order of their probabilities.
fn properties(model: &ServedModel) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::from([("task".to_owned(), model.task().name().to_owned())]);
    let classes = serde_json::to_string(model.classes()).unwrap_or_default();
    if !model.classes().is_empty() {
        properties.insert("classes".to_owned(), classes);
    }
    properties
}

fn slot(parameters: &BTreeMap<String, InferParameter>) -> Result<Slot, FieldError> {
    let checked = match parameters.get("slot").map(|parameter| &parameter.parameter_choice) {
        None => return Ok(Slot::default()),
        Some(Some(ParameterChoice::StringParam(text))) => Slot::parse(text),
        Some(_) => Err(FieldError::new("", "expected a string parameter like `key=value,key=value`")),
    };
    checked.map_err(|error| error.under("parameters.slot"))
}

/// A column of as many rows as there are; numbers are `width` to the row, texts one.
fn metadata(column: &SignatureColumn, width: usize) -> TensorMetadata {
    let (datatype, width) = match column.datatype {
        Datatype::Fp64 => ("FP64", width),
        Datatype::Bytes => ("BYTES", 1),
    };
    let shape = if width > 1 { vec![-1, width as i64] } else { vec![-1] };
    TensorMetadata { name: column.name.clone(), datatype: datatype.to_owned(), shape }
}

/// The pedigree as every client of the protocol passes it through.
fn parameters(pedigree: &Pedigree) -> BTreeMap<String, InferParameter> {
    let entry = &pedigree.target.entry;
    let facts = &entry.facts;
    let texts = [
        ("prediction_id", pedigree.prediction_id.clone()),
        ("label", facts.label.clone()),
        ("run_id", facts.run_id.clone()),
        ("digest", entry.digest.clone()),
        ("data_digest", facts.data_digest.clone()),
        ("feature_digest", facts.feature_digest.clone()),
        ("git_sha", facts.code_version.clone()),
        ("replica", pedigree.replica.as_str().to_owned()),
        ("trained_at", entry.trained_at.clone()),
        ("scored_at", pedigree.scored_time.to_string()),
    ];
    let parameter = |choice| InferParameter { parameter_choice: Some(choice) };
    let mut parameters: BTreeMap<_, _> = texts
        .into_iter()
        .map(|(name, text)| (name.to_owned(), parameter(ParameterChoice::StringParam(text))))
        .collect();
    let generation = ParameterChoice::Int64Param(pedigree.target.generation as i64);
    parameters.insert("generation".to_owned(), parameter(generation));
    parameters
}
