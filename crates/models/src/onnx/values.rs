//! From columns to the values of an input.

use std::{collections::HashSet, ops::Range};

use lineal_data::{Column, DataError, Frame};
use lineal_native::Values;

use super::{Kind, OnnxError};
use crate::{Datatype, ScoreError, SignatureColumn};

/// Whole numbers that a double holds without a loss.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// The rows `rows` of what [`find`] found for `wanted`, row after row.
pub(super) fn values(
    kind: Kind,
    wanted: &[SignatureColumn],
    columns: &[&Column],
    rows: Range<usize>,
) -> Result<Values, ScoreError> {
    if kind == Kind::Texts {
        return Ok(Values::Texts(texts(wanted, columns, rows)?));
    }
    let columns: Vec<&[f64]> = columns.iter().map(|column| numbers(column)).collect();
    let cells = rows.clone().flat_map(|row| columns.iter().map(move |column| column[row]));
    let whole = |least: f64, most: f64| {
        let is_bad = |value: &f64| value.fract() != 0.0 || !(least..=most).contains(value);
        match cells.clone().position(|value| is_bad(&value)) {
            Some(at) => {
                let (column, row) = (wanted[at % columns.len()].name.clone(), rows.start + at / columns.len());
                Err(OnnxError::NotWhole { column, row })
            }
            None => Ok(()),
        }
    };
    Ok(match kind {
        Kind::Single => Values::Single(cells.map(|value| value as f32).collect()),
        Kind::Double | Kind::Texts => Values::Double(cells.collect()),
        Kind::Whole => {
            whole(-WHOLE, WHOLE)?;
            Values::Whole(cells.map(|value| value as i64).collect())
        }
        Kind::Short => {
            whole(i32::MIN.into(), i32::MAX.into())?;
            Values::Short(cells.map(|value| value as i32).collect())
        }
    })
}

/// The columns of `frame` that a graph takes, with their names.
///
/// # Errors
/// [`DataError::MissingColumns`] and [`DataError::WrongKind`].
pub(super) fn find<'f>(wanted: &[SignatureColumn], frame: &'f Frame) -> Result<Vec<&'f Column>, DataError> {
    let mut found = Vec::with_capacity(wanted.len());
    for (position, SignatureColumn { name, datatype }) in wanted.iter().enumerate() {
        let column = frame.column_near(position, name).ok_or_else(|| missing_columns(wanted, frame))?;
        let (expected, is) = match (datatype, column) {
            (Datatype::Fp64, Column::Numbers(_)) | (Datatype::Bytes, Column::Texts(_)) => {
                found.push(column);
                continue;
            }
            (Datatype::Fp64, Column::Texts(_)) => ("numbers", "texts"),
            (Datatype::Bytes, Column::Numbers(_)) => ("texts", "numbers"),
        };
        return Err(DataError::WrongKind { column: name.clone(), expected, found: is });
    }
    Ok(found)
}

fn missing_columns(wanted: &[SignatureColumn], frame: &Frame) -> DataError {
    let expected: Vec<_> = wanted.iter().map(|column| column.name.clone()).collect();
    let known: HashSet<_> = frame.names().collect();
    let names = expected.iter().filter(|name| !known.contains(name.as_str())).cloned().collect();
    DataError::MissingColumns { names, expected }
}

fn numbers(column: &Column) -> &[f64] {
    if let Column::Numbers(numbers) = column { numbers } else { &[] }
}

fn texts(wanted: &[SignatureColumn], columns: &[&Column], rows: Range<usize>) -> Result<Vec<String>, DataError> {
    let mut cells = Vec::with_capacity(rows.len() * columns.len());
    for row in rows {
        for (column, wanted) in columns.iter().zip(wanted) {
            let missing = || DataError::MissingValue { column: wanted.name.clone(), row };
            let text = if let Column::Texts(texts) = column { texts[row].as_deref() } else { None };
            cells.push(text.ok_or_else(missing)?.to_owned());
        }
    }
    Ok(cells)
}
