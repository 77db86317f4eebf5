//! The report on a dataset: what its values look like, and whether they may be learned from.

mod checks;
mod expectations;
mod statistics;

use lineal_kernel::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{DataError, Sample, Table};

pub use checks::Check;
pub use expectations::{ColumnExpectation, Expectations, Freshness};
pub use statistics::{ColumnStatistics, Histogram, NumberStatistics, Quantile, ValueCount};

/// What is known of a table, kept as JSON under its digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataReport {
    /// The dataset.
    pub dataset: String,
    /// The digest of the rows, as a snapshot.
    pub snapshot: Digest,
    /// How many rows.
    pub rows: u64,
    /// How many rows the source has, if these are a sample of them.
    pub sampled_from: Option<u64>,
    /// How they were chosen.
    pub sample: Option<Sample>,
    /// The digest of the expectations.
    pub expectations: Digest,
    /// Every column, in order.
    pub columns: Vec<ColumnStatistics>,
    /// Every expectation, in order.
    pub checks: Vec<Check>,
}

impl DataReport {
    /// Looks at `table`, the rows of `snapshot`, and holds it against `expectations`; `now` is what the age of rows is
    /// measured against.
    ///
    /// # Errors
    /// [`DataError::InvalidExpectation`], [`DataError::Json`].
    pub fn of(
        dataset: &str,
        table: &Table,
        snapshot: Digest,
        expectations: &Expectations,
        now: Timestamp,
    ) -> Result<Self, DataError> {
        expectations.check()?;
        let columns = table.statistics();
        Ok(Self {
            dataset: dataset.to_owned(),
            snapshot,
            rows: table.rows() as u64,
            sampled_from: None,
            sample: None,
            expectations: expectations.digest()?,
            checks: expectations.judge(table, &columns, now)?,
            columns,
        })
    }

    /// Whether every expectation is met.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }

    /// The titles of the expectations that are not met.
    pub fn failed(&self) -> Vec<String> {
        self.checks.iter().filter(|check| !check.passed).map(Check::title).collect()
    }

    /// The form that is kept.
    ///
    /// # Errors
    /// [`DataError::Json`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, DataError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Reads what [`DataReport::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`DataError::Json`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DataError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
