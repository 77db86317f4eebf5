//! Which columns of a file a batch reads, and as what.

use arrow::datatypes::DataType;
use lineal_data::{ColumnType, DataError, FileFormat, Lag, TableFile};
use lineal_kernel::FieldError;
use lineal_models::{Datatype, ScoreError, ServedModel};

use crate::{InferenceError, folder::BatchWish};

/// The columns of the signature, those that its lags are told from if the file has not the lags themselves, and the key columns, each
/// once. What the model reads as texts is read as texts, also if all values of this CSV file look like numbers.
pub(super) fn wanted(
    input: &TableFile,
    model: &ServedModel,
    wish: &BatchWish,
) -> Result<Vec<(String, ColumnType)>, InferenceError> {
    let inputs = &model.signature().inputs;
    let (lags, sources) = told(input, model);
    let names = || inputs.iter().map(|column| column.name.clone());
    let known = |name: &str| input.column_type(name).is_ok();
    let missing: Vec<String> =
        names().filter(|name| !known(name) && lags.iter().all(|lag| lag.name() != *name)).collect();
    if !missing.is_empty() {
        return Err(DataError::MissingColumns { names: missing, expected: names().collect() }.into());
    }
    let mut wanted: Vec<(String, ColumnType)> = Vec::with_capacity(inputs.len() + wish.key_columns.len());
    for column in inputs {
        // A lag is of the type of the column that it looks back at.
        let name = lags.iter().find(|lag| lag.name() == column.name).map_or(&column.name, |lag| &lag.column);
        let found = input.column_type(name)?;
        let read = match column.datatype {
            Datatype::Bytes if wish.format == FileFormat::Csv => ColumnType::Text,
            Datatype::Fp64 if !found.is_number() => {
                let (column, expected, found) = (name.clone(), "numbers", "texts");
                return Err(ScoreError::Data(DataError::WrongKind { column, expected, found }).into());
            }
            Datatype::Bytes | Datatype::Fp64 => found,
        };
        if !wanted.iter().any(|(known, _)| known == name) {
            wanted.push((name.clone(), read));
        }
    }
    for source in sources {
        if !wanted.iter().any(|(name, _)| name == source) {
            wanted.push((source.to_owned(), input.column_type(source)?));
        }
    }
    for key in &wish.key_columns {
        let found = input.column_type(key).map_err(|error| FieldError::new("key_columns", error.to_string()))?;
        if !wanted.iter().any(|(name, _)| name == key) {
            wanted.push((key.clone(), found));
        }
    }
    Ok(wanted)
}

/// The lags that are told from the rows of the file, and the columns that this takes: none if the file has not all of these.
fn told<'a>(input: &TableFile, model: &'a ServedModel) -> (Vec<&'a Lag>, Vec<&'a str>) {
    let known = |name: &str| input.column_type(name).is_ok();
    let Some(history) = model.history() else { return Default::default() };
    let lags: Vec<_> = history.lags.iter().filter(|lag| !known(&lag.name())).collect();
    let sources = history.sources();
    if lags.is_empty() || !sources.iter().all(|source| known(source)) {
        return Default::default();
    }
    (lags, sources)
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
