//! Typed columns of one file.

use std::{collections::HashSet, fmt};

use arrow::{
    array::{
        Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Float64Array, Int64Array, PrimitiveArray,
        RecordBatch, StringArray, UInt64Array,
    },
    buffer::ScalarBuffer,
    compute::{TakeOptions, take},
    datatypes::{DataType, Field, Float64Type, Int64Type, Schema},
};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Column, DataError, Frame};

/// Threads share the work from so many rows on: more than a request has.
pub(crate) const SHARED: usize = 1 << 17;

/// What a column of a [`Table`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// 64-bit signed integers.
    Integer,
    /// 64-bit floats.
    Float,
    /// UTF-8 texts.
    Text,
    /// True or false.
    Boolean,
}

impl ColumnType {
    /// Whether values are read as numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Float)
    }

    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Int64 => Self::Integer,
            DataType::Float64 => Self::Float,
            DataType::Boolean => Self::Boolean,
            _ => Self::Text,
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Text => "text",
            Self::Boolean => "boolean",
        })
    }
}

/// The values of one column, borrowed.
#[derive(Clone, Copy)]
pub(crate) enum Cells<'a> {
    Integers(&'a Int64Array),
    Floats(&'a Float64Array),
    Texts(&'a StringArray),
    Booleans(&'a BooleanArray),
}

/// Rows of typed, named columns; every column may have missing values, none holds NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    batch: RecordBatch,
}

impl Table {
    /// A table of `columns`, which are of the four arrow types behind [`ColumnType`] and of one length.
    ///
    /// Every field becomes nullable and loses its metadata, so that equal content has an equal schema.
    pub(crate) fn new(columns: Vec<(String, ArrayRef)>) -> Result<Self, DataError> {
        if columns.is_empty() {
            return Err(DataError::NoColumns);
        }
        check_names(columns.iter().map(|(name, _)| name.as_str()))?;
        let fields: Vec<_> =
            columns.iter().map(|(name, array)| Field::new(name, array.data_type().clone(), true)).collect();
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        Ok(Self { batch: RecordBatch::try_new(Schema::new(fields).into(), arrays)? })
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// Names and types of the columns in order.
    pub fn schema(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        self.batch.schema_ref().fields().iter().map(|field| (field.name().as_str(), ColumnType::of(field.data_type())))
    }

    /// The rows `rows`, in that order.
    ///
    /// # Errors
    /// [`DataError::Arrow`] if an index is not below `rows()`.
    pub fn take(&self, rows: &[usize]) -> Result<Self, DataError> {
        let indices = UInt64Array::from_iter_values(rows.iter().map(|&row| row as u64));
        let options = Some(TakeOptions { check_bounds: true });
        let columns = self.batch.columns().iter().map(|column| take(column, &indices, options.clone()));
        Ok(Self { batch: RecordBatch::try_new(self.batch.schema(), columns.collect::<Result<_, _>>()?)? })
    }

    /// The column `name` as raw values: integers and floats as numbers (integers beyond 2^53 are rounded), booleans as
    /// the texts `true` and `false`.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`].
    pub fn column(&self, name: &str) -> Result<Column, DataError> {
        Ok(raw(self.batch.column(self.position(name)?).clone()))
    }

    /// The column `name` as numbers; NaN is a missing value.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`], [`DataError::WrongKind`].
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, DataError> {
        match self.column(name)? {
            Column::Numbers(values) => Ok(values),
            Column::Texts(_) => {
                Err(DataError::WrongKind { column: name.to_owned(), expected: "numbers", found: "texts" })
            }
        }
    }

    /// The columns `names` as raw columns.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`], [`DataError::DuplicateColumn`].
    pub fn frame<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Frame, DataError> {
        Ok(self.clone().choose(names)?.into_frame())
    }

    /// The column `name` as an Arrow array of the type behind its [`ColumnType`].
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`].
    pub fn array(&self, name: &str) -> Result<ArrayRef, DataError> {
        Ok(self.select(name)?.1)
    }

    /// The columns `names` and no others.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`], [`DataError::DuplicateColumn`].
    pub fn choose<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, DataError> {
        let positions: Vec<_> = names.into_iter().map(|name| self.position(name)).collect::<Result<_, _>>()?;
        let batch = self.batch.project(&positions)?;
        check_names(batch.schema_ref().fields().iter().map(|field| field.name().as_str()))?;
        Ok(Self { batch })
    }

    /// All columns as raw columns.
    pub fn to_frame(&self) -> Frame {
        self.clone().into_frame()
    }

    /// All columns as raw columns. Numbers that nothing else holds are not copied.
    pub fn into_frame(self) -> Frame {
        let rows = self.rows();
        let (schema, arrays, _) = self.batch.into_parts();
        let columns = schema.fields().iter().map(|field| field.name().clone()).zip(arrays);
        let raw = |(name, array)| (name, raw(array));
        let columns = if rows < SHARED {
            columns.map(raw).collect()
        } else {
            columns.collect::<Vec<_>>().into_par_iter().map(raw).collect()
        };
        Frame::of(rows, columns)
    }

    /// The column `name` as it is, to be put into another table.
    pub(crate) fn select(&self, name: &str) -> Result<(String, ArrayRef), DataError> {
        Ok((name.to_owned(), self.batch.column(self.position(name)?).clone()))
    }

    fn position(&self, name: &str) -> Result<usize, DataError> {
        self.batch.schema_ref().index_of(name).map_err(|_| self.unknown(name))
    }

    /// `rows` rows from `first` on, without copying them.
    pub(crate) fn slice(&self, first: usize, rows: usize) -> Self {
        Self { batch: self.batch.slice(first, rows) }
    }

    pub(crate) fn cells_of(&self, name: &str) -> Result<Cells<'_>, DataError> {
        Ok(cells(self.batch.column(self.position(name)?)))
    }

    pub(crate) fn cells(&self) -> impl Iterator<Item = Cells<'_>> {
        self.batch.columns().iter().map(cells)
    }

    /// Bytes of its values, as a [`Limit`](crate::Limit) counts them.
    pub(crate) fn bytes(&self) -> usize {
        let texts = |array: &StringArray| {
            let offsets = array.value_offsets();
            offsets.last().zip(offsets.first()).map_or(0, |(last, first)| (last - first) as usize)
        };
        let column = |cells| match cells {
            Cells::Integers(_) | Cells::Floats(_) | Cells::Booleans(_) => 8 * self.rows(),
            Cells::Texts(array) => 4 * self.rows() + texts(array),
        };
        self.cells().map(column).sum()
    }

    /// A batch that was taken from a table.
    pub(crate) fn of(batch: RecordBatch) -> Self {
        Self { batch }
    }

    pub(crate) fn into_batch(self) -> RecordBatch {
        self.batch
    }

    pub(crate) fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    pub(crate) fn unknown(&self, name: &str) -> DataError {
        let available = self.schema().map(|(name, _)| name.to_owned()).collect();
        DataError::UnknownColumn { column: name.to_owned(), available }
    }
}

/// Every column has a name of its own.
pub(crate) fn check_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), DataError> {
    let mut seen = HashSet::new();
    for (position, name) in names.into_iter().enumerate() {
        if name.is_empty() {
            return Err(DataError::UnnamedColumn { position });
        }
        if !seen.insert(name) {
            return Err(DataError::DuplicateColumn { column: name.to_owned() });
        }
    }
    Ok(())
}

fn cells(array: &ArrayRef) -> Cells<'_> {
    match ColumnType::of(array.data_type()) {
        ColumnType::Integer => Cells::Integers(array.as_primitive::<Int64Type>()),
        ColumnType::Float => Cells::Floats(array.as_primitive::<Float64Type>()),
        ColumnType::Text => Cells::Texts(array.as_string()),
        ColumnType::Boolean => Cells::Booleans(array.as_boolean()),
    }
}

fn raw(array: ArrayRef) -> Column {
    match cells(&array) {
        Cells::Integers(values) => Column::Numbers(numbers(values.clone(), array, |value| value as f64)),
        Cells::Floats(values) => Column::Numbers(numbers(values.clone(), array, |value| value)),
        Cells::Texts(values) => Column::Texts(values.iter().map(|v| v.map(Box::from)).collect()),
        Cells::Booleans(values) => {
            let text = |v: bool| Box::from(if v { "true" } else { "false" });
            Column::Texts(values.iter().map(|v| v.map(text)).collect())
        }
    }
}

fn numbers<T: ArrowPrimitiveType>(
    values: PrimitiveArray<T>,
    array: ArrayRef,
    number: impl Fn(T::Native) -> f64,
) -> Vec<f64> {
    // What holds the values twice would keep them from being written over.
    drop(array);
    let (_, values, nulls) = values.into_parts();
    let mut numbers: Vec<f64> = match values.into_inner().into_vec::<T::Native>() {
        Ok(values) => values.into_iter().map(number).collect(),
        Err(shared) => ScalarBuffer::<T::Native>::from(shared).iter().map(|value| number(*value)).collect(),
    };
    if let Some(nulls) = nulls {
        numbers.iter_mut().zip(&nulls).filter(|(_, is_there)| !is_there).for_each(|(number, _)| *number = f64::NAN);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::from_csv(b"age,plan\n41,a\n,b\n52,\n").unwrap()
    }

    #[test]
    fn columns_become_raw_columns_with_missing_values() {
        let frame = table().to_frame();
        assert_eq!(frame.names().collect::<Vec<_>>(), ["age", "plan"]);
        let Some(Column::Numbers(ages)) = frame.column("age") else { panic!("ages are numbers") };
        assert_eq!((ages[0], ages[2]), (41.0, 52.0));
        assert!(ages[1].is_nan());
        assert_eq!(frame.column("plan"), Some(&Column::Texts(vec![Some("a".into()), Some("b".into()), None])));
    }

    #[test]
    fn numbers_are_the_same_whether_others_hold_them_or_not() {
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let csv = b"n,x\n9007199254740993,0.5\n,\n-3,-0.0\n";
        let kept = Table::from_csv(csv).unwrap();
        let (shared, own) = (kept.to_frame(), Table::from_csv(csv).unwrap().into_frame());
        for (column, expected) in [("n", [9_007_199_254_740_992.0, f64::NAN, -3.0]), ("x", [0.5, f64::NAN, -0.0])] {
            for frame in [&shared, &own] {
                let Some(Column::Numbers(found)) = frame.column(column) else { panic!("{column} is of numbers") };
                assert_eq!(bits(found), bits(&expected), "{column}");
            }
        }
        let part = kept.slice(1, 2);
        drop(kept);
        assert_eq!(part.clone().into_frame().column("x").map(Column::len), Some(2));
        assert!(part.into_frame().is_missing("n", 0));
    }

    #[test]
    fn an_unknown_column_is_told_with_the_known_ones() {
        let error = table().frame(["age", "tenure"]).unwrap_err().to_string();
        assert_eq!(error, "there is no column `tenure`, there are: `age`, `plan`");
        assert!(matches!(table().numbers("plan"), Err(DataError::WrongKind { .. })));
    }

    #[test]
    fn rows_are_taken_in_the_order_asked_for_and_only_if_they_exist() {
        let taken = table().take(&[2, 0]).unwrap();
        assert_eq!(taken.numbers("age").unwrap(), [52.0, 41.0]);
        assert!(matches!(table().take(&[3]), Err(DataError::Arrow(_))));
    }
}
