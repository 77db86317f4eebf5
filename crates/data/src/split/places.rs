//! Where rows lie in [0, 1): the reference is at the beginning, then come the tests, and the rest is for training.

use std::collections::HashMap;

use super::rule::{SplitKind, SplitRule, TimeCut};
use crate::{
    DataError, Table,
    rows::{RowHash, position, row_hashes},
};

/// A place beyond every part but the training one.
const LAST: f64 = 1.0;

/// One place per row; `hashes` are those of whole rows.
pub(super) fn places(table: &Table, rule: &SplitRule, hashes: &[RowHash]) -> Result<Vec<f64>, DataError> {
    match &rule.kind {
        SplitKind::Row => Ok(hashes.iter().map(position).collect()),
        SplitKind::Group(columns) => {
            let columns: Vec<_> = columns.iter().map(|name| table.select(name)).collect::<Result<_, _>>()?;
            Ok(row_hashes(&Table::new(columns)?, rule.seed).iter().map(position).collect())
        }
        SplitKind::Stratified(column) => stratified(table, column, rule, hashes),
        SplitKind::Time(cut) => timed(table, cut, rule),
    }
}

/// The rank of a row's hash among those of its stratum, as a share. Equal rows have one rank.
fn stratified(table: &Table, column: &str, rule: &SplitRule, hashes: &[RowHash]) -> Result<Vec<f64>, DataError> {
    let strata = row_hashes(&Table::new(vec![table.select(column)?])?, rule.seed);
    let mut sorted: HashMap<RowHash, Vec<RowHash>> = HashMap::new();
    strata.iter().zip(hashes).for_each(|(stratum, hash)| sorted.entry(*stratum).or_default().push(*hash));
    for hashes in sorted.values_mut() {
        hashes.sort_unstable();
    }
    let place = |(stratum, hash): (&RowHash, &RowHash)| {
        let members = sorted.get(stratum).map_or(&[][..], Vec::as_slice);
        members.partition_point(|member| member < hash) as f64 / members.len().max(1) as f64
    };
    Ok(strata.iter().zip(hashes).map(place).collect())
}

/// The beginning of the part that a row's time lies in.
fn timed(table: &Table, cut: &TimeCut, rule: &SplitRule) -> Result<Vec<f64>, DataError> {
    let bounds: Vec<_> = [0.0].into_iter().chain(rule.bounds()).collect();
    let place = |moment: i64| {
        let part = cut.starts.iter().position(|start| moment >= *start);
        part.and_then(|part| bounds.get(part)).copied().unwrap_or(LAST)
    };
    Ok(moments(table, &cut.column)?.into_iter().map(place).collect())
}

/// The times of all rows.
pub(super) fn moments(table: &Table, column: &str) -> Result<Vec<i64>, DataError> {
    let missing = |row| DataError::MissingTime { column: column.to_owned(), row };
    let moments = table.moments(column)?;
    moments.into_iter().enumerate().map(|(row, moment)| moment.ok_or_else(|| missing(row))).collect()
}

impl SplitRule {
    /// Where each part but the training one ends.
    pub(super) fn bounds(&self) -> Vec<f64> {
        let shares = [self.reference_fraction].into_iter().chain(self.tests.iter().map(|test| test.fraction));
        shares
            .scan(0.0, |end, share| {
                *end += share;
                Some(*end)
            })
            .collect()
    }

    /// The rule with the moments at which `table` is cut, if it cuts by time. Rows of one moment stay together.
    ///
    /// # Errors
    /// [`DataError::UnknownColumn`], [`DataError::NotATime`], [`DataError::MissingTime`] and those of the window and scope.
    pub fn resolve(&self, table: &Table) -> Result<Self, DataError> {
        let SplitKind::Time(cut) = &self.kind else { return Ok(self.clone()) };
        if !cut.starts.is_empty() {
            return Ok(self.clone());
        }
        let inside = self.rows_of(table)?;
        let moments = moments(&table.take(&inside)?, &cut.column);
        let mut moments = moments.map_err(|error| error.with_row(|row| inside[row]))?;
        moments.sort_unstable_by(|a, b| b.cmp(a));
        let start = |bound: f64| {
            let rows = (bound * moments.len() as f64).round() as usize;
            moments.get(rows.max(1) - 1).copied()
        };
        let starts: Vec<_> = self.bounds().into_iter().filter_map(start).collect();
        Ok(Self { kind: SplitKind::Time(TimeCut { starts, ..cut.clone() }), ..self.clone() })
    }
}
