//! Several parts of a file at once.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, new_null_array},
    compute::concat,
    datatypes::DataType,
};
use memchr::{memchr, memchr_iter, memrchr};
use rayon::prelude::*;

use super::{
    column::{ColumnReader, MAX_TEXT},
    header, plain,
    records::Records,
};
use crate::{ColumnType, DataError, Table};

/// A part is worth a thread from so many bytes on.
const PART: usize = 1 << 20;
/// A value takes at most so many times the bytes that it takes in the file.
const GROWTH: usize = 8;

/// The table in `bytes`, if it has no quotes and every column fits the type that each part finds. Whatever is wrong is left to
/// the reader that goes from the first line to the last.
pub(super) fn read(bytes: &[u8], limit: usize) -> Option<Table> {
    let parts = (bytes.len() / PART).clamp(1, rayon::current_num_threads());
    // A line break between quotes ends no record.
    let is_plain = memchr(b'"', bytes).is_none() && memchr(0, bytes).is_none();
    if bytes.len() > MAX_TEXT || bytes.len().saturating_mul(GROWTH) > limit || !is_plain {
        return None;
    }
    let end = 1 + memchr(b'\n', bytes)?;
    let names = header(Records::new(&bytes[..end]).next().ok()??).ok()?;
    let parts = cut(&bytes[end..], parts);
    let read = |part: &&[u8]| {
        let rows = 1 + memchr_iter(b'\n', part).count();
        let mut columns: Vec<_> = names.iter().map(|_| ColumnReader::with_capacity(rows)).collect();
        plain::rows_of(str::from_utf8(part).ok()?, &mut columns)?;
        Some(columns)
    };
    let parts: Vec<_> = parts.par_iter().map(read).collect::<Option<_>>()?;
    joined(names, parts)
}

/// About equal parts that end where lines end.
fn cut(mut rest: &[u8], parts: usize) -> Vec<&[u8]> {
    let size = rest.len().div_ceil(parts);
    let mut cut = Vec::with_capacity(parts);
    while rest.len() > size {
        let end = memrchr(b'\n', &rest[..size]).map_or(rest.len(), |end| end + 1);
        let (part, others) = rest.split_at(end);
        cut.push(part);
        rest = others;
    }
    cut.push(rest);
    cut
}

fn joined(names: Vec<String>, parts: Vec<Vec<ColumnReader>>) -> Option<Table> {
    let mut parts: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
    let columns: Vec<Vec<ColumnReader>> =
        names.iter().map(|_| parts.iter_mut().filter_map(Iterator::next).collect()).collect();
    let columns = names.into_par_iter().zip(columns).map(|(name, parts)| {
        let array = column(&name, parts).ok()??;
        Some((name, array))
    });
    Table::new(columns.collect::<Option<_>>()?).ok().filter(|table| table.rows() > 0)
}

/// The parts of one column in the widest of their types; none if one of them has to be read again for it.
fn column(name: &str, parts: Vec<ColumnReader>) -> Result<Option<ArrayRef>, DataError> {
    let types = || parts.iter().filter(|part| !part.is_missing()).map(ColumnReader::column_type);
    let texts = types().any(|column_type| column_type == ColumnType::Text);
    let integers = types().next().is_some() && types().all(|column_type| column_type == ColumnType::Integer);
    let wanted = if texts {
        DataType::Utf8
    } else if integers {
        DataType::Int64
    } else {
        DataType::Float64
    };
    let mut arrays = Vec::with_capacity(parts.len());
    for part in parts {
        let (missing, exact) = (part.is_missing(), part.widens());
        let array = part.finish(name)?;
        let array = match (array.as_any().downcast_ref::<Int64Array>(), &wanted) {
            _ if missing => new_null_array(&wanted, array.len()),
            (Some(integers), DataType::Float64) if exact => {
                Arc::new(integers.iter().map(|value| value.map(|value| value as f64)).collect::<Float64Array>())
            }
            _ if *array.data_type() == wanted => array,
            _ => return Ok(None),
        };
        arrays.push(array);
    }
    if arrays.len() == 1 {
        return Ok(arrays.pop());
    }
    let arrays: Vec<_> = arrays.iter().map(AsRef::as_ref).collect();
    Ok(Some(concat(&arrays)?))
}
