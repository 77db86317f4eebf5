//! Rows to be scored, as they are given on the command line or in a file.

use std::io::Read;

use lineal_proto::{
    inference::model_metadata_response::TensorMetadata,
    lineal::inference::v1::{Column, NumberColumn, TextColumn, column::Values},
};
use serde_json::Value;

use super::{error::CliError, parse};

/// Named columns of texts; the empty text is a missing value.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    names: Vec<String>,
    records: Vec<Vec<String>>,
}

impl Rows {
    /// The first `limit` rows of a CSV file with a header.
    pub(super) fn from_csv(source: impl Read, limit: usize) -> Result<Self, CliError> {
        let bad = |error: csv::Error| CliError::usage(format!("the rows are no CSV with a header: {error}"));
        let mut reader = csv::Reader::from_reader(source);
        let names = reader.headers().map_err(bad)?.iter().map(str::to_owned).collect();
        let mut records = vec![];
        for record in reader.records().take(limit) {
            records.push(record.map_err(bad)?.iter().map(str::to_owned).collect());
        }
        Self { names, records }.checked()
    }

    /// One row as `column=value,column=value`.
    pub(super) fn from_pairs(text: &str) -> Result<Self, CliError> {
        let pairs: Vec<_> = text
            .split(',')
            .map(|pair| parse::pair(pair).map_err(|problem| CliError::usage(format!("--row: {problem}"))))
            .collect::<Result<_, _>>()?;
        let (names, record) = pairs.into_iter().unzip();
        Self { names, records: vec![record] }.checked()
    }

    /// The first `limit` rows of a JSON object, or of an array of objects.
    pub(super) fn from_json(text: &str, limit: usize) -> Result<Self, CliError> {
        let value = serde_json::from_str(text).map_err(|error| CliError::usage(format!("--json: {error}")))?;
        let objects = if let Value::Array(objects) = value { objects } else { vec![value] };
        let mut rows = Self::default();
        for (index, object) in objects.into_iter().take(limit).enumerate() {
            let Value::Object(object) = object else {
                return Err(CliError::usage(format!("--json: row {} is not an object", index + 1)));
            };
            let mut record = vec![String::new(); rows.names.len()];
            for (name, value) in object {
                let text = plain(value).ok_or_else(|| {
                    CliError::usage(format!(
                        "--json: row {}: `{name}` is neither number, text, flag nor null",
                        index + 1
                    ))
                })?;
                let place = rows.names.iter().position(|known| *known == name).unwrap_or_else(|| {
                    rows.names.push(name);
                    record.push(String::new());
                    rows.names.len() - 1
                });
                record[place] = text;
            }
            rows.records.push(record);
        }
        let width = rows.names.len();
        rows.records.iter_mut().for_each(|record| record.resize(width, String::new()));
        rows.checked()
    }

    fn checked(self) -> Result<Self, CliError> {
        if self.names.is_empty() || self.records.is_empty() {
            return Err(CliError::usage("there are no rows to score"));
        }
        for (index, name) in self.names.iter().enumerate() {
            if self.names[..index].contains(name) {
                return Err(CliError::usage(format!("column `{name}` is given twice")));
            }
        }
        Ok(self)
    }

    /// The columns that the model's `signature` knows, in its types. What is missing is for the model to say.
    pub(super) fn columns(&self, signature: &[TensorMetadata]) -> Result<Vec<Column>, CliError> {
        let mut columns = vec![];
        for (place, name) in self.names.iter().enumerate() {
            let Some(tensor) = signature.iter().find(|tensor| tensor.name == *name) else { continue };
            let values = if tensor.datatype == "BYTES" { self.texts(place) } else { self.numbers(place)? };
            columns.push(Column { name: name.clone(), values: Some(values) });
        }
        Ok(columns)
    }

    /// All columns, as numbers where every value is one. A model that needs another type says so.
    pub(super) fn guessed_columns(&self) -> Vec<Column> {
        let column = |(place, name): (usize, &String)| {
            let values = self.numbers(place).unwrap_or_else(|_| self.texts(place));
            Column { name: name.clone(), values: Some(values) }
        };
        self.names.iter().enumerate().map(column).collect()
    }

    fn texts(&self, place: usize) -> Values {
        Values::Texts(TextColumn { values: self.records.iter().map(|record| record[place].clone()).collect() })
    }

    fn numbers(&self, place: usize) -> Result<Values, CliError> {
        let name = &self.names[place];
        let numbers = self.records.iter().enumerate().map(|(row, record)| number(name, row, &record[place]));
        Ok(Values::Numbers(NumberColumn { values: numbers.collect::<Result<_, _>>()? }))
    }
}

fn number(column: &str, row: usize, text: &str) -> Result<f64, CliError> {
    if text.is_empty() {
        return Ok(f64::NAN);
    }
    text.trim()
        .parse()
        .map_err(|_| CliError::usage(format!("row {}: column `{column}` needs a number, found `{text}`", row + 1)))
}

/// A JSON value as a field of a CSV file would have it.
fn plain(value: Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text),
        Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature() -> Vec<TensorMetadata> {
        [("state", "BYTES"), ("minutes", "FP64")]
            .map(|(name, datatype)| TensorMetadata {
                name: name.to_owned(),
                datatype: datatype.to_owned(),
                shape: vec![-1],
            })
            .to_vec()
    }

    fn numbers(rows: &Rows, column: &str) -> Vec<f64> {
        let columns = rows.columns(&signature()).unwrap();
        let column = columns.into_iter().find(|known| known.name == column).unwrap();
        match column.values {
            Some(Values::Numbers(numbers)) => numbers.values,
            other => panic!("not numbers: {other:?}"),
        }
    }

    #[test]
    fn the_three_ways_to_give_rows_agree() {
        let pairs = Rows::from_pairs("minutes=265.1,state=KS").unwrap();
        assert_eq!(pairs, Rows::from_csv("minutes,state\n265.1,KS\n".as_bytes(), 10).unwrap());
        assert_eq!(pairs, Rows::from_json(r#"{"minutes": 265.1, "state": "KS"}"#, 10).unwrap());
        assert_eq!(numbers(&pairs, "minutes"), [265.1]);
    }

    #[test]
    fn columns_have_the_types_of_the_signature() {
        let rows = Rows::from_csv("state,minutes,other\n415,1,x\nOH,,y\n".as_bytes(), 10).unwrap();
        let columns = rows.columns(&signature()).unwrap();
        assert_eq!(columns.len(), 2, "`other` is no input of the model");
        let texts = TextColumn { values: vec!["415".to_owned(), "OH".to_owned()] };
        assert_eq!(columns[0].values, Some(Values::Texts(texts)));
        assert!(numbers(&rows, "minutes")[1].is_nan(), "an empty field is a missing value");
    }

    #[test]
    fn without_a_signature_the_values_decide() {
        let columns = Rows::from_csv("state,minutes\nKS,1\nOH,\n".as_bytes(), 10).unwrap().guessed_columns();
        assert!(matches!(columns[0].values, Some(Values::Texts(_))), "{columns:?}");
        assert!(matches!(columns[1].values, Some(Values::Numbers(_))), "{columns:?}");
    }

    #[test]
    fn the_limit_counts_rows() {
        assert_eq!(numbers(&Rows::from_csv("minutes\n1\n2\n3\n".as_bytes(), 2).unwrap(), "minutes"), [1.0, 2.0]);
        let json = Rows::from_json(r#"[{"minutes": 1}, {"state": "OH", "minutes": 2}]"#, 2).unwrap();
        assert_eq!(numbers(&json, "minutes"), [1.0, 2.0]);
    }

    #[test]
    fn rows_that_cannot_be_read_are_wrong_usage() {
        let many = [
            Rows::from_pairs("minutes"),
            Rows::from_pairs("a=1,a=2"),
            Rows::from_json("{", 1),
            Rows::from_json("[1]", 1),
            Rows::from_json(r#"{"a": []}"#, 1),
            Rows::from_json("[]", 1),
            Rows::from_csv("a,b\n1\n".as_bytes(), 1),
            Rows::from_csv("a,b\n".as_bytes(), 1),
        ];
        for rows in many {
            assert!(matches!(rows, Err(CliError::Usage { .. })), "{rows:?}");
        }
        let error = Rows::from_pairs("minutes=many").unwrap().columns(&signature()).unwrap_err();
        assert_eq!(error.to_string(), "row 1: column `minutes` needs a number, found `many`");
    }
}
