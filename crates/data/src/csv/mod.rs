//! Reading CSV.

mod batches;
mod column;
mod number;
mod parallel;
mod part;
mod plain;
mod records;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Seek as _},
    os::unix::fs::FileExt as _,
};

use arrow::array::ArrayRef;
use rayon::prelude::*;

use crate::{
    DataError, Sampled, Table,
    sample::{Limit, Sampler},
    table::check_names,
};
pub(crate) use batches::CsvBatches;
use column::ColumnReader;
use records::{Record, Records};

/// Rows between two looks at the memory, and rows hashed together.
const BATCH: usize = 8192;
/// Bytes that one thread fetches.
const PIECE: usize = 1 << 20;

impl Table {
    /// Reads a CSV file: UTF-8, comma, a header row, `"` for quoting; blank lines are skipped.
    ///
    /// An empty field, quoted or not, is a missing value; `NA`, `null` and the like are texts, and blanks are not
    /// trimmed. A column is of integers if all its values are 64-bit integers, else of floats if all are finite decimal
    /// numbers, else of texts. A number with a superfluous leading zero, as in a postal code, makes its column texts. A
    /// column without any value is of floats.
    ///
    /// # Errors
    /// Names the line and column of what is wrong: [`DataError::NoColumns`], [`DataError::NoRows`],
    /// [`DataError::UnnamedColumn`], [`DataError::DuplicateColumn`], [`DataError::RaggedRow`],
    /// [`DataError::InvalidUtf8`], [`DataError::NulByte`], [`DataError::RecordTooLong`],
    /// [`DataError::TooManyColumns`], [`DataError::ColumnTooLarge`].
    pub fn from_csv(bytes: &[u8]) -> Result<Self, DataError> {
        Ok(Self::sample_csv(bytes, Limit::NONE)?.table)
    }

    /// Reads as much of a CSV file as `limit` allows, several parts of it at once if they can be told apart.
    ///
    /// # Errors
    /// As [`Table::from_csv`], and [`DataError::LimitTooSmall`] if no row would fit.
    pub fn sample_csv(bytes: &[u8], limit: Limit) -> Result<Sampled, DataError> {
        match parallel::read(bytes, limit.bytes) {
            Some(table) => Ok(Sampled { rows: table.rows(), table, sample: None }),
            None => Self::read_csv(|| Ok(bytes), limit),
        }
    }

    /// Reads as much of the CSV file `file` as `limit` allows: at once if it is no larger than its table may be, else piece by piece.
    ///
    /// # Errors
    /// As [`Table::read_csv`].
    pub fn read_csv_file(file: &File, limit: Limit) -> Result<Sampled, DataError> {
        if file.metadata()?.len() <= limit.bytes as u64 {
            return Self::sample_csv(&whole(file)?, limit);
        }
        // Each reader begins at the beginning: they have one position between them.
        let open = || {
            let mut file = file.try_clone()?;
            file.rewind()?;
            Ok(BufReader::new(file))
        };
        Self::read_csv(open, limit)
    }

    /// Reads a CSV file that `open` opens anew each time, holding no more of it than `limit` and one sample allow.
    ///
    /// # Errors
    /// As [`Table::from_csv`], [`DataError::Io`], and [`DataError::LimitTooSmall`] if no row would fit.
    pub fn read_csv<R: BufRead>(open: impl Fn() -> std::io::Result<R>, limit: Limit) -> Result<Sampled, DataError> {
        let first = survey(Records::new(open()?), limit)?;
        if let Some(sampler) = first.sampler(limit)? {
            return first.sample(Records::new(open()?), sampler);
        }
        let again = if first.columns.iter().any(ColumnReader::is_dropped) {
            first.again(Records::new(open()?))?
        } else {
            Vec::new()
        };
        let rows = first.rows;
        Ok(Sampled { table: first.into_table(again)?, rows, sample: None })
    }
}

/// The bytes of a file, which several threads fetch at once.
fn whole(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; file.metadata()?.len() as usize];
    let pieces = bytes.par_chunks_mut(PIECE).enumerate();
    pieces.map(|(piece, bytes)| file.read_exact_at(bytes, (piece * PIECE) as u64)).collect::<io::Result<()>>()?;
    Ok(bytes)
}

/// What the first pass over a file found.
struct Survey {
    names: Vec<String>,
    columns: Vec<ColumnReader>,
    rows: usize,
}

/// Reads everything and finds the type of each column; forgets the values if they are too many.
fn survey<R: BufRead>(mut records: Records<R>, limit: Limit) -> Result<Survey, DataError> {
    let names = header(records.next()?.ok_or(DataError::NoColumns)?)?;
    let survey = rows_of(records, names, limit.bytes)?;
    if survey.rows == 0 {
        return Err(DataError::NoRows);
    }
    Ok(survey)
}

/// Reads the rows of `names`; forgets their values beyond `limit` bytes.
fn rows_of<R: BufRead>(mut records: Records<R>, names: Vec<String>, limit: usize) -> Result<Survey, DataError> {
    let mut columns: Vec<_> = names.iter().map(|_| ColumnReader::new()).collect();
    let mut rows = 0;
    let mut forget = false;
    while let Some(record) = records.next()? {
        append(record, &names, &mut columns)?;
        rows += 1;
        if rows % BATCH == 0 {
            forget |= columns.iter().map(ColumnReader::bytes).sum::<usize>() > limit;
            if forget {
                columns.iter_mut().for_each(ColumnReader::forget);
            }
            check_texts(&names, &columns)?;
        }
    }
    check_texts(&names, &columns)?;
    Ok(Survey { names, columns, rows })
}

impl Survey {
    /// How to choose the rows of a table that is too large.
    fn sampler(&self, limit: Limit) -> Result<Option<Sampler>, DataError> {
        limit.sampler(self.columns.iter().map(ColumnReader::bytes).sum())
    }

    /// A second look at the columns whose values turned out to be of a wider type.
    fn again<R: BufRead>(&self, mut records: Records<R>) -> Result<Vec<ArrayRef>, DataError> {
        let wanted: Vec<_> = self.columns.iter().map(ColumnReader::is_dropped).collect();
        let mut columns: Vec<_> = self.dropped().map(|(_, column)| ColumnReader::of(column.column_type())).collect();
        records.next()?;
        while let Some(record) = records.next()? {
            let fields = fields(record, &self.names)?;
            let fields = fields.zip(&wanted).filter_map(|(field, wanted)| wanted.then_some(field));
            columns.iter_mut().zip(fields).for_each(|(column, field)| column.push(field));
        }
        self.dropped().zip(columns).map(|((name, _), column)| column.finish(name)).collect()
    }

    /// A second look at all columns that keeps the rows of the sample.
    fn sample<R: BufRead>(&self, mut records: Records<R>, mut sampler: Sampler) -> Result<Sampled, DataError> {
        let readers =
            || -> Vec<_> { self.columns.iter().map(|column| ColumnReader::of(column.column_type())).collect() };
        let (mut columns, mut rows) = (readers(), 0);
        records.next()?;
        while let Some(record) = records.next()? {
            append(record, &self.names, &mut columns)?;
            rows += 1;
            if rows % BATCH == 0 {
                sampler.add(&table(&self.names, std::mem::replace(&mut columns, readers()))?)?;
            }
        }
        if rows % BATCH > 0 {
            sampler.add(&table(&self.names, columns)?)?;
        }
        sampler.finish()
    }

    fn into_table(self, again: Vec<ArrayRef>) -> Result<Table, DataError> {
        let mut again = again.into_iter();
        let array = |(name, column): (String, ColumnReader)| {
            let found = if column.is_dropped() { again.next() } else { None };
            let array = found.map_or_else(|| column.finish(&name), Ok)?;
            Ok((name, array))
        };
        Table::new(self.names.into_iter().zip(self.columns).map(array).collect::<Result<_, DataError>>()?)
    }

    /// The columns whose values have to be read again.
    fn dropped(&self) -> impl Iterator<Item = (&String, &ColumnReader)> {
        self.names.iter().zip(&self.columns).filter(|(_, column)| column.is_dropped())
    }
}
fn header(record: Record<'_>) -> Result<Vec<String>, DataError> {
    let shown = |_, field: &[u8]| String::from_utf8_lossy(field).into_owned();
    let names: Vec<_> = record.texts(shown)?.map(str::to_owned).collect();
    check_names(names.iter().map(String::as_str))?;
    Ok(names)
}

/// The fields of a record that is as long as the header.
fn fields<'a>(record: Record<'a>, names: &[String]) -> Result<impl Iterator<Item = &'a str>, DataError> {
    if record.len() != names.len() {
        return Err(DataError::RaggedRow { line: record.line, expected: names.len(), found: record.len() });
    }
    record.texts(|position, _| names[position].clone())
}

fn append(record: Record<'_>, names: &[String], columns: &mut [ColumnReader]) -> Result<(), DataError> {
    columns.iter_mut().zip(fields(record, names)?).for_each(|(column, field)| column.push(field));
    Ok(())
}

fn check_texts(names: &[String], columns: &[ColumnReader]) -> Result<(), DataError> {
    match names.iter().zip(columns).find(|(_, column)| !column.fits()) {
        Some((name, _)) => Err(DataError::ColumnTooLarge { column: name.clone() }),
        None => Ok(()),
    }
}

fn table(names: &[String], columns: Vec<ColumnReader>) -> Result<Table, DataError> {
    let array = |(name, column): (&String, ColumnReader)| Ok((name.clone(), column.finish(name)?));
    Table::new(names.iter().zip(columns).map(array).collect::<Result<_, DataError>>()?)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::{Column, ColumnType};

    fn types(csv: &str) -> Vec<ColumnType> {
        Table::from_csv(csv.as_bytes()).unwrap().schema().map(|(_, column_type)| column_type).collect()
    }

    fn error(csv: &[u8]) -> String {
        Table::from_csv(csv).unwrap_err().to_string()
    }

    #[test]
    fn types_are_inferred_over_all_rows() {
        use ColumnType::{Float, Integer, Text};
        assert_eq!(types("a,b,c\n1,1,1\n-2,2.5,x\n+3,1e-3,2\n"), [Integer, Float, Text]);
        assert_eq!(types("a,b,c\n,,NA\n7,.5,1\n"), [Integer, Float, Text]);
        assert_eq!(types("a,b\n,9223372036854775808\n,1\n"), [Float, Float]);
    }

    #[test]
    fn what_only_resembles_a_number_stays_text() {
        for text in ["nan", "NaN", "inf", "-Infinity", "1e999", "02134", "-01", " 1", "1 ", "1_000", "0x1f", "+"] {
            assert_eq!(types(&format!("a\n{text}\n"))[0], ColumnType::Text, "{text}");
        }
        assert_eq!(types("a\n0\n0.5\n-0.5\n")[0], ColumnType::Float);
    }

    #[test]
    fn quoted_fields_hold_commas_quotes_and_lines() {
        let table = Table::from_csv(b"\xef\xbb\xbfa,b\r\n\"x, \"\"y\"\"\nz\",\"\"\r\n").unwrap();
        assert_eq!(table.column("a").unwrap(), Column::Texts(vec![Some("x, \"y\"\nz".into())]));
        assert!(table.numbers("b").unwrap()[0].is_nan());
    }

    #[test]
    fn a_bad_file_is_refused_with_the_place_of_the_problem() {
        assert!(matches!(Table::from_csv(b""), Err(DataError::NoColumns)));
        assert!(matches!(Table::from_csv(b"a,b\n"), Err(DataError::NoRows)));
        assert!(matches!(Table::from_csv(b"a,,b\n1,2,3\n"), Err(DataError::UnnamedColumn { position: 1 })));
        assert_eq!(error(b"a,b,a\n1,2,3\n"), "column `a` appears twice, rename one of them");
        assert_eq!(error(b"a,b\n1,2\n3\n"), "line 3 has 1 fields, the header has 2");
        assert_eq!(error(b"a,b\n1,2,3\n"), "line 2 has 3 fields, the header has 2");
        assert_eq!(error(b"a,b\n1,2\n3,\xff\n"), "line 3, column `b`: not UTF-8, save the file as UTF-8");
        assert_eq!(error(b"a,\xff\n1,2\n"), "line 1, column `\u{fffd}`: not UTF-8, save the file as UTF-8");
    }

    #[test]
    fn a_column_that_turns_out_wider_keeps_what_was_written() {
        let rows = |last: &str| format!("a,b\n-0,1\n2,+7\n{last},x\n");
        let table = Table::from_csv(rows("0.5").as_bytes()).unwrap();
        assert!(table.numbers("a").unwrap()[0].is_sign_negative());
        assert_eq!(table.column("b").unwrap(), Column::Texts(["1", "+7", "x"].map(|text| Some(text.into())).to_vec()));
        let table = Table::from_csv(rows("late").as_bytes()).unwrap();
        assert_eq!(
            table.column("a").unwrap(),
            Column::Texts(["-0", "2", "late"].map(|text| Some(text.into())).to_vec())
        );
        let table = Table::from_csv(b"a\n9007199254740993\n0.5\n").unwrap();
        assert_eq!(table.numbers("a").unwrap(), [9_007_199_254_740_992.0, 0.5]);
    }

    #[test]
    fn lines_are_counted_with_the_line_breaks_of_any_system() {
        assert_eq!(error(b"a,b\r\n1,2\r\n3\r\n"), "line 3 has 1 fields, the header has 2");
        assert_eq!(error(b"\n\na,b\n\n1,2\n\n3\n"), "line 7 has 1 fields, the header has 2");
        assert_eq!(error(b"a,b\n1,\"x\ny\"\n3\n"), "line 4 has 1 fields, the header has 2");
        assert_eq!(Table::from_csv(b"a,b\r1,2\r3,4\r").unwrap().rows(), 2);
    }

    #[test]
    fn other_encodings_are_told_with_their_place() {
        let utf16: Vec<u8> = "a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(matches!(Table::from_csv(&utf16), Err(DataError::NulByte { line: 1, .. })));
        assert_eq!(error(b"a,b\n1,\0\n"), "line 2, column `b`: holds a NUL byte, save the file as UTF-8");
        // Two halves of one letter are no text, though side by side they would be.
        assert_eq!(error(b"a,b\n\xc3,\xa9\n"), "line 2, column `a`: not UTF-8, save the file as UTF-8");
        assert_eq!(error(b"a,b\n1,caf\xe9\n"), "line 2, column `b`: not UTF-8, save the file as UTF-8");
    }

    /// `head`, then the same byte for ever, of which it tells how many were taken.
    struct Endless<'a>(&'a [u8], u8, &'a std::cell::Cell<usize>);

    impl std::io::Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let head = self.0.len().min(buffer.len());
            buffer[..head].copy_from_slice(&self.0[..head]);
            self.0 = &self.0[head..];
            buffer[head..].fill(self.1);
            self.2.set(self.2.get() + buffer.len());
            Ok(buffer.len())
        }
    }

    fn endless(head: &[u8], byte: u8) -> (DataError, usize) {
        let taken = std::cell::Cell::new(0);
        let open = || Ok(std::io::BufReader::new(Endless(head, byte, &taken)));
        (Table::read_csv(open, Limit::NONE).unwrap_err(), taken.get())
    }

    #[test]
    fn a_field_or_a_header_without_end_is_given_up() {
        let (error, taken) = endless(b"a,b\n1,\"", b'x');
        assert!(matches!(error, DataError::RecordTooLong { line: 2, field: 2, .. }), "{error}");
        assert!(taken < 2 * records::MAX_RECORD, "{taken}");
        let (error, taken) = endless(b"a", b',');
        assert!(matches!(error, DataError::TooManyColumns { line: 1, .. }), "{error}");
        assert!(taken < 4 * records::MAX_COLUMNS, "{taken}");
    }

    /// The same by the reader that goes from the first line to the last.
    fn in_order(csv: &[u8]) -> Result<Table, DataError> {
        Table::read_csv(|| Ok(csv), Limit::NONE).map(|sampled| sampled.table)
    }

    #[test]
    fn files_without_quotes_are_what_the_parser_finds() {
        for csv in [
            "a,b\n1,2\n3,",
            "a,b\n1,2\n\n3,4",
            "a,b\r\n1,\r\n-5,.5\r\n\r\n",
            "a,b\n1,2\r3,4\n",
            "a\n1\n\n-0\n",
            "a,b\n1.5,x\n2,7\n+3,07\n",
            "a,b\n,\n,\n",
            "a,b\n1,2,3\n",
            "a,b\n1,2\n3\n",
        ] {
            assert_eq!(Table::from_csv(csv.as_bytes()).ok(), in_order(csv.as_bytes()).ok(), "{csv}");
        }
    }

    #[test]
    fn parts_read_at_once_are_the_file_read_in_order() {
        let rows = 200_000;
        let file = |odd: &str, at: usize| {
            let mut csv = "\u{feff}id,part,wide,text,late\r\n".to_owned();
            for row in 0..rows {
                let part = if row < rows / 2 { "" } else { "7" };
                let wide = if row == at { odd } else { "12" };
                let late = if row == rows - 1 { "0.5" } else { "" };
                let _ = write!(csv, "{row},{part},{wide},caf\u{e9} {},{late}\r\n", row % 7);
            }
            csv
        };
        for odd in ["12", "0.5", "-0", "x", ""] {
            let csv = file(odd, rows - 3);
            let table = Table::from_csv(csv.as_bytes()).unwrap();
            assert_eq!(table, in_order(csv.as_bytes()).unwrap(), "{odd}");
            assert_eq!(table.rows(), rows);
        }
        let good = file("12", 0);
        assert!(parallel::read(good.as_bytes(), usize::MAX).is_some());
        assert!(parallel::read(good.as_bytes(), good.len()).is_none());
        let bad = good.replacen("150000,7,12", "150000,7", 1);
        assert_eq!(error(bad.as_bytes()), "line 150002 has 4 fields, the header has 5");
        let blank = good.replacen("50000,,12", "\r\n50000,,12", 1);
        assert_eq!(Table::from_csv(blank.as_bytes()).unwrap(), in_order(good.as_bytes()).unwrap());
        let quoted = good.replacen("150000,7,12", "150000,7,\"1\n2\"", 1);
        assert_eq!(Table::from_csv(quoted.as_bytes()).unwrap().rows(), rows);
    }
}
