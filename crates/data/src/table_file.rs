//! Files of any size: looked at once as a whole, then read a bounded number of rows at a time.

use std::{
    fs::File,
    io::{BufReader, Read, Seek as _},
    time::SystemTime,
};

use lineal_kernel::{Digest, Hasher};

use crate::{ColumnType, DataError, Table, csv::CsvBatches, parquet::ParquetBatches};

/// Bytes that are read together.
const BUFFER: usize = 1 << 18;

/// How a file holds its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// As [`Table::from_csv`] reads them.
    Csv,
    /// As [`Table::from_parquet`] reads them.
    Parquet,
}

/// A file that was looked at as a whole.
#[derive(Debug)]
pub struct TableFile {
    file: File,
    format: FileFormat,
    digest: Digest,
    rows: u64,
    schema: Vec<(String, ColumnType)>,
}

/// The rows of a [`TableFile`], in order.
pub struct Batches<'a> {
    source: Source,
    /// Rows that were read and not yet handed out.
    pending: Option<Table>,
    /// Two readers of one file would share its position.
    _file: &'a mut File,
}

enum Source {
    Csv(Box<CsvBatches<BufReader<File>>>),
    Parquet(ParquetBatches),
}

impl TableFile {
    /// Reads the file once: its digest, how many rows it has, and the types of its columns over all of them.
    ///
    /// # Errors
    /// As [`Table::read_csv`] and [`Table::read_parquet`], without any about limits.
    pub fn survey(mut file: File, format: FileFormat) -> Result<Self, DataError> {
        file.rewind()?;
        let mut hashing = Hashing { file: file.try_clone()?, hasher: Hasher::default() };
        let (schema, rows) = match format {
            FileFormat::Csv => CsvBatches::survey(BufReader::with_capacity(BUFFER, &mut hashing))?,
            FileFormat::Parquet => {
                std::io::copy(&mut BufReader::with_capacity(BUFFER, &mut hashing), &mut std::io::sink())?;
                ParquetBatches::survey(&file)?
            }
        };
        if rows == 0 {
            return Err(DataError::NoRows);
        }
        Ok(Self { digest: hashing.hasher.finish(), file, format, rows, schema })
    }

    /// The digest of the file's bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The type of a column over all rows.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`].
    pub fn column_type(&self, name: &str) -> Result<ColumnType, DataError> {
        let found = self.schema.iter().find(|(known, _)| known == name);
        found.map(|(_, column_type)| *column_type).ok_or_else(|| DataError::UnknownColumn {
            column: name.to_owned(),
            available: self.schema.iter().map(|(name, _)| name.clone()).collect(),
        })
    }

    /// Tells later whether the file is still what it is now, by its size and the time of its last change.
    ///
    /// # Errors
    /// [`DataError::Io`].
    pub fn watch(&self) -> Result<Watched, DataError> {
        let file = self.file.try_clone()?;
        Ok(Watched { seen: seen(&file)?, file })
    }

    /// The columns `wanted`, in any order, from row `first` on. In a CSV file a column may be read as a wider type than it has.
    ///
    /// # Errors
    /// [`DataError::Io`], and [`DataError::SourceChanged`] for a file that reads otherwise than before.
    pub fn batches(&mut self, wanted: Vec<(String, ColumnType)>, first: u64) -> Result<Batches<'_>, DataError> {
        self.file.rewind()?;
        let file = self.file.try_clone()?;
        let source = match self.format {
            FileFormat::Csv => {
                Source::Csv(Box::new(CsvBatches::new(BufReader::with_capacity(BUFFER, file), wanted, first)?))
            }
            FileFormat::Parquet => Source::Parquet(ParquetBatches::new(file, &wanted, first)?),
        };
        Ok(Batches { source, pending: None, _file: &mut self.file })
    }
}

impl Batches<'_> {
    /// At most `most` further rows; `None` after the last one. Memory holds a few thousand rows.
    ///
    /// # Errors
    /// As [`TableFile::batches`], and of a Parquet file [`DataError::UnsupportedType`] and [`DataError::OutOfRange`].
    pub fn read(&mut self, most: usize) -> Result<Option<Table>, DataError> {
        let next = match self.pending.take() {
            Some(pending) => Some(pending),
            None => match &mut self.source {
                Source::Csv(batches) => batches.next()?,
                Source::Parquet(batches) => batches.next()?,
            },
        };
        let Some(table) = next else { return Ok(None) };
        if table.rows() <= most {
            return Ok(Some(table));
        }
        self.pending = Some(table.slice(most, table.rows() - most));
        Ok(Some(table.slice(0, most)))
    }
}

impl std::fmt::Debug for Batches<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").finish_non_exhaustive()
    }
}

/// A file as it was at a moment.
#[derive(Debug)]
pub struct Watched {
    file: File,
    seen: (u64, SystemTime),
}

impl Watched {
    /// Whether it still is.
    ///
    /// # Errors
    /// [`DataError::Io`].
    pub fn is_unchanged(&self) -> Result<bool, DataError> {
        Ok(seen(&self.file)? == self.seen)
    }
}

fn seen(file: &File) -> std::io::Result<(u64, SystemTime)> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.modified()?))
}

/// Takes the digest of what is read.
struct Hashing {
    file: File,
    hasher: Hasher,
}

impl Read for &mut Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::Snapshot;

    const ROWS: usize = 20_000;

    fn csv() -> String {
        let row = |row: usize| {
            let charge = if row == ROWS - 1 { "0.5".to_owned() } else { (row % 7).to_string() };
            format!("{row},{charge},{}\n", if row.is_multiple_of(3) { "" } else { "12" })
        };
        "id,charge,plan\n".to_owned() + &(0..ROWS).map(row).collect::<String>()
    }

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    fn both() -> [TableFile; 2] {
        let csv = csv();
        let parquet = Snapshot::of(&Table::from_csv(csv.as_bytes()).unwrap()).unwrap().bytes;
        [(csv.as_bytes(), FileFormat::Csv), (&parquet, FileFormat::Parquet)].map(|(content, format)| {
            let found = TableFile::survey(file(content), format).unwrap();
            assert_eq!((found.digest(), found.rows()), (Digest::of(content), ROWS as u64));
            found
        })
    }

    #[test]
    fn parts_from_any_row_are_the_rows_of_the_whole() {
        for mut file in both() {
            for (first, most) in [(0, 1000), (7, 9999), (19_000, 600), (19_999, 1)] {
                let wanted = vec![("charge".to_owned(), ColumnType::Float), ("id".to_owned(), ColumnType::Integer)];
                let mut batches = file.batches(wanted, first).unwrap();
                let mut ids = Vec::new();
                while let Some(table) = batches.read(most).unwrap() {
                    assert!(table.rows() <= most);
                    let mut schema: Vec<_> = table.schema().collect();
                    schema.sort_unstable_by_key(|(name, _)| *name);
                    assert_eq!(schema, [("charge", ColumnType::Float), ("id", ColumnType::Integer)]);
                    ids.extend(table.numbers("id").unwrap());
                }
                let expected: Vec<f64> = (first..ROWS as u64).map(|row| row as f64).collect();
                assert_eq!(ids, expected, "{first} {most}");
            }
        }
    }

    #[test]
    fn types_are_those_of_all_rows_and_numbers_can_be_read_as_texts() {
        let [mut csv, _] = both();
        assert_eq!(csv.column_type("charge").unwrap(), ColumnType::Float);
        assert_eq!(csv.column_type("plan").unwrap(), ColumnType::Integer);
        let mut batches = csv.batches(vec![("plan".to_owned(), ColumnType::Text)], 0).unwrap();
        let table = batches.read(2).unwrap().unwrap();
        assert_eq!(table.column("plan").unwrap(), crate::Column::Texts(vec![None, Some("12".into())]));
        drop(batches);
        assert!(matches!(csv.column_type("age"), Err(DataError::UnknownColumn { .. })));
    }

    #[test]
    fn a_file_that_reads_otherwise_the_second_time_is_refused() {
        let mut table = TableFile::survey(file(b"id,charge\n1,2\n3,4\n"), FileFormat::Csv).unwrap();
        let watched = table.watch().unwrap();
        assert!(watched.is_unchanged().unwrap());
        table.file.rewind().unwrap();
        table.file.write_all(b"id,charge\n1,x\n5,6\n7,8\n").unwrap();
        assert!(!watched.is_unchanged().unwrap());
        let mut batches = table.batches(vec![("charge".to_owned(), ColumnType::Float)], 0).unwrap();
        assert!(matches!(batches.read(10), Err(DataError::SourceChanged { column }) if column == "charge"));
    }

    #[test]
    fn a_file_without_rows_is_refused() {
        assert!(matches!(TableFile::survey(file(b"id\n"), FileFormat::Csv), Err(DataError::NoRows)));
        assert!(TableFile::survey(file(b"id\n1\n"), FileFormat::Parquet).is_err());
    }
}
