//! Cutting a table into a train part, a fixed reference part and parts that are only tested on.

mod places;
mod rule;
mod scope;

use std::collections::HashSet;

use crate::{
    DataError, Table,
    rows::{RowHash, row_hashes},
};
use places::places;

pub use rule::{SplitKind, SplitRule, TestPart, TimeCut, Window};

/// The parts of a split; rows keep the order of the input.
///
/// `train.rows() + held + extra rows + rows of all tests + left_out` is the number of input rows, and no row is in two
/// parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// What a model may learn from.
    pub train: Table,
    /// What models are measured on: made by this split, or the fixed one unchanged.
    pub reference: Table,
    /// New rows on the reference side that came too late for a fixed reference; never learned from.
    pub extra: Option<Table>,
    /// The named tests, in the order of the rule; one may be empty.
    pub tests: Vec<(String, Table)>,
    /// How many input rows are in the reference, counting duplicates.
    pub held: usize,
    /// How many input rows are out of scope or window, or have a label from beyond its end or the cut.
    pub left_out: usize,
}

/// Splits `table` by `rule`.
///
/// Without `fixed_reference` every row on the reference side makes the reference. With one, made once by an earlier
/// split and never written again, that very table is the reference: input rows equal to one of its rows are `held`
/// whatever side they are on, other rows on the reference side become `extra`.
///
/// # Errors
/// [`DataError::BadFraction`] and [`DataError::InvalidSplit`] for the rule; [`DataError::UnknownColumn`],
/// [`DataError::NotATime`] and [`DataError::MissingTime`] for the columns it names; [`DataError::EmptyPart`] if train or
/// reference would have no rows; [`DataError::SchemaMismatch`] if the fixed reference has other columns (integers and
/// floats count as one type).
pub fn split(table: &Table, rule: &SplitRule, fixed_reference: Option<&Table>) -> Result<Parts, DataError> {
    rule.check()?;
    let rule = rule.resolve(table)?;
    let inside = rule.rows_of(table)?;
    let scoped = if inside.len() == table.rows() { table.clone() } else { table.take(&inside)? };
    let hashes = row_hashes(&scoped, rule.seed);
    if let Some(reference) = fixed_reference {
        check_schema(table, reference)?;
    }
    let known: Option<HashSet<_>> =
        fixed_reference.map(|reference| row_hashes(reference, rule.seed).into_iter().collect());
    let rows = Rows::of(&scoped, &rule, &hashes, known.as_ref());
    let rows = rows.map_err(|error| error.with_row(|row| inside[row]))?;
    let reference = match fixed_reference {
        Some(reference) => reference.clone(),
        None => scoped.take(&rows.held)?,
    };
    let tests = rule.tests.iter().zip(&rows.tests).map(|(test, rows)| Ok((test.name.clone(), scoped.take(rows)?)));
    let parts = Parts {
        train: scoped.take(&rows.train)?,
        reference,
        extra: if rows.extra.is_empty() { None } else { Some(scoped.take(&rows.extra)?) },
        tests: tests.collect::<Result<_, DataError>>()?,
        held: rows.held.len(),
        left_out: table.rows() - inside.len() + rows.purged,
    };
    for (part, rows) in [("train", parts.train.rows()), ("reference", parts.reference.rows())] {
        if rows == 0 {
            let remedy = match &rule.kind {
                SplitKind::Time(_) => "another reference_fraction or cut",
                _ => "another reference_fraction",
            };
            return Err(DataError::EmptyPart { part, rows: table.rows(), remedy });
        }
    }
    Ok(parts)
}

/// The rows of each part.
struct Rows {
    train: Vec<usize>,
    held: Vec<usize>,
    extra: Vec<usize>,
    tests: Vec<Vec<usize>>,
    /// Rows of training whose label looks into a later part.
    purged: usize,
}

impl Rows {
    fn of(
        table: &Table,
        rule: &SplitRule,
        hashes: &[RowHash],
        known: Option<&HashSet<RowHash>>,
    ) -> Result<Self, DataError> {
        let ends = rule.bounds();
        let looks_ahead = rule.looks_ahead(table)?;
        let mut rows = Self {
            train: Vec::new(),
            held: Vec::new(),
            extra: Vec::new(),
            tests: vec![Vec::new(); rule.tests.len()],
            purged: 0,
        };
        for ((row, place), hash) in places(table, rule, hashes)?.into_iter().enumerate().zip(hashes) {
            if known.is_some_and(|known| known.contains(hash)) {
                rows.held.push(row);
                continue;
            }
            match ends.iter().position(|end| place < *end) {
                Some(0) if known.is_some() => rows.extra.push(row),
                Some(0) => rows.held.push(row),
                Some(test) => rows.tests[test - 1].push(row),
                None if looks_ahead(row) => rows.purged += 1,
                None => rows.train.push(row),
            }
        }
        Ok(rows)
    }
}

fn check_schema(table: &Table, reference: &Table) -> Result<(), DataError> {
    let columns = |table: &Table| -> Vec<_> {
        let class = |(name, column_type): (&str, crate::ColumnType)| {
            let class = if column_type.is_number() { "number".to_owned() } else { column_type.to_string() };
            format!("`{name}` ({class})")
        };
        table.schema().map(class).collect()
    };
    let (found, expected) = (columns(table), columns(reference));
    let longest = found.len().max(expected.len());
    match (0..longest).find(|&i| found.get(i) != expected.get(i)) {
        None => Ok(()),
        Some(position) => {
            let describe = |columns: &[String]| columns.get(position).map_or("nothing".to_owned(), String::clone);
            Err(DataError::SchemaMismatch { position, expected: describe(&expected), found: describe(&found) })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Write as _};

    use super::*;
    use crate::Snapshot;

    fn rule() -> SplitRule {
        SplitRule::rows("v1", 42, 0.2)
    }

    /// Rows whose first column is one of `ids`.
    fn table(ids: impl Iterator<Item = usize>) -> Table {
        let csv = ids.fold("id,plan\n".to_owned(), |mut csv, id| {
            let _ = writeln!(csv, "{id},plan {}", id % 3);
            csv
        });
        Table::from_csv(csv.as_bytes()).unwrap()
    }

    fn ids(table: &Table) -> BTreeSet<usize> {
        table.numbers("id").unwrap().into_iter().map(|id| id as usize).collect()
    }

    fn digests(parts: &Parts) -> Vec<lineal_kernel::Digest> {
        let tables = [Some(&parts.train), Some(&parts.reference), parts.extra.as_ref()];
        tables.into_iter().flatten().map(|table| Snapshot::of(table).unwrap().digest).collect()
    }

    // F58
    #[test]
    fn the_same_table_splits_into_the_same_bytes() {
        let fixed = table(0..50);
        for reference in [None, Some(&fixed)] {
            let once = split(&table(0..1000), &rule(), reference).unwrap();
            let again = split(&table(0..1000), &rule(), reference).unwrap();
            assert_eq!(digests(&once), digests(&again));
        }
        let other = SplitRule { seed: 43, ..rule() };
        assert_ne!(split(&table(0..1000), &other, None).unwrap(), split(&table(0..1000), &rule(), None).unwrap());
    }

    // F59
    #[test]
    fn parts_are_disjoint_and_add_up_to_the_input() {
        let parts = split(&table(0..1000), &rule(), None).unwrap();
        assert_eq!(parts.train.rows() + parts.reference.rows(), 1000);
        assert_eq!((parts.held, parts.left_out, &parts.extra), (parts.reference.rows(), 0, &None));
        assert!((150..250).contains(&parts.held), "{}", parts.held);
        assert!(ids(&parts.train).is_disjoint(&ids(&parts.reference)));
    }

    // F59, F60
    #[test]
    fn a_fixed_reference_is_returned_unchanged_and_never_learned_from() {
        let first = split(&table(0..1000), &rule(), None).unwrap();
        let fixed = first.reference.clone();
        let grown = split(&table(500..2000), &rule(), Some(&fixed)).unwrap();
        assert_eq!(Snapshot::of(&grown.reference).unwrap(), Snapshot::of(&fixed).unwrap());
        let extra = grown.extra.as_ref().unwrap();
        assert_eq!(grown.train.rows() + grown.held + extra.rows(), 1500);
        assert!(ids(&grown.train).is_disjoint(&ids(&fixed)) && ids(extra).is_disjoint(&ids(&fixed)));
        assert!(ids(&grown.train).is_disjoint(&ids(extra)));
        assert_eq!(ids(extra).range(..1000).count(), 0);
        assert_eq!(grown.held, ids(&fixed).range(500..).count());
        // Also one that was made by another rule.
        let foreign = split(&table(0..1000), &SplitRule { seed: 7, ..rule() }, Some(&fixed)).unwrap();
        assert!(ids(&foreign.train).is_disjoint(&ids(&fixed)));
        assert_eq!(foreign.train.rows() + foreign.held + foreign.extra.unwrap().rows(), 1000);
    }

    #[test]
    fn other_rows_and_their_order_do_not_move_a_row() {
        let whole = split(&table(0..1000), &rule(), None).unwrap();
        let backwards = split(&table((0..1000).rev()), &rule(), None).unwrap();
        assert_eq!(ids(&whole.reference), ids(&backwards.reference));
        let half = split(&table(0..500), &rule(), None).unwrap();
        assert_eq!(ids(&half.reference), ids(&whole.reference).range(..500).copied().collect());
    }

    #[test]
    fn equal_rows_land_together() {
        let parts = split(&table((0..200).flat_map(|id| [id, id])), &rule(), None).unwrap();
        assert!(ids(&parts.train).is_disjoint(&ids(&parts.reference)));
        assert_eq!(parts.held, 2 * ids(&parts.reference).len());
    }

    #[test]
    fn a_rule_or_table_that_leaves_a_part_empty_is_refused() {
        for fraction in [0.0, 1.0, -0.5, f64::NAN] {
            let bad = SplitRule { reference_fraction: fraction, ..rule() };
            assert!(matches!(split(&table(0..10), &bad, None), Err(DataError::BadFraction { .. })));
        }
        assert!(matches!(split(&table(0..1), &rule(), None), Err(DataError::EmptyPart { rows: 1, .. })));
        let known = table(0..10);
        assert!(matches!(split(&known, &rule(), Some(&known)), Err(DataError::EmptyPart { part: "train", .. })));
    }

    #[test]
    fn a_reference_with_other_columns_is_refused() {
        let reference = Table::from_csv(b"id,region\n0.5,a\n").unwrap();
        let error = split(&table(0..10), &rule(), Some(&reference)).unwrap_err().to_string();
        assert_eq!(error, "column 1 is `plan` (text), the fixed reference has `region` (text)");
        let reference = Table::from_csv(b"id,plan\n0.5,a\n").unwrap();
        assert!(split(&table(0..50), &rule(), Some(&reference)).is_ok());
    }
}
