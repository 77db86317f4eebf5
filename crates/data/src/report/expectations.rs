//! What rows have to look like to be learned from.

use std::collections::HashSet;

use lineal_kernel::Digest;
use serde::{Deserialize, Serialize};

use super::ColumnStatistics;
use crate::{ColumnType, DataError};

/// A text column with more values than this has no list of allowed ones by itself.
const FEW: u64 = 20;
/// How much greater the share of missing values may become than it was.
const SLACK: f64 = 0.05;

/// What the rows of a dataset have to look like. What is not said is not checked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expectations {
    /// Columns; others may be there too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnExpectation>,
    /// Fewest rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_rows: Option<u64>,
    /// Columns that together tell every row from every other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Greatest share of rows that are equal to an earlier one, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duplicate_share: Option<f64>,
    /// How old the rows may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
}

/// What one column has to look like.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnExpectation {
    /// The column.
    pub name: String,
    /// It may be absent; what is said of it holds if it is there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// What it holds; integers count as floats.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub column_type: Option<ColumnType>,
    /// The least number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// All values there may be, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<String>>,
    /// Greatest share of missing values, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_null_share: Option<f64>,
    /// No value occurs twice.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
}

/// How old the newest row may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freshness {
    /// A column of moments.
    pub column: String,
    /// Seconds.
    pub max_age_seconds: u64,
}

impl Expectations {
    /// The digest of the canonical form: compact JSON, fields in the order of their declaration.
    ///
    /// # Errors
    /// [`DataError::Json`].
    pub fn digest(&self) -> Result<Digest, DataError> {
        Ok(Digest::of(&serde_json::to_vec(self)?))
    }

    /// What a table like the one with these statistics would meet: a proposal for people to narrow down.
    pub fn infer(statistics: &[ColumnStatistics]) -> Self {
        let column = |column: &ColumnStatistics| {
            let rows = column.count + column.nulls;
            let nulls = column.nulls as f64 / rows.max(1) as f64;
            let few = column.column_type == ColumnType::Text && column.distinct <= FEW && column.count > 2 * FEW;
            let max_null_share =
                if column.nulls == 0 { 0.0 } else { ((nulls + SLACK) * 100.0).ceil().min(100.0) / 100.0 };
            ColumnExpectation {
                name: column.name.clone(),
                column_type: Some(column.column_type),
                // Ten are known by name; with more the list would have gaps.
                allowed: (few && column.top.len() as u64 == column.distinct).then(|| {
                    let mut values: Vec<_> = column.top.iter().map(|top| top.value.clone()).collect();
                    values.sort();
                    values
                }),
                max_null_share: Some(max_null_share),
                ..ColumnExpectation::default()
            }
        };
        Self { columns: statistics.iter().map(column).collect(), min_rows: Some(1), ..Self::default() }
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`DataError::InvalidExpectation`].
    pub fn check(&self) -> Result<(), DataError> {
        let invalid = |column: &str, problem| Err(DataError::InvalidExpectation { column: column.to_owned(), problem });
        let share = |share: Option<f64>| share.is_none_or(|share| (0.0..=1.0).contains(&share));
        let mut names = HashSet::new();
        for column in &self.columns {
            let name = column.name.as_str();
            if name.is_empty() {
                return invalid(name, "name the column");
            }
            if !names.insert(name) {
                return invalid(name, "it is named twice");
            }
            if !share(column.max_null_share) {
                return invalid(name, "max_null_share: expected 0 to 1");
            }
            if [column.min, column.max].iter().flatten().any(|limit| !limit.is_finite()) {
                return invalid(name, "min and max: expected finite numbers");
            }
            if matches!((column.min, column.max), (Some(min), Some(max)) if min > max) {
                return invalid(name, "min is greater than max");
            }
            let number = column.column_type.is_none_or(ColumnType::is_number);
            if !number && (column.min.is_some() || column.max.is_some()) {
                return invalid(name, "only numbers have a min and a max");
            }
        }
        if !share(self.max_duplicate_share) {
            return invalid("", "max_duplicate_share: expected 0 to 1");
        }
        Ok(())
    }
}
