//! Tables that are put together value by value.

use std::sync::Arc;

use arrow::array::{ArrayBuilder, ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};

use crate::{ColumnType, DataError, Table, table::check_names};

/// One value on its way into a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// There is none.
    Missing,
    /// For a column of integers or floats; a float holds those beyond 2^53 rounded.
    Integer(i64),
    /// For a column of floats; NaN is missing.
    Float(f64),
    /// For a column of booleans.
    Boolean(bool),
    /// For a column of texts; the empty one is missing, as in a file.
    Text(&'a str),
}

/// Collects the values of rows, column by column, until they are taken as a table.
#[derive(Debug)]
pub struct TableBuilder {
    columns: Vec<(String, Builder)>,
}

#[derive(Debug)]
enum Builder {
    Integer(Int64Builder),
    Float(Float64Builder),
    Boolean(BooleanBuilder),
    Text(StringBuilder),
}

impl Builder {
    fn new(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Integer => Self::Integer(Int64Builder::new()),
            ColumnType::Float => Self::Float(Float64Builder::new()),
            ColumnType::Boolean => Self::Boolean(BooleanBuilder::new()),
            ColumnType::Text => Self::Text(StringBuilder::new()),
        }
    }

    /// Whether the value is of the column's type.
    fn push(&mut self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Integer(values), Value::Missing) => values.append_null(),
            (Self::Float(values), Value::Missing) => values.append_null(),
            (Self::Boolean(values), Value::Missing) => values.append_null(),
            (Self::Text(values), Value::Missing) => values.append_null(),
            (Self::Integer(values), Value::Integer(value)) => values.append_value(value),
            (Self::Float(values), Value::Integer(value)) => values.append_value(value as f64),
            (Self::Float(values), Value::Float(value)) => values.append_option(Some(value).filter(|v| !v.is_nan())),
            (Self::Boolean(values), Value::Boolean(value)) => values.append_value(value),
            (Self::Text(values), Value::Text(value)) => values.append_option(Some(value).filter(|v| !v.is_empty())),
            _ => return false,
        }
        true
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Integer(values) => Arc::new(values.finish()),
            Self::Float(values) => Arc::new(values.finish()),
            Self::Boolean(values) => Arc::new(values.finish()),
            Self::Text(values) => Arc::new(values.finish()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Integer(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// About as much memory as the texts take; numbers are small.
    fn text_bytes(&self) -> usize {
        match self {
            Self::Text(values) => values.values_slice().len(),
            Self::Integer(_) | Self::Float(_) | Self::Boolean(_) => 0,
        }
    }
}

impl TableBuilder {
    /// Columns without values.
    ///
    /// # Errors
    /// [`DataError::NoColumns`], [`DataError::UnnamedColumn`], [`DataError::DuplicateColumn`].
    pub fn new(columns: &[(String, ColumnType)]) -> Result<Self, DataError> {
        if columns.is_empty() {
            return Err(DataError::NoColumns);
        }
        check_names(columns.iter().map(|(name, _)| name.as_str()))?;
        Ok(Self { columns: columns.iter().map(|(name, kind)| (name.clone(), Builder::new(*kind))).collect() })
    }

    /// Adds the next value of the column at `position`; each row gives every column one.
    ///
    /// # Errors
    /// [`DataError::SourceChanged`] for a value of another type than its column.
    pub fn push(&mut self, position: usize, value: Value<'_>) -> Result<(), DataError> {
        let Some((name, column)) = self.columns.get_mut(position) else { return Ok(()) };
        if column.push(value) { Ok(()) } else { Err(DataError::SourceChanged { column: name.clone() }) }
    }

    /// How many rows are waiting.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// Bytes of the texts that are waiting.
    pub fn text_bytes(&self) -> usize {
        self.columns.iter().map(|(_, column)| column.text_bytes()).sum()
    }

    /// The rows so far; the builder begins anew.
    ///
    /// # Errors
    /// [`DataError::Arrow`] if a row did not give every column a value.
    pub fn take(&mut self) -> Result<Table, DataError> {
        Table::new(self.columns.iter_mut().map(|(name, column)| (name.clone(), column.finish())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_the_table_that_a_file_would_be() {
        let columns = [("n", ColumnType::Integer), ("x", ColumnType::Float), ("t", ColumnType::Text)];
        let mut builder = TableBuilder::new(&columns.map(|(name, kind)| (name.to_owned(), kind))).unwrap();
        for row in [
            [Value::Integer(1), Value::Float(0.5), Value::Text("a")],
            [Value::Missing, Value::Float(f64::NAN), Value::Text("")],
            [Value::Integer(-3), Value::Integer(2), Value::Missing],
        ] {
            row.into_iter().enumerate().for_each(|(position, value)| builder.push(position, value).unwrap());
        }
        assert_eq!((builder.rows(), builder.text_bytes()), (3, 1));
        assert_eq!(builder.take().unwrap(), Table::from_csv(b"n,x,t\n1,0.5,a\n,,\n-3,2,\n").unwrap());
        assert_eq!(builder.rows(), 0);
    }

    #[test]
    fn a_value_of_another_type_is_refused_by_column() {
        let mut builder = TableBuilder::new(&[("n".to_owned(), ColumnType::Integer)]).unwrap();
        let error = builder.push(0, Value::Text("one")).unwrap_err();
        assert!(matches!(error, DataError::SourceChanged { column } if column == "n"));
        assert!(matches!(TableBuilder::new(&[]), Err(DataError::NoColumns)));
    }
}
