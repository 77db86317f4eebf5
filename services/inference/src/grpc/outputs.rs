//! From scores to the tensors of the Open Inference Protocol.

use bytes::{BufMut as _, Bytes, BytesMut};
use lineal_kernel::{FieldError, FieldErrors};
use lineal_models::{Datatype, ServedModel, Signature, SignatureColumn};
use lineal_proto::inference::{
    InferTensorContents, model_infer_request::InferRequestedOutputTensor, model_infer_response::InferOutputTensor,
};

use super::tensors::SHARED_MEMORY;

/// A tensor that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Output<'a> {
    name: &'a str,
    content: Content,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// FP64, one score for each row, or one for each row and class.
    Scores,
    /// BYTES, one label for each row.
    Labels,
}

/// The requested outputs in their order; all of the `signature` if none is requested.
pub(super) fn requested<'a>(
    outputs: &[InferRequestedOutputTensor],
    signature: &'a Signature,
) -> Result<Vec<Output<'a>>, FieldErrors> {
    let output = |SignatureColumn { name, datatype }: &'a SignatureColumn| match datatype {
        Datatype::Fp64 => Output { name, content: Content::Scores },
        Datatype::Bytes => Output { name, content: Content::Labels },
    };
    let known: Vec<_> = signature.outputs.iter().map(output).collect();
    if outputs.is_empty() {
        return Ok(known);
    }
    let mut chosen = Vec::new();
    let mut errors = FieldErrors::default();
    for (i, InferRequestedOutputTensor { name, parameters }) in outputs.iter().enumerate() {
        if let Some(problem) = parameters.keys().find_map(|parameter| unserved(parameter)) {
            errors.0.push(FieldError::new(format!("outputs[{i}].parameters"), problem));
            break;
        }
        let bad = |problem: String| FieldError::new(format!("outputs[{i}].name"), problem);
        let output = known.iter().find(|output| output.name == name).ok_or_else(|| {
            let names: Vec<_> = known.iter().map(|output| format!("`{}`", output.name)).collect();
            bad(format!("expected {}", names.join(" or ")))
        });
        match errors.check(output) {
            Some(output) if chosen.contains(output) => errors.0.push(bad("the output is requested twice".to_owned())),
            Some(output) => chosen.push(*output),
            // Two outputs exist: the first error says enough about a request for thousands.
            None => break,
        }
    }
    errors.into_result(|| Some(chosen))
}

/// Why an output cannot be given as a parameter asks.
fn unserved(parameter: &str) -> Option<&'static str> {
    match parameter {
        "classification" => Some("classification is not served, ask for the labels"),
        _ if parameter.starts_with(SHARED_MEMORY) => Some("shared memory is not served, take the values"),
        _ => None,
    }
}

/// The outputs as tensors, and their raw contents if these are wanted.
pub(super) fn encode(
    outputs: &[Output<'_>],
    scores: &[f64],
    model: &ServedModel,
    raw: bool,
) -> (Vec<InferOutputTensor>, Vec<Bytes>) {
    let width = model.outputs();
    let rows = (scores.len() / width) as i64;
    let tensor = |output: &Output<'_>, datatype: &str, contents| InferOutputTensor {
        name: output.name.to_owned(),
        datatype: datatype.to_owned(),
        shape: if output.content == Content::Scores && width > 1 { vec![rows, width as i64] } else { vec![rows] },
        contents,
        ..InferOutputTensor::default()
    };
    let labels = || scores.chunks_exact(width).filter_map(|scores| model.label(scores));
    let typed = |output: &Output<'_>| match output.content {
        Content::Scores => {
            let contents = InferTensorContents { fp64_contents: scores.to_vec(), ..InferTensorContents::default() };
            tensor(output, "FP64", Some(contents))
        }
        Content::Labels => {
            let labels = labels().map(|label| Bytes::copy_from_slice(label.as_bytes()));
            let contents = InferTensorContents { bytes_contents: labels.collect(), ..InferTensorContents::default() };
            tensor(output, "BYTES", Some(contents))
        }
    };
    if !raw {
        return (outputs.iter().map(typed).collect(), Vec::new());
    }
    let untyped = |output: &Output<'_>| match output.content {
        Content::Scores => (tensor(output, "FP64", None), raw_numbers(scores)),
        Content::Labels => (tensor(output, "BYTES", None), raw_texts(labels())),
    };
    outputs.iter().map(untyped).unzip()
}

fn raw_numbers(values: &[f64]) -> Bytes {
    let mut buffer = BytesMut::with_capacity(size_of_val(values));
    for value in values {
        buffer.put_f64_le(*value);
    }
    buffer.freeze()
}

fn raw_texts<'a>(texts: impl Iterator<Item = &'a str>) -> Bytes {
    let mut buffer = BytesMut::new();
    for text in texts {
        // A label is part of a manifest, far below 4 GiB.
        buffer.put_u32_le(text.len() as u32);
        buffer.put_slice(text.as_bytes());
    }
    buffer.freeze()
}
