//! A column that finds its type while it is read.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder, Int64Builder, StringBuilder};

use super::number::{Number, number};
use crate::{ColumnType, DataError};

/// Texts are addressed by 32-bit offsets.
pub(super) const MAX_TEXT: usize = i32::MAX as usize;

/// Values of the narrowest type that holds all of them so far: integers, then floats, then texts.
pub(super) struct ColumnReader {
    values: Values,
    /// An integer was written `-0`, which as a float is another number than 0.
    negative_zero: bool,
    rows: usize,
    /// Bytes of all texts, whatever type they have now.
    text_bytes: usize,
}

enum Values {
    /// No value so far.
    Missing,
    Integers(Int64Builder),
    Floats(Float64Builder),
    Texts(StringBuilder),
    /// The values are of this type and have to be read again.
    Dropped(ColumnType),
}

impl ColumnReader {
    /// A column without values.
    pub(super) fn new() -> Self {
        Self { values: Values::Missing, negative_zero: false, rows: 0, text_bytes: 0 }
    }

    /// A column whose type is known already; every value pushed has it.
    pub(super) fn of(column_type: ColumnType) -> Self {
        let values = match column_type {
            ColumnType::Integer => Values::Integers(Int64Builder::with_capacity(0)),
            ColumnType::Float => Values::Floats(Float64Builder::with_capacity(0)),
            ColumnType::Text | ColumnType::Boolean => Values::Texts(StringBuilder::with_capacity(0, 0)),
        };
        Self { values, ..Self::new() }
    }

    /// The type that all values so far have.
    pub(super) fn column_type(&self) -> ColumnType {
        match &self.values {
            Values::Missing | Values::Floats(_) => ColumnType::Float,
            Values::Integers(_) => ColumnType::Integer,
            Values::Texts(_) => ColumnType::Text,
            Values::Dropped(column_type) => *column_type,
        }
    }

    /// Bytes of its values in a table.
    pub(super) fn bytes(&self) -> usize {
        match self.column_type() {
            ColumnType::Text => 4 * self.rows + self.text_bytes,
            _ => 8 * self.rows,
        }
    }

    /// Whether its values have to be read again.
    pub(super) fn is_dropped(&self) -> bool {
        matches!(self.values, Values::Dropped(_))
    }

    /// Forgets the values and keeps their type.
    pub(super) fn forget(&mut self) {
        // Nothing but missing values says nothing about the type yet.
        if !matches!(self.values, Values::Missing) {
            self.values = Values::Dropped(self.column_type());
        }
    }

    /// Adds the field `text`; the empty one is a missing value.
    pub(super) fn push(&mut self, text: &str) {
        self.rows += 1;
        self.text_bytes += text.len();
        if text.is_empty() {
            return self.push_missing();
        }
        match &mut self.values {
            Values::Missing => self.begin(text),
            Values::Integers(values) => match number(text) {
                Some(Number::Integer { value, negative_zero }) => {
                    self.negative_zero |= negative_zero;
                    values.append_value(value);
                }
                other => self.widen(other),
            },
            Values::Floats(values) => match number(text) {
                Some(number) => values.append_value(number.float()),
                None => self.values = Values::Dropped(ColumnType::Text),
            },
            Values::Texts(values) => values.append_value(text),
            Values::Dropped(column_type) => *column_type = wider(*column_type, type_of(text)),
        }
    }

    fn push_missing(&mut self) {
        match &mut self.values {
            Values::Missing | Values::Dropped(_) => {}
            Values::Integers(values) => values.append_null(),
            Values::Floats(values) => values.append_null(),
            Values::Texts(values) => values.append_null(),
        }
    }

    /// The first value after missing ones.
    fn begin(&mut self, text: &str) {
        let missing = self.rows - 1;
        match number(text) {
            Some(Number::Integer { value, negative_zero }) => {
                let mut values = Int64Builder::with_capacity(self.rows);
                values.append_nulls(missing);
                values.append_value(value);
                self.negative_zero = negative_zero;
                self.values = Values::Integers(values);
            }
            Some(Number::Float(value)) => {
                let mut values = Float64Builder::with_capacity(self.rows);
                values.append_nulls(missing);
                values.append_value(value);
                self.values = Values::Floats(values);
            }
            None => {
                let mut values = StringBuilder::with_capacity(self.rows, text.len());
                (0..missing).for_each(|_| values.append_null());
                values.append_value(text);
                self.values = Values::Texts(values);
            }
        }
    }

    /// Makes room for what is no integer.
    fn widen(&mut self, other: Option<Number>) {
        self.values = match (&mut self.values, other) {
            (Values::Integers(integers), Some(Number::Float(value))) if !self.negative_zero => {
                let integers = integers.finish();
                let mut floats = Float64Builder::with_capacity(self.rows);
                // Rounded as the text would be: both ways round to the nearest.
                integers.iter().for_each(|integer| floats.append_option(integer.map(|integer| integer as f64)));
                floats.append_value(value);
                Values::Floats(floats)
            }
            (_, Some(_)) => Values::Dropped(ColumnType::Float),
            (_, None) => Values::Dropped(ColumnType::Text),
        };
    }

    /// The values as a column of a table.
    pub(super) fn finish(mut self, name: &str) -> Result<ArrayRef, DataError> {
        Ok(match &mut self.values {
            Values::Integers(values) => Arc::new(values.finish()),
            Values::Floats(values) => Arc::new(values.finish()),
            Values::Texts(values) => Arc::new(values.finish()),
            Values::Missing => {
                let mut values = Float64Builder::with_capacity(self.rows);
                values.append_nulls(self.rows);
                Arc::new(values.finish())
            }
            Values::Dropped(_) => return Err(DataError::SourceChanged { column: name.to_owned() }),
        })
    }

    /// Whether the texts it holds can be addressed.
    pub(super) fn fits(&self) -> bool {
        !matches!(self.values, Values::Texts(_)) || self.text_bytes <= MAX_TEXT
    }
}

/// The narrowest type that holds `text`.
pub(super) fn type_of(text: &str) -> ColumnType {
    match number(text) {
        Some(Number::Integer { .. }) => ColumnType::Integer,
        Some(Number::Float(_)) => ColumnType::Float,
        None => ColumnType::Text,
    }
}

/// The narrowest type that holds values of both.
pub(super) fn wider(one: ColumnType, other: ColumnType) -> ColumnType {
    [ColumnType::Text, ColumnType::Float].into_iter().find(|wide| [one, other].contains(wide)).unwrap_or(one)
}
