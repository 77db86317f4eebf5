//! Expectations held against a table.

use std::collections::{HashMap, HashSet};

use lineal_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ColumnExpectation, ColumnStatistics, Expectations, Freshness};
use crate::{ColumnType, DataError, Table, rows::row_hashes};

/// How many unexpected values are named.
const NAMED: usize = 5;

/// One expectation and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// `rows`, `required`, `type`, `range`, `allowed`, `nulls`, `unique`, `key`, `duplicates` or `freshness`.
    pub name: String,
    /// The column it is about; empty for the whole table.
    pub column: String,
    /// Whether it is met.
    pub passed: bool,
    /// What was expected, for people.
    pub expected: String,
    /// What was found, for people.
    pub found: String,
}

impl Check {
    fn new(name: &str, column: &str, passed: bool, expected: impl Into<String>, found: impl Into<String>) -> Self {
        let (name, column) = (name.to_owned(), column.to_owned());
        Self { name, column, passed, expected: expected.into(), found: found.into() }
    }

    /// Its name with the column: `range(age)`.
    pub fn title(&self) -> String {
        if self.column.is_empty() { self.name.clone() } else { format!("{}({})", self.name, self.column) }
    }
}

impl Expectations {
    /// Holds `table` against every expectation; `now` is what the age of rows is measured against.
    pub(super) fn judge(
        &self,
        table: &Table,
        statistics: &[ColumnStatistics],
        now: Timestamp,
    ) -> Result<Vec<Check>, DataError> {
        let least = self.min_rows.unwrap_or(1);
        let rows = table.rows() as u64;
        let mut checks = vec![Check::new("rows", "", rows >= least, format!("at least {least}"), rows.to_string())];
        let known: HashMap<_, _> = statistics.iter().map(|column| (column.name.as_str(), column)).collect();
        for expected in &self.columns {
            match known.get(expected.name.as_str()) {
                Some(found) => column(expected, found, table, &mut checks)?,
                None => checks.extend(
                    (!expected.optional).then(|| Check::new("required", &expected.name, false, "a column", "none")),
                ),
            }
        }
        if !self.key.is_empty() {
            checks.push(self.key(table)?);
        }
        if let Some(limit) = self.max_duplicate_share {
            let repeated = repeated(table);
            let share = repeated as f64 / rows.max(1) as f64;
            let expected = format!("at most {limit} of the rows");
            checks.push(Check::new("duplicates", "", share <= limit, expected, format!("{repeated} of {rows} rows")));
        }
        if let Some(freshness) = &self.freshness {
            checks.push(freshness.judge(table, now));
        }
        Ok(checks)
    }

    fn key(&self, table: &Table) -> Result<Check, DataError> {
        let (title, expected) = (self.key.join(", "), "no key twice");
        let columns: Result<Vec<_>, _> = self.key.iter().map(|name| table.select(name)).collect();
        Ok(match columns {
            Ok(columns) => {
                let repeated = repeated(&Table::new(columns)?);
                Check::new("key", &title, repeated == 0, expected, format!("{repeated} rows with an earlier key"))
            }
            Err(error) => Check::new("key", &title, false, expected, error.to_string()),
        })
    }
}

/// Rows that are equal to an earlier one.
fn repeated(table: &Table) -> usize {
    let hashes = row_hashes(table, 0);
    hashes.len() - hashes.iter().collect::<HashSet<_>>().len()
}

fn column(
    expected: &ColumnExpectation,
    found: &ColumnStatistics,
    table: &Table,
    checks: &mut Vec<Check>,
) -> Result<(), DataError> {
    let name = expected.name.as_str();
    if let Some(wanted) = expected.column_type {
        // A column without any value can be of any type.
        let fits = found.column_type == wanted
            || (wanted == ColumnType::Float && found.column_type == ColumnType::Integer)
            || found.count == 0;
        checks.push(Check::new("type", name, fits, wanted.to_string(), found.column_type.to_string()));
    }
    if expected.min.is_some() || expected.max.is_some() {
        checks.push(range(expected, found));
    }
    if let Some(allowed) = &expected.allowed {
        checks.push(values(name, allowed, table)?);
    }
    if let Some(limit) = expected.max_null_share {
        let (nulls, rows) = (found.nulls, found.count + found.nulls);
        let fits = nulls as f64 / rows.max(1) as f64 <= limit;
        let (expected, found) = (format!("at most {limit} missing"), format!("{nulls} of {rows} missing"));
        checks.push(Check::new("nulls", name, fits, expected, found));
    }
    if expected.unique {
        let repeated = found.count - found.distinct;
        checks.push(Check::new("unique", name, repeated == 0, "no value twice", format!("{repeated} repeated values")));
    }
    Ok(())
}

fn range(expected: &ColumnExpectation, found: &ColumnStatistics) -> Check {
    let wanted = match (expected.min, expected.max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, max) => format!("at most {}", max.unwrap_or(f64::INFINITY)),
    };
    let (fits, shown) = match &found.numbers {
        _ if found.count == 0 => (true, "no values".to_owned()),
        Some(numbers) if numbers.infinite == 0 => {
            let above = expected.min.is_none_or(|min| min <= numbers.min);
            let below = expected.max.is_none_or(|max| numbers.max <= max);
            (above && below, format!("{} to {}", numbers.min, numbers.max))
        }
        Some(numbers) => (false, format!("{} infinite values", numbers.infinite)),
        None => (false, format!("a {} column", found.column_type)),
    };
    Check::new("range", &expected.name, fits, wanted, shown)
}

fn values(name: &str, allowed: &[String], table: &Table) -> Result<Check, DataError> {
    let known: HashSet<&str> = allowed.iter().map(String::as_str).collect();
    let mut others: Vec<String> = Vec::new();
    for text in table.keys(name)?.into_iter().flatten().map(|key| key.to_string()) {
        if !known.contains(text.as_str()) && !others.contains(&text) {
            others.push(text);
            if others.len() == NAMED {
                break;
            }
        }
    }
    let quoted = |texts: &[String]| texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ");
    let shown = if others.is_empty() { "nothing else".to_owned() } else { format!("also {}", quoted(&others)) };
    let expected = format!("one of {}", quoted(allowed));
    Ok(Check::new("allowed", name, others.is_empty(), expected, shown))
}

impl Freshness {
    fn judge(&self, table: &Table, now: Timestamp) -> Check {
        let expected = format!("a row of the last {} s", self.max_age_seconds);
        // What lies in the future says nothing about how old the rows are.
        let newest = table.moments(&self.column).map(|moments| {
            let (past, ahead): (Vec<_>, Vec<_>) =
                moments.into_iter().flatten().partition(|moment| *moment <= now.micros());
            (past.into_iter().max().map(Timestamp::from_micros), ahead.len())
        });
        let besides = |ahead| if ahead == 0 { String::new() } else { format!("; {ahead} rows are of the future") };
        let (passed, found) = match newest {
            Ok((Some(newest), ahead)) => {
                let fresh = now.since(newest).as_secs() <= self.max_age_seconds;
                (fresh, format!("the newest is of {newest}{}", besides(ahead)))
            }
            Ok((None, ahead)) => (false, format!("no times{}", besides(ahead))),
            Err(error) => (false, error.to_string()),
        };
        Check::new("freshness", &self.column, passed, expected, found)
    }
}
