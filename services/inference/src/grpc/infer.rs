//! One request of the Open Inference Protocol, alone or in a stream.

use std::collections::BTreeMap;

use lineal_kernel::{FieldError, Slot};
use lineal_proto::inference::{
    InferParameter, ModelInferRequest, ModelInferResponse, infer_parameter::ParameterChoice,
};
use prost::Message as _;
use tonic::Status;

use super::{ALWAYS, InferenceGrpc, MIRROR, outputs, status, tensors, wanted};
use crate::{app::Prediction, domain::Pedigree};

/// What a request's slot is written as: whole, or label by label behind this and a dot.
const SLOT: &str = "slot";
/// What requests have in common that the same alias is to answer.
const STICKY_KEY: &str = "sticky_key";
/// Names members of an ensemble, with commas between them.
const LEFT_OUT: &str = "left_out";
/// Triton's name for the number of a sequence, whose requests would have to meet one process.
const SEQUENCE: &str = "sequence_id";

impl InferenceGrpc {
    /// The answer of one version to all rows. A copy goes to shadows if it is to be `mirrored` or asks for it.
    pub(super) async fn infer(&self, request: ModelInferRequest, mirrored: bool) -> Result<ModelInferResponse, Status> {
        let slot = slot(&request.parameters).map_err(status::bad_request)?;
        let wanted = wanted(&request.model_version, "model_version").map_err(status::bad_request)?;
        let sticky_key = text(&request.parameters, STICKY_KEY).map_err(status::bad_request)?;
        let mirrored = mirrored || asks_for_copy(&request.parameters).map_err(status::bad_request)?;
        let routed = self.replica.route(&request.model_name, &slot, &wanted, sticky_key, || request.encoded_len());
        let target = routed.await.map_err(status::from_error)?;
        let counted = self.replica.count(&target);
        let entry = target.entry.clone();
        let signature = entry.model().signature();
        let outputs = outputs::requested(&request.outputs, signature).map_err(status::bad_request)?;
        let raw = !request.raw_input_contents.is_empty();
        let frame =
            tensors::decode(request.inputs, request.raw_input_contents, signature).map_err(status::bad_request)?;
        let prediction = self.replica.predict(target, frame).await.map_err(status::from_error)?;
        self.replica.mirror(&prediction, mirrored);
        let Pedigree { prediction_id, target, .. } = &prediction.pedigree;
        let (outputs, raw_output_contents) = outputs::encode(&outputs, &prediction.scores, target.entry.model(), raw);
        let answer = ModelInferResponse {
            model_name: request.model_name,
            model_version: target.entry.facts.version.to_string(),
            id: if request.id.is_empty() { prediction_id.clone() } else { request.id },
            parameters: parameters(&prediction),
            outputs,
            raw_output_contents,
        };
        counted.answered(&prediction, prediction.scores.len() / entry.model().outputs());
        Ok(answer)
    }
}

/// The slot that the parameters name: `slot` as `key=value,key=value`, or `slot.key` for each label.
fn slot(parameters: &BTreeMap<String, InferParameter>) -> Result<Slot, FieldError> {
    if parameters.get(SEQUENCE).is_some_and(|parameter| !is_zero(parameter)) {
        let problem = "sequences are not served: every request is answered on its own";
        return Err(FieldError::new(format!("parameters.{SEQUENCE}"), problem));
    }
    let mut labels = BTreeMap::new();
    for (name, parameter) in parameters.range(SLOT.to_owned()..) {
        let Some(label) = name.strip_prefix(SLOT) else { break };
        let parsed = match (label.strip_prefix('.'), &parameter.parameter_choice) {
            (None, _) if !label.is_empty() => continue,
            (None, Some(ParameterChoice::StringParam(text))) => Slot::parse(text).map(|slot| slot.labels().clone()),
            (Some(label), Some(ParameterChoice::StringParam(text))) => {
                Ok(BTreeMap::from([(label.to_owned(), text.clone())]))
            }
            (None, _) => Err(FieldError::new("", "expected a string parameter like `key=value,key=value`")),
            (Some(_), _) => Err(FieldError::new("", "expected a string parameter")),
        };
        let at = format!("parameters.{}", name.chars().take(64).collect::<String>());
        for (label, value) in parsed.map_err(|error| error.under(&at))? {
            if labels.insert(label, value).is_some() {
                return Err(FieldError::new(at, "the label is given twice"));
            }
        }
    }
    Slot::new(labels).map_err(|error| error.under("parameters.slot"))
}

/// A parameter that is a text; the empty one if it is not given.
fn text<'a>(parameters: &'a BTreeMap<String, InferParameter>, name: &str) -> Result<&'a str, FieldError> {
    match parameters.get(name).map(|parameter| &parameter.parameter_choice) {
        None => Ok(""),
        Some(Some(ParameterChoice::StringParam(text))) => Ok(text),
        Some(_) => Err(FieldError::new(format!("parameters.{name}"), "expected a string parameter")),
    }
}

/// Whether the parameters ask for a copy to every shadow.
fn asks_for_copy(parameters: &BTreeMap<String, InferParameter>) -> Result<bool, FieldError> {
    match text(parameters, MIRROR)? {
        "" => Ok(false),
        ALWAYS => Ok(true),
        _ => Err(FieldError::new(format!("parameters.{MIRROR}"), format!("expected `{ALWAYS}` or no such parameter"))),
    }
}

fn is_zero(parameter: &InferParameter) -> bool {
    match &parameter.parameter_choice {
        None | Some(ParameterChoice::Int64Param(0) | ParameterChoice::Uint64Param(0)) => true,
        Some(ParameterChoice::StringParam(text)) => text.is_empty(),
        Some(_) => false,
    }
}

/// The pedigree as every client of the protocol passes it through, and the members of an ensemble that did not answer some rows.
fn parameters(prediction: &Prediction) -> BTreeMap<String, InferParameter> {
    let Prediction { pedigree, left_out, .. } = prediction;
    let entry = &pedigree.target.entry;
    let facts = &entry.facts;
    let texts = [
        ("prediction_id", pedigree.prediction_id.clone()),
        ("alias", facts.alias.to_string()),
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
    if !left_out.is_empty() {
        let members: Vec<_> = left_out.iter().map(|one| one.member.as_str()).collect();
        parameters.insert(LEFT_OUT.to_owned(), parameter(ParameterChoice::StringParam(members.join(","))));
    }
    parameters
}
