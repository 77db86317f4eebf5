//! What earlier rows held: lags, each as a raw column of its own.

use std::collections::HashMap;

use arrow::{
    array::{ArrayRef, UInt64Array},
    compute::{concat_batches, take},
};
use serde::{Deserialize, Serialize};

use crate::{DataError, Table, key::Key};

/// The furthest that a lag looks back.
const MOST_ROWS: u32 = 1000;

/// Values of earlier rows, told from rows that come together.
///
/// A row alone has no history. A model that reads a lag takes it as an input like any other, called like
/// `goals_lag_1`; whoever asks for one row gives its value, and over many rows this fills the column, in training and in
/// batch by the same code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// The column that says which row comes first: times, or numbers.
    pub order: String,
    /// The column that tells apart rows with histories of their own; without one, all rows have one history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What is looked up, each as a column.
    pub lags: Vec<Lag>,
}

/// The value that a column had some rows earlier in the same group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lag {
    /// The raw column that is looked up.
    pub column: String,
    /// How many rows earlier: 1 is the row before.
    pub rows: u32,
}

impl Lag {
    /// The name of the column with its values, e.g. `goals_lag_1`.
    pub fn name(&self) -> String {
        format!("{}_lag_{}", self.column, self.rows)
    }
}

/// A row among those of its group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    group: usize,
    /// In the unit of [`Table::moments`].
    moment: i64,
    row: usize,
}

impl History {
    /// What is wrong with it, each with its field as a feature set calls it; `read` are the columns that features read.
    pub(super) fn problems(&self, read: &[&str]) -> Vec<(String, &'static str)> {
        let mut problems = Vec::new();
        if self.order.is_empty() {
            problems
                .push(("order_column".to_owned(), "lags look back in an order: name the column of times or numbers"));
        }
        if self.group.as_ref().is_some_and(|group| group.is_empty() || *group == self.order) {
            problems.push(("group_column".to_owned(), "name a column other than that of the order"));
        }
        if self.lags.is_empty() {
            problems
                .push(("lags".to_owned(), "nothing looks back: leave out order_column and group_column, or add a lag"));
        }
        for (i, lag) in self.lags.iter().enumerate() {
            let name = lag.name();
            let problem = if lag.column.is_empty() {
                "name a column"
            } else if !(1..=MOST_ROWS).contains(&lag.rows) {
                "1 to 1,000 rows"
            } else if self.lags[..i].contains(lag) {
                "it is there twice"
            } else if !read.contains(&name.as_str()) {
                "no feature reads it: give one the source COLUMN_lag_ROWS"
            } else {
                continue;
            };
            problems.push((format!("lags[{i}]"), problem));
        }
        problems
    }

    /// The raw columns that lags are told from, each once.
    pub fn sources(&self) -> Vec<&str> {
        let mut sources: Vec<&str> = Vec::new();
        let columns = self.lags.iter().map(|lag| lag.column.as_str());
        for column in [self.order.as_str()].into_iter().chain(self.group.as_deref()).chain(columns) {
            if !sources.contains(&column) {
                sources.push(column);
            }
        }
        sources
    }

    /// `table` with a column for each lag, told from its own rows alone, which may be in any order. A row without an
    /// earlier one has no value there, nor has one without a group. A lag that `table` has already stays as it is.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`], [`DataError::NotATime`], [`DataError::UndecidedOrder`] if two rows of a group have
    /// one time.
    pub fn fill(&self, table: &Table) -> Result<Table, DataError> {
        let missing = self.missing(table);
        if missing.is_empty() {
            return Ok(table.clone());
        }
        with(table, lagged(&missing, table, &self.places(table)?)?)
    }

    /// The lags that are no columns of `table`.
    fn missing(&self, table: &Table) -> Vec<&Lag> {
        self.lags.iter().filter(|lag| table.schema().all(|(name, _)| name != lag.name())).collect()
    }

    /// Group after group, each in its order.
    fn places(&self, table: &Table) -> Result<Vec<Place>, DataError> {
        let undecided = |row, problem| DataError::UndecidedOrder { column: self.order.clone(), row, problem };
        let groups = match &self.group {
            Some(column) => groups(table.keys(column)?),
            None => vec![Some(0); table.rows()],
        };
        let mut places = Vec::with_capacity(table.rows());
        for (row, (group, moment)) in groups.into_iter().zip(table.moments(&self.order)?).enumerate() {
            let Some(group) = group else { continue };
            places.push(Place { group, moment: moment.ok_or_else(|| undecided(row, "it has no time"))?, row });
        }
        places.sort_unstable();
        let twins = places.windows(2).find(|pair| (pair[0].group, pair[0].moment) == (pair[1].group, pair[1].moment));
        match twins {
            Some(pair) => Err(undecided(pair[1].row, "another row of its group has the same time")),
            None => Ok(places),
        }
    }
}

/// Fills the lags of rows that come piece by piece, each group in its order.
#[derive(Debug)]
pub struct LookBack {
    history: History,
    /// The latest rows of each group, as many as the furthest lag needs.
    latest: Option<Table>,
    /// Rows so far.
    rows: usize,
}

impl LookBack {
    /// Nothing has come yet.
    pub fn new(history: History) -> Self {
        Self { history, latest: None, rows: 0 }
    }

    /// The next rows, with a column for each lag, as [`History::fill`] gives them to all rows at once.
    ///
    /// # Errors
    /// As [`History::fill`], and [`DataError::OutOfOrder`] for a row that comes after a later one of its group. Rows count
    /// from the first piece on.
    pub fn fill(&mut self, table: &Table) -> Result<Table, DataError> {
        if self.history.missing(table).is_empty() {
            return Ok(table.clone());
        }
        let before = self.latest.as_ref().map_or(0, Table::rows);
        let filled = self.look(table, before).map_err(|error| moved(error, self.rows, before))?;
        self.rows += table.rows();
        Ok(filled)
    }

    fn look(&mut self, table: &Table, before: usize) -> Result<Table, DataError> {
        let columns = self.history.sources().into_iter().map(|name| table.select(name)).collect::<Result<_, _>>()?;
        let mut rows = Table::new(columns)?;
        if let Some(latest) = &self.latest {
            rows = Table::of(concat_batches(rows.batch().schema_ref(), [latest.batch(), rows.batch()])?);
        }
        let places = self.history.places(&rows)?;
        let late = places.windows(2).filter(|pair| pair[0].group == pair[1].group && pair[0].row > pair[1].row);
        if let Some(row) = late.map(|pair| pair[0].row).min() {
            return Err(DataError::OutOfOrder { column: self.history.order.clone(), row });
        }
        let lags = lagged(&self.history.missing(table), &rows, &places)?;
        let lags = lags.into_iter().map(|(name, array)| (name, array.slice(before, table.rows())));
        let filled = with(table, lags.collect())?;
        let furthest = self.history.lags.iter().map(|lag| lag.rows as usize).max().unwrap_or_default();
        let needed = |(at, place): (usize, &Place)| {
            let later = places.get(at + furthest);
            later.is_none_or(|later| later.group != place.group).then_some(place.row)
        };
        self.latest = Some(rows.take(&places.iter().enumerate().filter_map(needed).collect::<Vec<_>>())?);
        Ok(filled)
    }
}

/// The error with its row counted from the first piece on: `rows` rows came before this piece, and `before` of them
/// stand in front of it.
fn moved(error: DataError, rows: usize, before: usize) -> DataError {
    error.with_row(|row| rows + row.saturating_sub(before))
}

/// The values of `lags` for the rows of `table`.
fn lagged(lags: &[&Lag], table: &Table, places: &[Place]) -> Result<Vec<(String, ArrayRef)>, DataError> {
    let lag = |lag: &&Lag| {
        let mut earlier = vec![None; table.rows()];
        for (place, before) in places.iter().skip(lag.rows as usize).zip(places) {
            if place.group == before.group {
                earlier[place.row] = Some(before.row as u64);
            }
        }
        let (_, values) = table.select(&lag.column)?;
        Ok((lag.name(), take(&values, &UInt64Array::from(earlier), None)?))
    };
    lags.iter().map(lag).collect()
}

fn with(table: &Table, columns: Vec<(String, ArrayRef)>) -> Result<Table, DataError> {
    let known = table.schema().map(|(name, _)| table.select(name)).collect::<Result<Vec<_>, _>>()?;
    Table::new(known.into_iter().chain(columns).collect())
}

/// A number for each group; `None` for rows that belong to none.
fn groups(keys: Vec<Option<Key<'_>>>) -> Vec<Option<usize>> {
    let mut known = HashMap::new();
    let numbered = keys.into_iter().map(|key| {
        let next = known.len();
        key.map(|key| *known.entry(key).or_insert(next))
    });
    numbered.collect()
}
