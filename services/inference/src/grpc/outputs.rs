//! From scores to the tensors of the Open Inference Protocol.

use bytes::{BufMut as _, Bytes, BytesMut};
use lineal_kernel::{FieldError, FieldErrors};
use lineal_models::ServedModel;
use lineal_proto::inference::{
    InferTensorContents, model_infer_request::InferRequestedOutputTensor, model_infer_response::InferOutputTensor,
};

/// A tensor that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// FP64, one score for each row.
    Score,
    /// BYTES, one label for each row.
    Label,
}

impl Output {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Label => "label",
        }
    }
}

/// The requested outputs in their order; all of them if none is requested.
pub(super) fn requested(outputs: &[InferRequestedOutputTensor]) -> Result<Vec<Output>, FieldErrors> {
    if outputs.is_empty() {
        return Ok(vec![Output::Score, Output::Label]);
    }
    let mut chosen = Vec::new();
    let mut errors = FieldErrors::default();
    for (i, InferRequestedOutputTensor { name, .. }) in outputs.iter().enumerate() {
        let bad = |problem: &str| FieldError::new(format!("outputs[{i}].name"), problem);
        let output = match name.as_str() {
            "score" => Ok(Output::Score),
            "label" => Ok(Output::Label),
            _ => Err(bad("expected `score` or `label`")),
        };
        match errors.check(output) {
            Some(output) if chosen.contains(&output) => errors.0.push(bad("the output is requested twice")),
            Some(output) => chosen.push(output),
            // Two outputs exist: the first error says enough about a request for thousands.
            None => break,
        }
    }
    errors.into_result(|| Some(chosen))
}

/// The outputs as tensors, and their raw contents if these are wanted.
pub(super) fn encode(
    outputs: &[Output],
    scores: &[f64],
    model: &ServedModel,
    raw: bool,
) -> (Vec<InferOutputTensor>, Vec<Bytes>) {
    let tensor = |output: &Output, datatype: &str, contents| InferOutputTensor {
        name: output.name().to_owned(),
        datatype: datatype.to_owned(),
        shape: vec![scores.len() as i64],
        contents,
        ..InferOutputTensor::default()
    };
    let typed = |output: &Output| match output {
        Output::Score => {
            let contents = InferTensorContents { fp64_contents: scores.to_vec(), ..InferTensorContents::default() };
            tensor(output, "FP64", Some(contents))
        }
        Output::Label => {
            let labels = scores.iter().map(|&score| Bytes::copy_from_slice(model.label(score).as_bytes()));
            let contents = InferTensorContents { bytes_contents: labels.collect(), ..InferTensorContents::default() };
            tensor(output, "BYTES", Some(contents))
        }
    };
    if !raw {
        return (outputs.iter().map(typed).collect(), Vec::new());
    }
    let untyped = |output: &Output| match output {
        Output::Score => (tensor(output, "FP64", None), raw_numbers(scores)),
        Output::Label => (tensor(output, "BYTES", None), raw_texts(scores.iter().map(|&score| model.label(score)))),
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
