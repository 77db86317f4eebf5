//! Classes of one size: rows of the smaller ones repeated, or rows of the larger ones left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{DataError, Table, key::Key, rows::row_hashes};

/// How classes are brought to one number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResampleMethod {
    /// Every class gets as many rows as the largest one: its rows are repeated.
    Over,
    /// Every class gets as many rows as the smallest one: the others are left out.
    Under,
}

/// The rows of `table` with classes of one size, the classes being the values of the column `label`.
///
/// Which rows are repeated or kept depends on `seed` and their own values alone; rows keep their order, repeated ones
/// stand together. Rows without a label stay once.
///
/// # Errors
/// [`DataError::UnknownColumn`].
pub fn resample(table: &Table, label: &str, method: ResampleMethod, seed: u64) -> Result<Table, DataError> {
    let mut classes: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
    let mut times = vec![1; table.rows()];
    for (row, class) in table.keys(label)?.into_iter().enumerate() {
        if let Some(class) = class {
            classes.entry(class).or_default().push(row);
        }
    }
    let sizes = classes.values().map(Vec::len);
    let size = match method {
        ResampleMethod::Over => sizes.max(),
        ResampleMethod::Under => sizes.min(),
    };
    let hashes = row_hashes(table, seed);
    for mut rows in classes.into_values() {
        let size = size.unwrap_or(rows.len());
        rows.sort_by_key(|&row| (hashes[row], row));
        let (each, more) = (size / rows.len(), size % rows.len());
        for (place, row) in rows.into_iter().enumerate() {
            times[row] = each + usize::from(place < more);
        }
    }
    let rows: Vec<usize> =
        times.into_iter().enumerate().flat_map(|(row, times)| std::iter::repeat_n(row, times)).collect();
    table.take(&rows)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::Snapshot;

    /// 10 rows of `no`, 4 of `yes`, 3 of `maybe`.
    fn table() -> Table {
        let mut csv = "id,label\n".to_owned();
        for id in 0..17 {
            let label = if id < 10 {
                "no"
            } else if id < 14 {
                "yes"
            } else {
                "maybe"
            };
            let _ = writeln!(csv, "{id},{label}");
        }
        Table::from_csv(csv.as_bytes()).unwrap()
    }

    /// How often each row is there, by its number, and whether the order was kept.
    fn counts(table: &Table) -> (Vec<usize>, bool) {
        let ids = table.numbers("id").unwrap();
        let count = |id: usize| ids.iter().filter(|found| **found as usize == id).count();
        ((0..17).map(count).collect(), ids.is_sorted())
    }

    #[test]
    fn smaller_classes_are_repeated_evenly() {
        // F74
        let over = resample(&table(), "label", ResampleMethod::Over, 7).unwrap();
        let (counts, sorted) = counts(&over);
        assert!(sorted && over.rows() == 30, "{counts:?}");
        assert_eq!(counts[..10], [1; 10]);
        for (class, each) in [(&counts[10..14], 2..=3), (&counts[14..], 3..=4)] {
            assert_eq!(class.iter().sum::<usize>(), 10);
            assert!(class.iter().all(|count| each.contains(count)), "{class:?}");
        }
    }

    #[test]
    fn larger_classes_lose_rows_by_chance_of_the_seed() {
        // F74
        let under = |seed| resample(&table(), "label", ResampleMethod::Under, seed).unwrap();
        let (kept, sorted) = counts(&under(7));
        assert!(sorted && under(7).rows() == 9);
        assert_eq!([&kept[..10], &kept[10..14], &kept[14..]].map(|class| class.iter().sum::<usize>()), [3; 3]);
        let digest = |seed| Snapshot::of(&under(seed)).unwrap().digest;
        assert_eq!(digest(7), digest(7));
        assert!((8..20).any(|seed| digest(seed) != digest(7)));
    }

    #[test]
    fn rows_without_a_label_stay_for_others_to_refuse() {
        let table = Table::from_csv(b"id,label\n0,1\n1,1\n2,\n3,0\n").unwrap();
        let over = resample(&table, "label", ResampleMethod::Over, 0).unwrap();
        assert_eq!(over.numbers("id").unwrap(), [0.0, 1.0, 2.0, 3.0, 3.0]);
        assert!(resample(&table, "absent", ResampleMethod::Over, 0).is_err());
    }
}
