//! Rows of a query on PostgreSQL.
//!
//! | type | column |
//! | --- | --- |
//! | smallint, integer, bigint | integers |
//! | real, double precision, numeric | floats; NaN is missing |
//! | text, varchar, char, name, uuid | texts; the empty one is missing |
//! | date | texts like `2025-01-15` |
//! | timestamp, timestamptz | texts like `2025-01-15T14:30:22Z`, in UTC |
//! | boolean | booleans |
//!
//! NULL is a missing value. Every other type is refused: cast it in the query.

use std::{fmt::Write as _, str::FromStr as _, time::Duration};

use futures::TryStreamExt as _;
use lineal_data::{ColumnType, DataError, Table, Value};
use lineal_kernel::Timestamp;
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Decode, Postgres, Row as _, TypeInfo as _, ValueRef as _,
    postgres::{PgConnectOptions, PgRow, PgValueRef},
};
use tokio::{sync::mpsc, time::timeout};

use super::{Trouble, spool::Sink};
use crate::domain::Query;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// 2000-01-01T00:00:00Z, from which PostgreSQL counts, in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;
const DAY: i64 = 86_400_000_000;

/// Sends the rows of `query`.
pub(super) async fn read(address: &str, query: &Query, tables: mpsc::Sender<Table>) -> Result<(), Trouble> {
    let options = PgConnectOptions::from_str(address)?;
    let connecting = timeout(CONNECT, options.connect()).await;
    let mut connection = connecting.map_err(|_| Trouble::Unavailable("it does not answer".to_owned()))??;
    sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").execute(&mut connection).await?;
    let mut rows = sqlx::query(AssertSqlSafe(query.as_str())).persistent(false).fetch(&mut connection);
    let Some(mut row) = rows.try_next().await? else { return Err(DataError::NoRows.into()) };
    let kinds = kinds(&row)?;
    let columns = row.columns().iter().zip(&kinds).map(|(column, kind)| (column.name().to_owned(), kind.column_type()));
    let mut sink = Sink::new(&columns.collect::<Vec<_>>(), tables)?;
    loop {
        for (position, kind) in kinds.iter().enumerate() {
            push(&mut sink, &row, position, *kind)?;
        }
        if !sink.end_row().await? {
            return Ok(());
        }
        match rows.try_next().await? {
            Some(next) => row = next,
            None => return Ok(sink.finish().await?),
        }
    }
}

/// The types whose values a table can hold.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Uuid,
    Date,
    Timestamp,
    Boolean,
}

impl Kind {
    fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "INT2" => Self::Int2,
            "INT4" => Self::Int4,
            "INT8" => Self::Int8,
            "FLOAT4" => Self::Float4,
            "FLOAT8" => Self::Float8,
            "NUMERIC" => Self::Numeric,
            "TEXT" | "VARCHAR" | "CHAR" | "NAME" => Self::Text,
            "UUID" => Self::Uuid,
            "DATE" => Self::Date,
            "TIMESTAMP" | "TIMESTAMPTZ" => Self::Timestamp,
            "BOOL" => Self::Boolean,
            _ => return None,
        })
    }

    fn column_type(self) -> ColumnType {
        match self {
            Self::Int2 | Self::Int4 | Self::Int8 => ColumnType::Integer,
            Self::Float4 | Self::Float8 | Self::Numeric => ColumnType::Float,
            Self::Text | Self::Uuid | Self::Date | Self::Timestamp => ColumnType::Text,
            Self::Boolean => ColumnType::Boolean,
        }
    }
}

fn kinds(row: &PgRow) -> Result<Vec<Kind>, DataError> {
    let kind = |column: &sqlx::postgres::PgColumn| {
        let found = column.type_info().name();
        let unsupported =
            || DataError::UnsupportedType { column: column.name().to_owned(), found: found.to_ascii_lowercase() };
        Kind::of(found).ok_or_else(unsupported)
    };
    row.columns().iter().map(kind).collect()
}

fn push(sink: &mut Sink, row: &PgRow, position: usize, kind: Kind) -> Result<(), Trouble> {
    let value = row.try_get_raw(position)?;
    if value.is_null() {
        return Ok(sink.push(position, Value::Missing)?);
    }
    match kind {
        Kind::Int2 => sink.push(position, Value::Integer(decoded::<i16>(value)?.into()))?,
        Kind::Int4 => sink.push(position, Value::Integer(decoded::<i32>(value)?.into()))?,
        Kind::Int8 => sink.push(position, Value::Integer(decoded(value)?))?,
        Kind::Float4 => sink.push(position, Value::Float(decoded::<f32>(value)?.into()))?,
        Kind::Float8 => sink.push(position, Value::Float(decoded(value)?))?,
        Kind::Numeric => sink.push(position, Value::Float(numeric(bytes(&value)?).ok_or_else(odd)?))?,
        Kind::Text => sink.push(position, Value::Text(decoded(value)?))?,
        Kind::Uuid => {
            let id = uuid::Uuid::from_slice(bytes(&value)?).map_err(|_| odd())?;
            sink.push(position, Value::Text(&id.to_string()))?;
        }
        Kind::Date => sink.push(position, Value::Text(&date(bytes(&value)?).ok_or_else(odd)?))?,
        Kind::Timestamp => sink.push(position, Value::Text(&moment(bytes(&value)?).ok_or_else(odd)?))?,
        Kind::Boolean => sink.push(position, Value::Boolean(decoded(value)?))?,
    }
    Ok(())
}

fn decoded<'r, T: Decode<'r, Postgres>>(value: PgValueRef<'r>) -> Result<T, Trouble> {
    T::decode(value).map_err(|error| sqlx::Error::Decode(error).into())
}

fn bytes<'r>(value: &PgValueRef<'r>) -> Result<&'r [u8], Trouble> {
    value.as_bytes().map_err(|error| sqlx::Error::Decode(error).into())
}

/// A value that no table can hold, or bytes that are none.
fn odd() -> Trouble {
    Trouble::Refused("it sent a number or a date outside the usual range; cast it in the query".to_owned())
}

/// Days since 2000 as ISO 8601; `infinity` is none.
fn date(bytes: &[u8]) -> Option<String> {
    let days = i32::from_be_bytes(bytes.try_into().ok()?);
    let moment = iso(i64::from(days).checked_mul(DAY)?)?;
    Some(moment.split_once('T')?.0.to_owned())
}

/// Microseconds since 2000 as ISO 8601; `infinity` is none.
fn moment(bytes: &[u8]) -> Option<String> {
    iso(i64::from_be_bytes(bytes.try_into().ok()?))
}

fn iso(micros: i64) -> Option<String> {
    let text = Timestamp::from_micros(micros.checked_add(EPOCH)?).to_string();
    // Years of four digits only.
    (text.find('T') == Some(10)).then_some(text)
}

/// The binary form of a numeric: digits of base 10,000, the first of which counts 10,000 to the power of `weight`.
fn numeric(bytes: &[u8]) -> Option<f64> {
    let mut words = bytes.chunks_exact(2).map(|word| u16::from_be_bytes([word[0], word[1]]));
    let (count, weight, sign, _scale) = (words.next()?, words.next()? as i16, words.next()?, words.next()?);
    let sign = match sign {
        0x0000 => "",
        0x4000 => "-",
        0xc000 => return Some(f64::NAN),
        _ => return None,
    };
    let mut digits = String::new();
    for digit in words {
        let _ = write!(digits, "{digit:04}");
    }
    if digits.len() != 4 * usize::from(count) {
        return None;
    }
    let exponent = 4 * (i32::from(weight) + 1 - i32::from(count));
    // Read as a decimal number, it is rounded once.
    format!("{sign}0{digits}e{exponent}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn a_numeric_is_read_to_the_nearest_double() {
        for (form, expected) in [
            (vec![0, 0, 0, 0], 0.0),
            (vec![2, 0, 0, 2, 1, 2500], 1.25),
            (vec![2, 0, 0x4000, 1, 12, 3000], -12.3),
            (vec![1, 2, 0, 0, 7], 7e8),
            (vec![1, 0xfffe, 0, 8, 42], 42e-8),
            (vec![5, 4, 0, 0, 900, 7199, 2547, 4099, 3000], 9_007_199_254_740_993_000.0),
        ] {
            assert_eq!(numeric(&words(&form)), Some(expected), "{form:?}");
        }
        assert!(numeric(&words(&[0, 0, 0xc000, 0])).unwrap().is_nan());
        assert_eq!(numeric(&words(&[0, 0, 0xd000, 0])), None);
        assert_eq!(numeric(&words(&[2, 0, 0, 0, 1])), None);
    }

    #[test]
    fn dates_are_as_iso_8601_writes_them() {
        assert_eq!(date(&0_i32.to_be_bytes()).as_deref(), Some("2000-01-01"));
        assert_eq!(date(&9146_i32.to_be_bytes()).as_deref(), Some("2025-01-15"));
        assert_eq!(date(&(-1_i32).to_be_bytes()).as_deref(), Some("1999-12-31"));
        assert_eq!(date(&i32::MAX.to_be_bytes()), None);
        assert_eq!(moment(&1_500_000_i64.to_be_bytes()).as_deref(), Some("2000-01-01T00:00:01.5Z"));
        assert_eq!(moment(&i64::MAX.to_be_bytes()), None);
    }
}
