//! Reading CSV.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, StringArray, StringBuilder};
use csv::{ByteRecord, ReaderBuilder};

use crate::{DataError, Table, table::check_names};

/// Texts are addressed by 32-bit offsets.
const MAX_BYTES: usize = i32::MAX as usize;

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
    /// [`DataError::InvalidUtf8`], [`DataError::FileTooLarge`].
    pub fn from_csv(bytes: &[u8]) -> Result<Self, DataError> {
        if bytes.len() > MAX_BYTES {
            return Err(DataError::FileTooLarge { bytes: bytes.len(), limit: MAX_BYTES });
        }
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        let mut record = ByteRecord::new();
        if !reader.read_byte_record(&mut record)? {
            return Err(DataError::NoColumns);
        }
        let names = header(&record)?;
        let mut columns: Vec<_> = names.iter().map(|_| StringBuilder::new()).collect();
        let mut rows = 0;
        while reader.read_byte_record(&mut record)? {
            append(&record, &names, &mut columns)?;
            rows += 1;
        }
        if rows == 0 {
            return Err(DataError::NoRows);
        }
        Self::new(names.into_iter().zip(columns.into_iter().map(|mut column| typed(column.finish()))).collect())
    }
}

fn header(record: &ByteRecord) -> Result<Vec<String>, DataError> {
    let name = |field: &[u8]| match std::str::from_utf8(field) {
        Ok(name) => Ok(name.to_owned()),
        Err(_) => Err(DataError::InvalidUtf8 { line: 1, column: String::from_utf8_lossy(field).into_owned() }),
    };
    let names = record.iter().map(name).collect::<Result<Vec<_>, _>>()?;
    check_names(names.iter().map(String::as_str))?;
    Ok(names)
}

fn append(record: &ByteRecord, names: &[String], columns: &mut [StringBuilder]) -> Result<(), DataError> {
    let line = record.position().map_or(0, csv::Position::line);
    if record.len() != names.len() {
        return Err(DataError::RaggedRow { line, expected: names.len(), found: record.len() });
    }
    for ((field, name), column) in record.iter().zip(names).zip(columns) {
        if field.is_empty() {
            column.append_null();
            continue;
        }
        let text = std::str::from_utf8(field).map_err(|_| DataError::InvalidUtf8 { line, column: name.clone() })?;
        column.append_value(text);
    }
    Ok(())
}

/// The narrowest type that holds every value.
fn typed(texts: StringArray) -> ArrayRef {
    let integers = parse_all(&texts, |text| text.parse::<i64>().ok());
    if let Some(integers) = integers.filter(|_| texts.null_count() < texts.len()) {
        return Arc::new(Int64Array::from(integers));
    }
    match parse_all(&texts, |text| text.parse::<f64>().ok().filter(|value| value.is_finite())) {
        Some(floats) => Arc::new(Float64Array::from(floats)),
        None => Arc::new(texts),
    }
}

/// All values, or nothing if one of them does not parse.
fn parse_all<T>(texts: &StringArray, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<Option<T>>> {
    let parse = |text: &str| if looks_numeric(text) { parse(text) } else { None };
    texts.iter().map(|text| text.map_or(Some(None), |text| parse(text).map(Some))).collect()
}

/// Digits, at most one of them zero before others, and what goes with them: no `inf`, no `nan`, no `007`.
fn looks_numeric(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text).as_bytes();
    let padded = matches!(digits, [b'0', b'0'..=b'9', ..]);
    let begins = matches!(digits, [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..]);
    begins && !padded
}

#[cfg(test)]
mod tests {
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
}
