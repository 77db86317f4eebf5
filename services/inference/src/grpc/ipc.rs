//! From an Arrow IPC stream to columns.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::{
    array::{Array, ArrayRef, AsArray as _, RecordBatch},
    buffer::Buffer,
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type, SchemaRef},
    error::ArrowError,
    ipc::reader::StreamDecoder,
};
use bytes::Bytes;
use lineal_data::{Column, Frame};
use lineal_kernel::{FieldError, FieldErrors};
use lineal_models::{Datatype, Signature};

use super::columns::{Columns, MAX_ROWS};

const FIELD: &str = "arrow";
/// Most bytes of all texts: a dictionary or a view says a long text in few bytes and means it in every row.
const MAX_TEXT: usize = 64 << 20;

/// Every column of the signature from the record batches of one stream; columns that it does not ask for are ignored.
pub(super) fn decode(content: Bytes, signature: &Signature) -> Result<Frame, FieldErrors> {
    let refuse = |problem: String| FieldErrors::from(FieldError::new(FIELD, problem));
    // What reads flatbuffers panics on some damaged ones instead of returning an error.
    let read = catch_unwind(AssertUnwindSafe(|| batches(content)))
        .unwrap_or_else(|_| Err(ArrowError::ParseError("it is damaged".to_owned())));
    let (schema, batches) = read.map_err(|error| refuse(format!("expected an Arrow IPC stream: {error}")))?;
    let rows = batches.iter().map(RecordBatch::num_rows).fold(0, usize::saturating_add);
    if rows > MAX_ROWS {
        return Err(refuse(format!("expected 1 to {MAX_ROWS} rows, found {rows}")));
    }
    let mut columns = Columns::new(FIELD, "values", signature, schema.fields().len())?;
    let mut budget = MAX_TEXT;
    for (i, field) in schema.fields().iter().enumerate() {
        let arrays = || batches.iter().map(|batch| batch.column(i));
        columns.add(i, field.name().clone(), |wanted| {
            let column = match wanted {
                Datatype::Fp64 => numbers(field.data_type(), rows, arrays()),
                Datatype::Bytes => texts(field.data_type(), rows, arrays(), &mut budget),
            };
            column.map_err(|problem| FieldError::new(format!("{FIELD}[{i}]"), problem))
        });
    }
    columns.frame()
}

/// The whole stream. Every buffer is checked against the bytes that are there before it is used.
fn batches(content: Bytes) -> Result<(SchemaRef, Vec<RecordBatch>), ArrowError> {
    let mut decoder = StreamDecoder::new();
    let mut content = Buffer::from(content);
    let (mut batches, mut rows) = (Vec::new(), 0_usize);
    while !content.is_empty() {
        let Some(batch) = decoder.decode(&mut content)? else { break };
        rows = rows.saturating_add(batch.num_rows());
        // Batches without rows or columns take no bytes of their own.
        if rows > MAX_ROWS || batches.len() == MAX_ROWS {
            return Err(ArrowError::ParseError(format!("more than {MAX_ROWS} rows or batches")));
        }
        batches.push(batch);
    }
    decoder.finish()?;
    let schema = decoder.schema().ok_or_else(|| ArrowError::ParseError("there is no schema".to_owned()))?;
    Ok((schema, batches))
}

fn numbers<'a>(found: &DataType, rows: usize, arrays: impl Iterator<Item = &'a ArrayRef>) -> Result<Column, String> {
    let number = |kind: &DataType| kind.is_numeric() || matches!(kind, DataType::Boolean | DataType::Null);
    if !number(plain(found)) {
        return Err(format!("expected numbers or booleans, found {found}"));
    }
    let mut values = Vec::with_capacity(rows);
    for array in arrays {
        let floats = cast(array, &DataType::Float64).map_err(|error| error.to_string())?;
        values.extend(floats.as_primitive::<Float64Type>().iter().map(|value| value.unwrap_or(f64::NAN)));
    }
    Ok(Column::Numbers(values))
}

fn texts<'a>(
    found: &DataType,
    rows: usize,
    arrays: impl Iterator<Item = &'a ArrayRef>,
    budget: &mut usize,
) -> Result<Column, String> {
    let mut texts = Vec::with_capacity(rows);
    for array in arrays {
        let (keys, values) = match array.as_any_dictionary_opt() {
            Some(dictionary) => {
                let keys = cast(dictionary.keys(), &DataType::Int64).map_err(|error| error.to_string())?;
                (Some(keys), dictionary.values())
            }
            None => (None, array),
        };
        let text = reader(values).ok_or_else(|| format!("expected texts, found {found}"))?;
        for row in 0..array.len() {
            let at = match &keys {
                Some(keys) if keys.is_null(row) => None,
                Some(keys) => usize::try_from(keys.as_primitive::<Int64Type>().value(row)).ok(),
                None => Some(row),
            };
            let value = at.and_then(&text).filter(|text| !text.is_empty());
            let length = value.map_or(0, str::len);
            *budget =
                budget.checked_sub(length).ok_or_else(|| format!("expected at most {MAX_TEXT} bytes of texts"))?;
            texts.push(value.map(Into::into));
        }
    }
    Ok(Column::Texts(texts))
}

/// What reads the text at an index, if the array holds texts.
fn reader<'a>(values: &'a ArrayRef) -> Option<Box<dyn Fn(usize) -> Option<&'a str> + 'a>> {
    let there = move |at: usize| at < values.len() && values.is_valid(at);
    Some(match values.data_type() {
        DataType::Utf8 => {
            let texts = values.as_string::<i32>();
            Box::new(move |at| there(at).then(|| texts.value(at)))
        }
        DataType::LargeUtf8 => {
            let texts = values.as_string::<i64>();
            Box::new(move |at| there(at).then(|| texts.value(at)))
        }
        DataType::Utf8View => {
            let texts = values.as_string_view();
            Box::new(move |at| there(at).then(|| texts.value(at)))
        }
        DataType::Null => Box::new(|_| None),
        _ => return None,
    })
}

/// The type of the values, behind a dictionary or not.
fn plain(found: &DataType) -> &DataType {
    match found {
        DataType::Dictionary(_, values) => values,
        plain => plain,
    }
}

#[cfg(test)]
mod tests;
