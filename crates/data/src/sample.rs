//! Tables that are larger than memory: a part of their rows, the same part every time.

use arrow::{array::RecordBatch, compute::concat_batches};
use serde::{Deserialize, Serialize};

use crate::{
    DataError, Table,
    rows::{position, row_hashes},
};

/// Fractions are multiples of one of this, so that people can write them down.
const STEPS: f64 = 10_000.0;
/// Leaves room, because a sample has its size on average only.
const MARGIN: f64 = 0.9;
/// Keeps the choice of the sample apart from that of a split with the same seed.
const APART: u64 = u64::from_be_bytes(*b"a sample");

/// How large a table may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Bytes of its values: 8 for a number, 4 and the UTF-8 for a text.
    pub bytes: usize,
    /// Chooses one of the possible samples if there are more.
    pub seed: u64,
}

/// How the rows of a sample were chosen: those whose hash lies below the fraction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The expected share of all rows.
    pub fraction: f64,
    /// Chose one of the possible samples.
    pub seed: u64,
}

/// A table, or as much of it as the limit let in.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// The rows, in the order of the source.
    pub table: Table,
    /// How many rows the source has.
    pub rows: usize,
    /// How the rows were chosen; `None` if they are all there.
    pub sample: Option<Sample>,
}

/// Collects the rows of a sample.
pub(crate) struct Sampler {
    sample: Sample,
    kept: Vec<RecordBatch>,
    rows: usize,
}

impl Limit {
    /// Every table may be as large as it is.
    pub const NONE: Self = Self { bytes: usize::MAX, seed: 0 };

    /// How to choose from a table of `bytes`, if that is necessary.
    pub(crate) fn sampler(self, bytes: usize) -> Result<Option<Sampler>, DataError> {
        if bytes <= self.bytes {
            return Ok(None);
        }
        let fraction = (MARGIN * self.bytes as f64 / bytes as f64 * STEPS).floor() / STEPS;
        if fraction == 0.0 {
            return Err(DataError::LimitTooSmall { bytes, limit: self.bytes });
        }
        Ok(Some(Sampler { sample: Sample { fraction, seed: self.seed }, kept: Vec::new(), rows: 0 }))
    }
}

impl Sampler {
    /// Keeps the rows of `batch` that belong to the sample.
    pub(crate) fn add(&mut self, batch: &Table) -> Result<(), DataError> {
        let hashes = row_hashes(batch, self.sample.seed ^ APART).into_iter().enumerate();
        let kept: Vec<_> =
            hashes.filter(|(_, hash)| position(hash) < self.sample.fraction).map(|(row, _)| row).collect();
        self.kept.push(batch.take(&kept)?.into_batch());
        self.rows += batch.rows();
        Ok(())
    }

    /// The sample.
    pub(crate) fn finish(self) -> Result<Sampled, DataError> {
        let schema = self.kept.first().ok_or(DataError::NoRows)?.schema();
        let table = Table::of(concat_batches(&schema, &self.kept)?);
        if table.rows() == 0 {
            return Err(DataError::EmptyPart { part: "sampled", rows: self.rows, remedy: "a higher limit" });
        }
        Ok(Sampled { table, rows: self.rows, sample: Some(self.sample) })
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Write as _};

    use super::*;

    fn csv(rows: usize) -> String {
        (0..rows).fold("id,plan,charge\n".to_owned(), |mut csv, id| {
            let _ = writeln!(csv, "{id},plan {},{}.5", id % 7, id % 100);
            csv
        })
    }

    fn sampled(csv: &str, limit: Limit) -> Sampled {
        Table::read_csv(|| Ok(csv.as_bytes()), limit).unwrap()
    }

    fn ids(sampled: &Sampled) -> BTreeSet<u64> {
        sampled.table.numbers("id").unwrap().into_iter().map(|id| id as u64).collect()
    }

    // F75
    #[test]
    fn a_table_above_the_limit_is_sampled_the_same_way_every_time() {
        let csv = csv(50_000);
        // 8 for the id, 4 + 6 for the plan, 8 for the charge.
        let bytes = 26 * 50_000;
        let whole = sampled(&csv, Limit { bytes, seed: 7 });
        assert_eq!((whole.table.rows(), whole.rows, whole.sample), (50_000, 50_000, None));
        let limit = Limit { bytes: bytes / 10, seed: 7 };
        let part = sampled(&csv, limit);
        assert_eq!((part.rows, part.sample), (50_000, Some(Sample { fraction: 0.09, seed: 7 })));
        assert!((4_200..4_800).contains(&part.table.rows()), "{}", part.table.rows());
        assert!(part.table.rows() * 26 <= limit.bytes);
        assert_eq!(part, sampled(&csv, limit));
        assert_ne!(ids(&part), ids(&sampled(&csv, Limit { seed: 8, ..limit })));
        // A row is in or out by itself: the order of the others plays no part.
        let mut lines: Vec<_> = csv.lines().skip(1).collect();
        lines.reverse();
        assert_eq!(ids(&part), ids(&sampled(&format!("id,plan,charge\n{}\n", lines.join("\n")), limit)));
    }

    // F75
    #[test]
    fn the_type_of_a_sampled_column_is_that_of_all_its_values() {
        let mut csv = csv(20_000);
        csv.push_str("x,last,1.5\n");
        let part = sampled(&csv, Limit { bytes: 100_000, seed: 0 });
        assert!(matches!(part.table.column("id").unwrap(), crate::Column::Texts(_)));
    }

    #[test]
    fn a_limit_for_less_than_a_few_rows_is_refused() {
        let error = Table::read_csv(|| Ok(csv(10_000).leak().as_bytes()), Limit { bytes: 20, seed: 0 }).unwrap_err();
        assert!(matches!(error, DataError::LimitTooSmall { limit: 20, .. }), "{error}");
    }
}
