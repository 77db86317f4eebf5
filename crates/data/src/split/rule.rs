//! What tells rows apart.

use std::collections::{BTreeMap, BTreeSet};

use lineal_kernel::Digest;
use serde::{Deserialize, Serialize};

use crate::{DataError, moment};

/// How rows are told apart; two rules that differ in nothing but their version split alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitRule {
    /// What people call this rule, e.g. `v1`.
    pub version: String,
    /// Chooses one of the possible splits.
    pub seed: u64,
    /// The expected share of reference rows, between 0 and 1, both excluded.
    pub reference_fraction: f64,
    /// What a row's part depends on.
    #[serde(default)]
    pub kind: SplitKind,
    /// Further parts that are never learned from, with their shares; in this order they follow the reference.
    #[serde(default)]
    pub tests: Vec<TestPart>,
    /// Only rows of this time.
    #[serde(default)]
    pub window: Option<Window>,
    /// Only rows that have these values, as texts, in these columns.
    #[serde(default)]
    pub scope: BTreeMap<String, String>,
}

/// What a row's part depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitKind {
    /// All its values: equal rows land together and other rows play no part.
    #[default]
    Row,
    /// The values of these columns alone, so that e.g. all rows of a customer land together.
    Group(Vec<String>),
    /// All its values, with the shares of each value of this column, the label, as in the whole table.
    Stratified(String),
    /// The time in this column: the reference is the latest, then come the tests, and the oldest rows train.
    Time(TimeCut),
}

/// How a time column is cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeCut {
    /// A column of times.
    pub column: String,
    /// Where the reference and each test begin, as microseconds since 1970, latest first. Empty until a table says
    /// where the shares lie.
    #[serde(default)]
    pub starts: Vec<i64>,
}

/// A named part that is never learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestPart {
    /// Its name, its own within the rule.
    pub name: String,
    /// Its expected share of the rows.
    pub fraction: f64,
}

/// A span of time that rows have to be from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// A column of times.
    pub column: String,
    /// The first moment, as ISO 8601 writes it; none for no limit.
    #[serde(default)]
    pub start: Option<String>,
    /// The first moment after it; none for no limit.
    #[serde(default)]
    pub end: Option<String>,
    /// How far ahead of its row a label looks, in seconds: it must be known by the end, and before the reference of a
    /// split by time begins.
    #[serde(default)]
    pub horizon_seconds: u64,
}

/// Names that parts have already.
const TAKEN: [&str; 4] = ["train", "training", "reference", "extra"];

impl SplitRule {
    /// The rule that looks at whole rows.
    pub fn rows(version: impl Into<String>, seed: u64, reference_fraction: f64) -> Self {
        Self {
            version: version.into(),
            seed,
            reference_fraction,
            kind: SplitKind::Row,
            tests: Vec::new(),
            window: None,
            scope: BTreeMap::new(),
        }
    }

    /// The seed that a name stands for, so that a split can be repeated wherever its name is known.
    pub fn seed_of(name: &str) -> u64 {
        let digits = Digest::of(name.as_bytes()).hex();
        digits
            .bytes()
            .take(16)
            .fold(0, |seed, digit| seed << 4 | u64::from(char::from(digit).to_digit(16).unwrap_or(0)))
    }

    /// The digest of the canonical form: compact JSON, fields in the order of their declaration.
    ///
    /// # Errors
    /// [`DataError::Json`].
    pub fn digest(&self) -> Result<Digest, DataError> {
        Ok(Digest::of(&serde_json::to_vec(self)?))
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`DataError::BadFraction`], [`DataError::InvalidSplit`].
    pub fn check(&self) -> Result<(), DataError> {
        let shares = self.tests.iter().map(|test| test.fraction).chain([self.reference_fraction]);
        if let Some(fraction) = shares.clone().find(|share| !(*share > 0.0 && *share < 1.0)) {
            return Err(DataError::BadFraction { fraction });
        }
        if shares.sum::<f64>() >= 1.0 {
            return Err(invalid("tests", "with the reference they leave no rows to learn from"));
        }
        let mut names: BTreeSet<_> = TAKEN.into();
        if !self.tests.iter().all(|test| !test.name.is_empty() && names.insert(&test.name)) {
            return Err(invalid("tests", "each needs a name of its own, and not train, reference or extra"));
        }
        match &self.kind {
            SplitKind::Group(columns) if columns.is_empty() => return Err(invalid("group", "name a column")),
            SplitKind::Group(columns) if columns.iter().collect::<BTreeSet<_>>().len() < columns.len() => {
                return Err(invalid("group", "a column is named twice"));
            }
            SplitKind::Time(cut) if !cut.starts.is_empty() && cut.starts.len() != 1 + self.tests.len() => {
                return Err(invalid("time", "a given cut makes train and reference, leave out the tests"));
            }
            SplitKind::Stratified(column) | SplitKind::Time(TimeCut { column, .. }) if column.is_empty() => {
                return Err(invalid("column", "name the column"));
            }
            SplitKind::Row | SplitKind::Group(_) | SplitKind::Stratified(_) | SplitKind::Time(_) => {}
        }
        self.window.as_ref().map_or(Ok(()), |window| window.bounds().map(drop))
    }
}

impl Window {
    /// The first moment and the first one after it, in microseconds since 1970.
    pub(super) fn bounds(&self) -> Result<(i64, i64), DataError> {
        if self.column.is_empty() {
            return Err(invalid("window", "name the column"));
        }
        let moment = |text: &Option<String>, open: i64| match text {
            Some(text) => moment::micros(text).ok_or(invalid("window", "expected times like 2025-01-15T14:30:22Z")),
            None => Ok(open),
        };
        let (start, end) = (moment(&self.start, i64::MIN)?, moment(&self.end, i64::MAX)?);
        if start >= end {
            return Err(invalid("window", "the start must be before the end"));
        }
        Ok((start, end))
    }

    /// How far a label looks ahead, in microseconds.
    pub(super) fn horizon(&self) -> i64 {
        i64::try_from(self.horizon_seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000)
    }
}

fn invalid(field: &'static str, problem: &'static str) -> DataError {
    DataError::InvalidSplit { field, problem }
}
