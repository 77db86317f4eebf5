//! From the tensors of the Open Inference Protocol to columns.

use std::{fmt::Display, ops::RangeInclusive};

use bytes::Bytes;
use half::{bf16, f16};
use lineal_data::{Column, Frame};
use lineal_kernel::{FieldError, FieldErrors};
use lineal_models::{Datatype, Signature};
use lineal_proto::inference::{InferTensorContents, model_infer_request::InferInputTensor};

use super::columns::Columns;

/// What the parameters of a tensor begin with whose values are somewhere else.
pub(super) const SHARED_MEMORY: &str = "shared_memory";

/// The values of one tensor, in either of the two places that the protocol has for them.
enum Source {
    Typed(InferTensorContents),
    Raw(Bytes),
}

/// Every column of the signature from the tensors of a request; tensors that it does not ask for are ignored.
pub(super) fn decode(
    inputs: Vec<InferInputTensor>,
    raw: Vec<Bytes>,
    signature: &Signature,
) -> Result<Frame, FieldErrors> {
    if !raw.is_empty() && raw.len() != inputs.len() {
        let problem =
            format!("expected one buffer for each of the {} inputs or none, found {}", inputs.len(), raw.len());
        return Err(FieldError::new("raw_input_contents", problem).into());
    }
    let mut columns = Columns::new("inputs", "shape", signature, inputs.len())?;
    let mut raw = raw.into_iter();
    for (i, mut tensor) in inputs.into_iter().enumerate() {
        let raw = raw.next();
        let name = std::mem::take(&mut tensor.name);
        columns.add(i, name, |datatype| column(i, tensor, raw, datatype));
    }
    columns.frame()
}

fn column(i: usize, tensor: InferInputTensor, raw: Option<Bytes>, wanted: Datatype) -> Result<Column, FieldError> {
    let at = |field: &str| format!("inputs[{i}].{field}");
    let rows = rows(&tensor.shape).map_err(|problem| FieldError::new(at("shape"), problem))?;
    if tensor.parameters.keys().any(|name| name.starts_with(SHARED_MEMORY)) {
        return Err(FieldError::new(at("parameters"), "shared memory is not served, send the values"));
    }
    let contents = tensor.contents.unwrap_or_default();
    let is_raw = raw.is_some();
    let source = match raw {
        Some(raw) if contents == InferTensorContents::default() => Source::Raw(raw),
        Some(_) => return Err(FieldError::new(at("contents"), "expected none beside raw_input_contents")),
        None => Source::Typed(contents),
    };
    let column = match wanted {
        Datatype::Fp64 => numbers(&tensor.datatype, rows, source).map(|read| read.map(Column::Numbers)),
        Datatype::Bytes => (tensor.datatype == "BYTES").then(|| texts(rows, source).map(Column::Texts)),
    };
    let expected = match wanted {
        Datatype::Fp64 if is_raw => "expected FP64, FP32, FP16, BF16, INT8 to INT64, UINT8 to UINT64 or BOOL",
        Datatype::Fp64 => "expected FP64, FP32, INT8 to INT64, UINT8 to UINT64 or BOOL; FP16 and BF16 are raw only",
        Datatype::Bytes => "expected BYTES",
    };
    let path = || if is_raw { format!("raw_input_contents[{i}]") } else { at("contents") };
    column.ok_or_else(|| FieldError::new(at("datatype"), expected))?.map_err(|problem| FieldError::new(path(), problem))
}

/// The n of [n] or [n, 1].
fn rows(shape: &[i64]) -> Result<usize, String> {
    match *shape {
        [rows] | [rows, 1] => usize::try_from(rows).map_err(|_| format!("expected n of 0 or more, found {rows}")),
        _ => Err(format!("expected [n] or [n, 1], found {} dimensions or another second one", shape.len())),
    }
}

/// Numbers of any datatype as FP64, which rounds integers beyond 2^53; `None` for a datatype that holds no numbers.
fn numbers(datatype: &str, rows: usize, source: Source) -> Option<Result<Vec<f64>, String>> {
    let read = match source {
        Source::Raw(raw) => match datatype {
            "FP64" => fixed(&raw, rows, f64::from_le_bytes),
            "FP32" => fixed(&raw, rows, |bytes| f32::from_le_bytes(bytes).into()),
            "FP16" => fixed(&raw, rows, |bytes| f16::from_le_bytes(bytes).into()),
            "BF16" => fixed(&raw, rows, |bytes| bf16::from_le_bytes(bytes).into()),
            "INT8" => fixed(&raw, rows, |bytes| i8::from_le_bytes(bytes).into()),
            "INT16" => fixed(&raw, rows, |bytes| i16::from_le_bytes(bytes).into()),
            "INT32" => fixed(&raw, rows, |bytes| i32::from_le_bytes(bytes).into()),
            "INT64" => fixed(&raw, rows, |bytes| i64::from_le_bytes(bytes) as f64),
            "UINT8" => fixed(&raw, rows, |bytes| u8::from_le_bytes(bytes).into()),
            "UINT16" => fixed(&raw, rows, |bytes| u16::from_le_bytes(bytes).into()),
            "UINT32" => fixed(&raw, rows, |bytes| u32::from_le_bytes(bytes).into()),
            "UINT64" => fixed(&raw, rows, |bytes| u64::from_le_bytes(bytes) as f64),
            "BOOL" => fixed(&raw, rows, |[byte]| f64::from(u8::from(byte != 0))),
            _ => return None,
        },
        Source::Typed(contents) => match datatype {
            "FP64" => counted("fp64_contents", rows, contents.fp64_contents),
            "FP32" => each("fp32_contents", rows, contents.fp32_contents, f64::from),
            "INT8" => within("int_contents", rows, contents.int_contents, i8::MIN.into()..=i8::MAX.into()),
            "INT16" => within("int_contents", rows, contents.int_contents, i16::MIN.into()..=i16::MAX.into()),
            "INT32" => each("int_contents", rows, contents.int_contents, f64::from),
            "INT64" => each("int64_contents", rows, contents.int64_contents, |value| value as f64),
            "UINT8" => within("uint_contents", rows, contents.uint_contents, 0..=u8::MAX.into()),
            "UINT16" => within("uint_contents", rows, contents.uint_contents, 0..=u16::MAX.into()),
            "UINT32" => each("uint_contents", rows, contents.uint_contents, f64::from),
            "UINT64" => each("uint64_contents", rows, contents.uint64_contents, |value| value as f64),
            "BOOL" => each("bool_contents", rows, contents.bool_contents, |value| f64::from(u8::from(value))),
            _ => return None,
        },
    };
    Some(read)
}

/// Raw values of `N` bytes each.
fn fixed<const N: usize>(raw: &[u8], rows: usize, read: impl Fn([u8; N]) -> f64) -> Result<Vec<f64>, String> {
    let (values, rest) = raw.as_chunks::<N>();
    if values.len() != rows || !rest.is_empty() {
        return Err(format!("expected {rows} values of {N} bytes, found {} bytes", raw.len()));
    }
    Ok(values.iter().map(|value| read(*value)).collect())
}

/// Values of a datatype that is narrower than the field that carries it.
fn within<T: PartialOrd + Copy + Display + Into<f64>>(
    field: &str,
    rows: usize,
    values: Vec<T>,
    range: RangeInclusive<T>,
) -> Result<Vec<f64>, String> {
    match values.iter().find(|value| !range.contains(*value)) {
        Some(value) => Err(format!("expected {} to {} in {field}, found {value}", range.start(), range.end())),
        None => each(field, rows, values, Into::into),
    }
}

fn each<T>(field: &str, rows: usize, values: Vec<T>, read: impl Fn(T) -> f64) -> Result<Vec<f64>, String> {
    Ok(counted(field, rows, values)?.into_iter().map(read).collect())
}

fn counted<T>(field: &str, rows: usize, values: Vec<T>) -> Result<Vec<T>, String> {
    if values.len() == rows {
        return Ok(values);
    }
    Err(format!("expected {rows} values in {field}, found {}", values.len()))
}

/// Texts; the empty one is a missing value.
fn texts(rows: usize, source: Source) -> Result<Vec<Option<Box<str>>>, String> {
    let elements: Vec<&[u8]> = match &source {
        Source::Typed(contents) => {
            counted("bytes_contents", rows, contents.bytes_contents.iter().map(|element| &**element).collect())?
        }
        Source::Raw(raw) => elements(rows, raw)?,
    };
    let text = |(row, element)| match std::str::from_utf8(element) {
        Ok("") => Ok(None),
        Ok(text) => Ok(Some(text.into())),
        Err(_) => Err(format!("the text in row {row} is not UTF-8")),
    };
    elements.into_iter().enumerate().map(text).collect()
}

/// Cuts a raw buffer into elements, each behind its length in four bytes, little-endian.
fn elements(rows: usize, mut raw: &[u8]) -> Result<Vec<&[u8]>, String> {
    let mut elements = Vec::with_capacity(rows.min(raw.len() / size_of::<u32>()));
    while let Some((length, rest)) = raw.split_first_chunk() {
        let element = rest.split_at_checked(u32::from_le_bytes(*length) as usize);
        let Some((element, rest)) = element.filter(|_| elements.len() < rows) else {
            return Err(format!(
                "expected {rows} elements behind their lengths, the one in row {} does not fit",
                elements.len()
            ));
        };
        elements.push(element);
        raw = rest;
    }
    if elements.len() != rows || !raw.is_empty() {
        return Err(format!("expected {rows} elements behind their lengths, found {}", elements.len()));
    }
    Ok(elements)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
