//! Rows of a query on a file of SQLite.
//!
//! | all values that are there | column |
//! | --- | --- |
//! | INTEGER | integers |
//! | REAL, or REAL and INTEGER | floats |
//! | TEXT | texts; the empty one is missing |
//! | none | floats |
//!
//! NULL is a missing value. A BLOB, or texts among numbers, are refused: cast them in the query. Columns of SQLite do not have types,
//! values do, so the query runs twice in one transaction: to find the types, and to read the values.

use std::{path::Path, time::Duration};

use futures::TryStreamExt as _;
use lineal_data::{ColumnType, DataError, Table, Value};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Decode, Row as _, Sqlite, SqliteConnection, TypeInfo as _,
    ValueRef as _,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use tokio::sync::mpsc;

use super::{Trouble, spool::Sink};
use crate::domain::Query;

/// How long to wait for a writer of the file.
const BUSY: Duration = Duration::from_secs(10);

/// Sends the rows of `query`, which is one statement: SQLite would run a second one as well, and `ATTACH` reaches other files.
pub(super) async fn read(path: &Path, query: &Query, tables: mpsc::Sender<Table>) -> Result<(), Trouble> {
    if let Some(parameter) = query.parameter() {
        let problem = "is a parameter and has no value; write the value, or put the name in quotes";
        return Err(Trouble::Refused(format!("`{parameter}` {problem}")));
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY);
    let mut connection = options.connect().await?;
    // One moment for both looks.
    sqlx::query("BEGIN").execute(&mut connection).await?;
    let columns = survey(&mut connection, query).await?;
    let mut sink = Sink::new(&columns, tables)?;
    let mut rows = sqlx::query(AssertSqlSafe(query.as_str())).persistent(false).fetch(&mut connection);
    while let Some(row) = rows.try_next().await? {
        for position in 0..columns.len() {
            push(&mut sink, &row, position)?;
        }
        if !sink.end_row().await? {
            return Ok(());
        }
    }
    Ok(sink.finish().await?)
}

/// What has been seen in a column.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Nothing,
    Integers,
    Floats,
    Texts,
}

/// Names and types of the columns.
async fn survey(connection: &mut SqliteConnection, query: &Query) -> Result<Vec<(String, ColumnType)>, Trouble> {
    let mut rows = sqlx::query(AssertSqlSafe(query.as_str())).persistent(false).fetch(connection);
    let mut columns: Vec<(String, Seen)> = Vec::new();
    while let Some(row) = rows.try_next().await? {
        if columns.is_empty() {
            columns = row.columns().iter().map(|column| (column.name().to_owned(), Seen::Nothing)).collect();
        }
        for (position, (name, seen)) in columns.iter_mut().enumerate() {
            *seen = with(name, *seen, kind(&row, position)?)?;
        }
    }
    if columns.is_empty() {
        return Err(DataError::NoRows.into());
    }
    let column_type = |seen| match seen {
        Seen::Integers => ColumnType::Integer,
        Seen::Nothing | Seen::Floats => ColumnType::Float,
        Seen::Texts => ColumnType::Text,
    };
    Ok(columns.into_iter().map(|(name, seen)| (name, column_type(seen))).collect())
}

/// The storage class of a value; NULL for a missing one.
fn kind(row: &SqliteRow, position: usize) -> Result<String, Trouble> {
    let value = row.try_get_raw(position)?;
    Ok(if value.is_null() { "NULL".to_owned() } else { value.type_info().name().to_owned() })
}

/// What has been seen with another value.
fn with(column: &str, seen: Seen, kind: String) -> Result<Seen, DataError> {
    let found = match kind.as_str() {
        "NULL" => return Ok(seen),
        "INTEGER" => Seen::Integers,
        "REAL" => Seen::Floats,
        "TEXT" => Seen::Texts,
        _ => return Err(DataError::UnsupportedType { column: column.to_owned(), found: kind }),
    };
    match (seen, found) {
        (Seen::Nothing, found) => Ok(found),
        (seen, found) if seen == found => Ok(seen),
        (Seen::Integers | Seen::Floats, Seen::Integers | Seen::Floats) => Ok(Seen::Floats),
        _ => Err(DataError::UnsupportedType { column: column.to_owned(), found: "TEXT among numbers".to_owned() }),
    }
}

fn push(sink: &mut Sink, row: &SqliteRow, position: usize) -> Result<(), Trouble> {
    let value = || row.try_get_raw(position);
    let undecodable = |error| Trouble::from(sqlx::Error::Decode(error));
    match kind(row, position)?.as_str() {
        "NULL" => sink.push(position, Value::Missing)?,
        "INTEGER" => {
            let integer = <i64 as Decode<Sqlite>>::decode(value()?).map_err(undecodable)?;
            sink.push(position, Value::Integer(integer))?;
        }
        "REAL" => {
            let float = <f64 as Decode<Sqlite>>::decode(value()?).map_err(undecodable)?;
            sink.push(position, Value::Float(float))?;
        }
        _ => {
            let text = <String as Decode<Sqlite>>::decode(value()?).map_err(undecodable)?;
            sink.push(position, Value::Text(&text))?;
        }
    }
    Ok(())
}
