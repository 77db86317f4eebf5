//! Which columns of a file a batch reads, and as what.

use arrow::datatypes::DataType;
use lineal_data::{ColumnType, DataError, FileFormat, TableFile};
use lineal_kernel::FieldError;
use lineal_models::{Datatype, ScoreError, Signature};

use crate::{InferenceError, folder::BatchWish};

/// The columns of the signature and the key columns, each once. What the model reads as texts is read as texts, also if all values of
/// this CSV file look like numbers.
pub(super) fn wanted(
    input: &TableFile,
    signature: &Signature,
    wish: &BatchWish,
) -> Result<Vec<(String, ColumnType)>, InferenceError> {
    let names = || signature.inputs.iter().map(|column| column.name.clone());
    let missing: Vec<String> = names().filter(|name| input.column_type(name).is_err()).collect();
    if !missing.is_empty() {
        return Err(DataError::MissingColumns { names: missing, expected: names().collect() }.into());
    }
    let mut wanted = Vec::with_capacity(signature.inputs.len() + wish.key_columns.len());
    for column in &signature.inputs {
        let found = input.column_type(&column.name)?;
        let read = match column.datatype {
            Datatype::Bytes if wish.format == FileFormat::Csv => ColumnType::Text,
            Datatype::Fp64 if !found.is_number() => {
                let (column, expected, found) = (column.name.clone(), "numbers", "texts");
                return Err(ScoreError::Data(DataError::WrongKind { column, expected, found }).into());
            }
            Datatype::Bytes | Datatype::Fp64 => found,
        };
        wanted.push((column.name.clone(), read));
    }
    for key in &wish.key_columns {
        let found = input.column_type(key).map_err(|error| FieldError::new("key_columns", error.to_string()))?;
        if !wanted.iter().any(|(name, _)| name == key) {
            wanted.push((key.clone(), found));
        }
    }
    Ok(wanted)
}

/// The key columns as they are written.
pub(super) fn keys(wanted: &[(String, ColumnType)], wish: &BatchWish) -> Vec<(String, DataType)> {
    let kind = |column_type| match column_type {
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Text => DataType::Utf8,
        ColumnType::Boolean => DataType::Boolean,
    };
    let named = |key: &String| wanted.iter().find(|(name, _)| name == key);
    wish.key_columns.iter().filter_map(named).map(|(name, column_type)| (name.clone(), kind(*column_type))).collect()
}

/// The same error, with its row counted from the beginning of the file.
pub(super) fn in_file(mut error: ScoreError, first: u64) -> ScoreError {
    if let ScoreError::Data(DataError::MissingValue { row, .. } | DataError::NotFinite { row, .. }) = &mut error {
        *row += first as usize;
    }
    error
}
