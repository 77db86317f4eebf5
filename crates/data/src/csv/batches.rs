//! A CSV file a bounded number of rows at a time.

use std::io::BufRead;

use super::{BATCH, ColumnReader, Records, fields, header, survey};
use crate::{ColumnType, DataError, Limit, Table};

/// The rows of some columns, whose types are known.
pub(crate) struct CsvBatches<R> {
    records: Records<R>,
    /// Every column of the file.
    header: Vec<String>,
    /// Per column of the file, its place among those that are wanted.
    places: Vec<Option<usize>>,
    wanted: Vec<(String, ColumnType)>,
}

impl<R: BufRead> CsvBatches<R> {
    /// Names and types of all columns, and how many rows there are: a pass over the whole file that keeps none of it.
    pub(crate) fn survey(source: R) -> Result<(Vec<(String, ColumnType)>, u64), DataError> {
        let found = survey(Records::new(source), Limit { bytes: 0, seed: 0 })?;
        let types = found.columns.iter().map(ColumnReader::column_type);
        Ok((found.names.into_iter().zip(types).collect(), found.rows as u64))
    }

    /// The rows after the first `skipped` ones.
    pub(crate) fn new(source: R, wanted: Vec<(String, ColumnType)>, skipped: u64) -> Result<Self, DataError> {
        let mut records = Records::new(source);
        let header = header(records.next()?.ok_or(DataError::NoColumns)?)?;
        for (name, _) in &wanted {
            if !header.contains(name) {
                return Err(DataError::SourceChanged { column: name.clone() });
            }
        }
        for _ in 0..skipped {
            records.next()?;
        }
        let places = header.iter().map(|name| wanted.iter().position(|(known, _)| known == name)).collect();
        Ok(Self { records, header, places, wanted })
    }

    /// The next rows; `None` after the last one.
    pub(crate) fn next(&mut self) -> Result<Option<Table>, DataError> {
        let mut columns: Vec<_> = self.wanted.iter().map(|(_, column_type)| ColumnReader::of(*column_type)).collect();
        let mut rows = 0;
        while rows < BATCH
            && let Some(record) = self.records.next()?
        {
            for (field, place) in fields(record, &self.header)?.zip(&self.places) {
                if let Some(place) = place {
                    columns[*place].push(field);
                }
            }
            rows += 1;
        }
        if rows == 0 {
            return Ok(None);
        }
        for ((name, expected), column) in self.wanted.iter().zip(&columns) {
            if column.column_type() != *expected {
                return Err(DataError::SourceChanged { column: name.clone() });
            }
        }
        let named = self.wanted.iter().zip(columns);
        let arrays = named.map(|((name, _), column)| Ok((name.clone(), column.finish(name)?)));
        Table::new(arrays.collect::<Result<_, DataError>>()?).map(Some)
    }
}
