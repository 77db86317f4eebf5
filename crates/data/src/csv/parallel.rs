//! Several parts of a file at once.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanBufferBuilder, Float64Array, Int64Array, StringArray},
    buffer::{NullBuffer, OffsetBuffer},
};
use memchr::{memchr, memchr_iter, memchr2, memrchr};
use rayon::prelude::*;

use super::{
    column::{MAX_TEXT, wider},
    header,
    part::{ColumnPart, Finished},
    plain,
    records::Records,
};
use crate::{ColumnType, Table};

/// A part is worth a thread from so many bytes on.
const PART: usize = 1 << 20;
/// A value takes at most so many times the bytes that it takes in the file.
const GROWTH: usize = 8;
/// So many bytes say what the types of the columns may be.
const GLANCE: usize = 1 << 16;

/// The table in `bytes`, if it has no quotes. Whatever is unusual or wrong is left to the reader that goes from the first line to
/// the last.
pub(super) fn read(bytes: &[u8], limit: usize) -> Option<Table> {
    let parts = (bytes.len() / PART).clamp(1, rayon::current_num_threads());
    if bytes.len() > MAX_TEXT || bytes.len().saturating_mul(GROWTH) > limit {
        return None;
    }
    let end = 1 + memchr(b'\n', bytes)?;
    if !is_plain(&bytes[..end]) {
        return None;
    }
    let names = header(Records::new(&bytes[..end]).next().ok()??).ok()?;
    let parts = cut(&bytes[end..], parts).into_par_iter().map(Part::new).collect::<Option<Vec<_>>>()?;
    let rows: usize = parts.iter().map(|part| part.rows).sum();
    // A row has a byte behind each of its values.
    if rows.saturating_mul(names.len()) > bytes.len() + names.len() {
        return None;
    }
    let guessed = glance(parts.first()?.text, names.len())?;
    let first = Columns::read(&parts, &guessed)?;
    let found = first.types();
    let columns = if found == guessed { first } else { Columns::read(&parts, &found)? };
    Table::new(names.into_iter().zip(columns.into_arrays()?).collect()).ok().filter(|table| table.rows() > 0)
}

/// A line break between quotes ends no record.
fn is_plain(bytes: &[u8]) -> bool {
    memchr2(b'"', 0, bytes).is_none()
}

/// Some lines of a file.
struct Part<'a> {
    text: &'a str,
    /// If no line is blank.
    rows: usize,
}

impl<'a> Part<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        if !is_plain(bytes) {
            return None;
        }
        let unended = usize::from(bytes.last().is_some_and(|byte| *byte != b'\n'));
        Some(Self { text: str::from_utf8(bytes).ok()?, rows: memchr_iter(b'\n', bytes).count() + unended })
    }
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

/// The types that the first lines of `text` have.
fn glance(text: &str, columns: usize) -> Option<Vec<Option<ColumnType>>> {
    let few = memrchr(b'\n', &text.as_bytes()[..text.len().min(GLANCE)]).map_or(text, |end| &text[..=end]);
    let mut columns: Vec<_> = (0..columns).map(|_| ColumnPart::survey()).collect();
    plain::rows_of(few, &mut columns)?;
    Some(columns.iter().map(ColumnPart::found).collect())
}

/// The values of a whole column, as far as their type was known before.
enum Values {
    Unknown,
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    /// Where each text ends among those of its part; 0 comes first.
    Texts(Vec<i32>),
}

impl Values {
    fn new(column_type: Option<ColumnType>, rows: usize) -> Self {
        match column_type {
            None => Self::Unknown,
            Some(ColumnType::Integer) => Self::Integers(vec![0; rows]),
            Some(ColumnType::Float) => Self::Floats(vec![0.0; rows]),
            Some(ColumnType::Text | ColumnType::Boolean) => Self::Texts(vec![0; rows + 1]),
        }
    }

    /// Itself part by part.
    fn parts(&mut self, parts: &[Part<'_>]) -> Vec<ColumnPart<'_>> {
        match self {
            Self::Unknown => parts.iter().map(|_| ColumnPart::survey()).collect(),
            Self::Integers(values) => divided(values, parts, ColumnPart::integers),
            Self::Floats(values) => divided(values, parts, ColumnPart::floats),
            Self::Texts(ends) => divided(&mut ends[1..], parts, ColumnPart::texts),
        }
    }
}

fn divided<'a, T>(
    mut values: &'a mut [T],
    parts: &[Part<'_>],
    column: impl Fn(&'a mut [T]) -> ColumnPart<'a>,
) -> Vec<ColumnPart<'a>> {
    let mut next = |part: &Part<'_>| {
        let (places, rest) = std::mem::take(&mut values).split_at_mut(part.rows);
        values = rest;
        column(places)
    };
    parts.iter().map(&mut next).collect()
}

/// All columns, read part by part.
struct Columns {
    values: Vec<Values>,
    /// Each part's rows, and what is left of its columns.
    parts: Vec<(usize, Vec<Finished>)>,
}

impl Columns {
    /// Reads values of `types`; those of a column that is of another type are not kept. Nothing if the rows are not whole, or
    /// not where they are expected.
    fn read(parts: &[Part<'_>], types: &[Option<ColumnType>]) -> Option<Self> {
        let rows = parts.iter().map(|part| part.rows).sum();
        let mut values: Vec<_> = types.iter().map(|column_type| Values::new(*column_type, rows)).collect();
        let mut columns: Vec<_> = values.iter_mut().map(|values| values.parts(parts).into_iter()).collect();
        let work: Vec<(_, Vec<_>)> =
            parts.iter().map(|part| (part, columns.iter_mut().filter_map(Iterator::next).collect())).collect();
        let read = |(part, mut columns): (&Part<'_>, Vec<ColumnPart<'_>>)| {
            let rows = plain::rows_of(part.text, &mut columns)?;
            Some((rows, columns.into_iter().map(ColumnPart::finish).collect()))
        };
        let finished: Vec<(usize, _)> = work.into_par_iter().map(read).collect::<Option<_>>()?;
        // Blank lines at the end leave unused places behind all others; elsewhere they would leave gaps.
        let behind = parts.len() - 1;
        let gap = parts.iter().zip(&finished).take(behind).any(|(part, (rows, _))| part.rows != *rows);
        (!gap).then_some(Self { values, parts: finished })
    }

    /// The types that hold all values of each column; none for one without values.
    fn types(&self) -> Vec<Option<ColumnType>> {
        let of = |column: usize| self.parts.iter().filter_map(|(_, columns)| columns[column].found).reduce(wider);
        (0..self.values.len()).map(of).collect()
    }

    /// The columns, whose types are those that were found.
    fn into_arrays(self) -> Option<Vec<ArrayRef>> {
        let Self { values, parts } = self;
        let rows: usize = parts.iter().map(|(rows, _)| rows).sum();
        let column = |(column, values): (usize, Values)| -> Option<ArrayRef> {
            let nulls = || nulls(parts.iter().map(|(rows, columns)| (*rows, columns[column].nulls.as_ref())));
            Some(match values {
                Values::Unknown => Arc::new(Float64Array::new_null(rows)),
                Values::Integers(mut values) => {
                    values.truncate(rows);
                    Arc::new(Int64Array::new(values.into(), nulls()))
                }
                Values::Floats(mut values) => {
                    values.truncate(rows);
                    Arc::new(Float64Array::new(values.into(), nulls()))
                }
                Values::Texts(mut ends) => {
                    ends.truncate(rows + 1);
                    let texts = texts(&mut ends[1..], parts.iter().map(|(rows, columns)| (*rows, &columns[column])))?;
                    let ends = OffsetBuffer::new(ends.into());
                    Arc::new(StringArray::try_new(ends, texts.into_bytes().into(), nulls()).ok()?)
                }
            })
        };
        values.into_par_iter().enumerate().map(column).collect()
    }
}

/// The texts of all parts one behind the other, which `ends` count from the first one on afterwards.
fn texts<'a>(mut ends: &mut [i32], parts: impl Iterator<Item = (usize, &'a Finished)> + Clone) -> Option<String> {
    let mut all =
        String::with_capacity(parts.clone().filter_map(|(_, part)| part.texts.as_ref()).map(String::len).sum());
    for (rows, part) in parts {
        let before = i32::try_from(all.len()).ok()?;
        let (own, behind) = std::mem::take(&mut ends).split_at_mut_checked(rows)?;
        for end in own {
            *end += before;
        }
        all.push_str(part.texts.as_ref()?);
        ends = behind;
    }
    Some(all)
}

/// The parts of a column's validity one behind the other; none if no value is missing.
fn nulls<'a>(parts: impl Iterator<Item = (usize, Option<&'a NullBuffer>)> + Clone) -> Option<NullBuffer> {
    parts.clone().any(|(_, nulls)| nulls.is_some()).then(|| {
        let mut present = BooleanBufferBuilder::new(0);
        for (rows, nulls) in parts {
            match nulls {
                Some(nulls) => present.append_buffer(nulls.inner()),
                None => present.append_n(rows, true),
            }
        }
        present.finish().into()
    })
}
