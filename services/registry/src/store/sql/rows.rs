//! Between rows and the domain. What the database holds was checked when it was written; if it does not read back, the file is
//! damaged, and that is an error of the store.

use std::{fmt::Display, str::FromStr};

use lineal_db::StoreError;
use lineal_kernel::{ModelName, PageRequest, Slot, Timestamp, VersionNumber};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sqlx::{QueryBuilder, Row};

use super::{DbRow, Sql, lists};
use crate::store::{Page, Result};

/// Typed access to a row.
pub(super) trait Read {
    fn text(&self, column: &str) -> Result<String>;
    fn number(&self, column: &str) -> Result<u64>;
    fn moment(&self, column: &str) -> Result<Timestamp>;
    fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T>;
    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T>;
    fn slot(&self) -> Result<Slot>;
}

impl Read for DbRow {
    fn text(&self, column: &str) -> Result<String> {
        Ok(self.try_get(column)?)
    }

    fn number(&self, column: &str) -> Result<u64> {
        let number: i64 = self.try_get(column)?;
        u64::try_from(number).map_err(|_| StoreError::corrupt(format!("{column} is negative")))
    }

    fn moment(&self, column: &str) -> Result<Timestamp> {
        Ok(Timestamp::from_micros(self.try_get(column)?))
    }

    fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T> {
        let text: &str = self.try_get(column)?;
        text.parse().map_err(|error| StoreError::corrupt(format!("{column}: {error}")))
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        let text: &str = self.try_get(column)?;
        serde_json::from_str(text).map_err(|error| StoreError::corrupt(format!("{column}: {error}")))
    }

    fn slot(&self) -> Result<Slot> {
        Slot::parse(self.try_get("slot")?).map_err(|error| StoreError::corrupt(error.to_string()))
    }
}

/// JSON for a column.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Backend(Box::new(error)))
}

/// A number for a column; numbers past 2^63 do not occur.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Cuts rows, of which one more than the page holds was asked for, to a page. `cursor` names a row for the next page.
pub(super) fn page<T>(mut items: Vec<T>, request: &PageRequest, cursor: impl Fn(&T) -> String) -> Page<T> {
    let size = request.size as usize;
    let more = items.len() > size;
    items.truncate(size);
    let next = items.last().filter(|_| more).map(cursor);
    Page { items, next }
}

/// How many rows to ask for: one more than the page holds tells whether there is another page.
pub(super) fn limit(request: &PageRequest) -> i64 {
    i64::from(request.size) + 1
}

/// Says that what stands before is one of `texts`. A list is one bound value, so a statement has one text, however long its list is,
/// and stays prepared.
pub(super) fn among(sql: &mut Sql, texts: &[String]) {
    list(sql, lists::AMONG_TEXTS, texts.iter().map(String::as_str).collect());
}

/// Says that what stands before is one of `numbers`.
pub(super) fn among_numbers(sql: &mut Sql, numbers: &[VersionNumber]) {
    list(sql, lists::AMONG_NUMBERS, numbers.iter().map(|number| number.get()).collect());
}

/// `WITH named (model, number) AS ...`. Joined from there, each version is one look into an index; SQLite would read a whole tenant for
/// `(model, number) IN (...)`.
pub(super) fn named<'a>(names: impl IntoIterator<Item = (&'a ModelName, VersionNumber)>) -> Sql {
    let names = names.into_iter().map(|(model, number)| vec![Value::from(model.as_str()), number.get().into()]);
    let mut sql: Sql = QueryBuilder::new("WITH named (model, number) AS (");
    list(&mut sql, lists::NAMES, names.collect());
    sql.push(") ");
    sql
}

fn list(sql: &mut Sql, [before, after]: [&str; 2], values: Value) {
    sql.push(before).push_bind(values.to_string()).push(after);
}

/// Asks for these columns of all `rows` as one text, which `gathered` takes apart: a walk reads hundreds of rows, and each value of
/// each of them would cost more on its way than what it says. What the columns hold is free of white space.
pub(super) fn gather(sql: &mut Sql, columns: &[&str], rows: impl FnOnce(&mut Sql)) {
    sql.push("SELECT COALESCE(string_agg(").push(columns.join(" || ' ' || ")).push(", '\n'), '') FROM (");
    rows(sql);
    sql.push(") gathered");
}

/// The columns of each row that `gather` asked for.
pub(super) fn gathered<const N: usize>(text: &str) -> impl Iterator<Item = Result<[&str; N]>> {
    text.lines().map(|row| {
        let words: Vec<&str> = row.split(' ').collect();
        words.try_into().map_err(|_| StoreError::corrupt(format!("`{row}` is not of {N} words")))
    })
}

/// Whether a statement that writes so many rows stays prepared. It has a text for each number of rows; few of them come again and again.
pub(super) fn is_usual(rows: usize) -> bool {
    rows <= 25
}

/// A numeric cursor, or the far end of a descending listing.
pub(super) fn before(request: &PageRequest) -> i64 {
    request.after.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(i64::MAX)
}

/// A cursor of a number and a text that tells equal numbers apart, or the far end of a descending listing.
pub(super) fn before_pair(request: &PageRequest) -> (i64, &str) {
    let cursor = request.after.as_deref().and_then(|cursor| cursor.split_once(' '));
    cursor.and_then(|(number, text)| Some((number.parse().ok()?, text))).unwrap_or((i64::MAX, ""))
}

/// A text cursor, or the beginning of an ascending listing.
pub(super) fn after(request: &PageRequest) -> &str {
    request.after.as_deref().unwrap_or("")
}
