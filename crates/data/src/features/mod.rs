//! Features, declared: which raw column, what a missing value means, how it becomes numbers.

mod fit;
mod fitted;
mod gaps;
mod history;
mod infer;
mod values;

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use lineal_kernel::Digest;
use serde::{Deserialize, Serialize};

use crate::{Column, DataError, Frame};

pub use fit::MAX_CATEGORIES;
pub use fitted::FittedFeatures;
pub use gaps::{Fill, Gap};
pub use history::{History, Lag, LookBack};

/// What a feature reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureKind {
    /// Numbers; texts are refused.
    Number,
    /// Texts; numbers are refused, for how they are written (`415` or `415.0`) would decide their category.
    Category,
}

impl FeatureKind {
    fn accepts(self, column: &Column) -> bool {
        matches!((self, column), (Self::Number, Column::Numbers(_)) | (Self::Category, Column::Texts(_)))
    }

    fn content(self) -> &'static str {
        match self {
            Self::Number => "numbers",
            Self::Category => "texts",
        }
    }
}

impl fmt::Display for FeatureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "number",
            Self::Category => "category",
        })
    }
}

/// What a missing value becomes. The empty text counts as missing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingRule {
    /// The mean of the numbers seen in training.
    Mean,
    /// The median of the numbers seen in training; of an even count, the mean of the middle two.
    Median,
    /// This finite number.
    Constant(f64),
    /// The category seen most often in training, the first in order among equals.
    MostFrequent,
    /// For a category the unknown one; a number stays NaN, for models that can take it.
    Unknown,
    /// An error.
    Reject,
}

/// How a value becomes columns of the matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// A number as it is.
    None,
    /// A number less the training mean, divided by the training standard deviation (of the population, after missing
    /// values were replaced). A number that never varied in training becomes 0.
    Standardize,
    /// One column of 0 or 1 per category seen in training, in order of their UTF-8, and one for all others.
    OneHot,
    /// A number, or the limit it lies beyond.
    Clip {
        /// The least number that remains.
        low: f64,
        /// The greatest number that remains.
        high: f64,
    },
    /// The logarithm of one more than a number's size, with the number's sign: 0 stays 0.
    Log,
    /// One column of 0 or 1 per range of numbers, the ranges cut so that about as many training rows lie in each, and
    /// one for missing numbers.
    Buckets {
        /// How many ranges, 2 to 100; fewer if many training rows have the same number.
        count: u8,
    },
    /// A text like `2025-01-15` or `2025-01-15T14:30:22Z` as one column each for year, month, day, weekday (Monday is
    /// 1), hour and minute, in UTC. NaN for a missing one.
    DateParts,
    /// A number divided by the one in another column; missing if either is or that one is 0.
    Ratio {
        /// The column of divisors.
        over: String,
    },
}

impl Transform {
    /// The raw column it reads beside the feature's source.
    fn second(&self) -> Option<&str> {
        match self {
            Self::Ratio { over } => Some(over),
            _ => None,
        }
    }
}

/// One declared feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Name, its own within the set.
    pub name: String,
    /// The raw column it reads.
    pub source: String,
    /// What that column holds.
    pub kind: FeatureKind,
    /// What a missing value becomes.
    pub missing: MissingRule,
    /// How a value becomes numbers.
    pub transform: Transform,
}

impl Feature {
    fn problem(&self) -> Option<&'static str> {
        use FeatureKind::{Category, Number};
        match (self.kind, self.missing, &self.transform) {
            (Number, MissingRule::MostFrequent, _) => {
                Some("missing: most_frequent is for categories, use mean, median, constant, unknown or reject")
            }
            (Number, MissingRule::Constant(value), _) if !value.is_finite() => {
                Some("missing: the constant must be finite")
            }
            (Number, _, Transform::OneHot | Transform::DateParts) => {
                Some("transform: one_hot and date_parts are for categories, use another one")
            }
            (Number, _, Transform::Clip { low, high }) if !(low.is_finite() && high.is_finite() && low < high) => {
                Some("transform: the limits must be finite, the low one below the high one")
            }
            (Number, _, Transform::Buckets { count }) if !(2..=100).contains(count) => {
                Some("transform: 2 to 100 buckets")
            }
            (Number, _, Transform::Ratio { over }) if over.is_empty() || *over == self.source => {
                Some("transform: name another column to divide by")
            }
            (Category, MissingRule::Mean | MissingRule::Median | MissingRule::Constant(_), _) => {
                Some("missing: for a category use most_frequent, unknown or reject")
            }
            (Category, MissingRule::MostFrequent, Transform::DateParts) => {
                Some("missing: for date_parts use unknown or reject")
            }
            (Category, _, Transform::OneHot | Transform::DateParts) | (Number, ..) => None,
            (Category, ..) => Some("transform: for a category use one_hot or date_parts"),
        }
    }

    /// The raw columns it reads.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        [self.source.as_str()].into_iter().chain(self.transform.second())
    }
}

/// A versioned list of features; the order is that of the matrix's columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSet {
    /// What people call this list, e.g. `v1`.
    pub version: String,
    /// The features.
    pub features: Vec<Feature>,
    /// The columns among their sources that are told from earlier rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
}

impl FeatureSet {
    /// The digest of the canonical form: compact JSON, fields in the order of their declaration.
    ///
    /// # Errors
    /// [`DataError::Json`].
    pub fn digest(&self) -> Result<Digest, DataError> {
        Ok(Digest::of(&serde_json::to_vec(self)?))
    }

    /// Whether every feature makes sense, alone and beside the others.
    ///
    /// # Errors
    /// [`DataError::NoFeatures`], [`DataError::InvalidFeature`], [`DataError::InvalidHistory`].
    pub fn check(&self) -> Result<(), DataError> {
        if self.features.is_empty() {
            return Err(DataError::NoFeatures);
        }
        if let Some((position, problem)) = self.problems().first() {
            return Err(DataError::InvalidFeature { feature: self.features[*position].name.clone(), problem });
        }
        match self.history_problems().into_iter().next() {
            Some((field, problem)) => Err(DataError::InvalidHistory { field, problem }),
            None => Ok(()),
        }
    }

    /// What is wrong with the columns that are told from earlier rows, each with its field.
    pub fn history_problems(&self) -> Vec<(String, &'static str)> {
        let read: Vec<_> = self.features.iter().flat_map(Feature::sources).collect();
        self.history.as_ref().map(|history| history.problems(&read)).unwrap_or_default()
    }

    /// The features that make no sense, by position, with what is wrong: one problem each.
    pub fn problems(&self) -> Vec<(usize, &'static str)> {
        let (mut names, mut kinds, mut problems) = (HashSet::new(), HashMap::new(), Vec::new());
        for (position, feature) in self.features.iter().enumerate() {
            let named = names.insert(&feature.name);
            let mut agrees = true;
            for source in feature.sources() {
                agrees &= *kinds.entry(source).or_insert(feature.kind) == feature.kind;
            }
            let problem = match feature.problem() {
                Some(problem) => problem,
                None if !named => "another feature has this name",
                None if !agrees => "another feature reads the same source as the other kind",
                None => continue,
            };
            problems.push((position, problem));
        }
        problems
    }

    /// The columns of each feature, once all are there and of the right kind.
    fn bind<'a>(&self, frame: &'a Frame) -> Result<Vec<Bound<'a>>, DataError> {
        let mut columns = Vec::with_capacity(self.features.len());
        for (position, feature) in self.features.iter().enumerate() {
            let column = |position: usize, name: &str| {
                let column = frame.column_near(position, name).ok_or_else(|| self.missing_columns(frame))?;
                if feature.kind.accepts(column) { Ok(column) } else { Err(wrong_kind(feature.kind, name)) }
            };
            let second = feature.transform.second().map(|name| column(position + 1, name)).transpose()?;
            columns.push(Bound { column: column(position, &feature.source)?, second });
        }
        Ok(columns)
    }

    fn missing_columns(&self, frame: &Frame) -> DataError {
        let mut known = HashSet::new();
        let sources = self.features.iter().flat_map(Feature::sources).filter(|source| known.insert(*source));
        let expected: Vec<_> = sources.map(str::to_owned).collect();
        let there: HashSet<_> = frame.names().collect();
        let names = expected.iter().filter(|name| !there.contains(name.as_str())).cloned().collect();
        DataError::MissingColumns { names, expected }
    }
}

/// The raw columns of one feature.
#[derive(Clone, Copy)]
struct Bound<'a> {
    column: &'a Column,
    /// The one to divide by.
    second: Option<&'a Column>,
}

fn wrong_kind(expected: FeatureKind, column: &str) -> DataError {
    let found = match expected {
        FeatureKind::Number => FeatureKind::Category,
        FeatureKind::Category => FeatureKind::Number,
    };
    DataError::WrongKind { column: column.to_owned(), expected: expected.content(), found: found.content() }
}

/// A text that is neither missing nor empty.
fn present(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(kind: FeatureKind, missing: MissingRule, transform: Transform) -> Feature {
        Feature { name: "x".to_owned(), source: "x".to_owned(), kind, missing, transform }
    }

    fn set(features: Vec<Feature>) -> FeatureSet {
        FeatureSet { version: "v1".to_owned(), features, history: None }
    }

    #[test]
    fn contradictions_are_refused() {
        use FeatureKind::{Category, Number};
        for (kind, missing, transform) in [
            (Number, MissingRule::MostFrequent, Transform::None),
            (Number, MissingRule::Constant(f64::INFINITY), Transform::None),
            (Number, MissingRule::Mean, Transform::OneHot),
            (Category, MissingRule::Mean, Transform::OneHot),
            (Category, MissingRule::Constant(0.0), Transform::OneHot),
            (Category, MissingRule::Unknown, Transform::Standardize),
            (Category, MissingRule::Unknown, Transform::Log),
            (Category, MissingRule::MostFrequent, Transform::DateParts),
            (Number, MissingRule::Mean, Transform::DateParts),
            (Number, MissingRule::Mean, Transform::Clip { low: 1.0, high: 1.0 }),
            (Number, MissingRule::Mean, Transform::Clip { low: f64::NAN, high: 1.0 }),
            (Number, MissingRule::Mean, Transform::Buckets { count: 1 }),
            (Number, MissingRule::Mean, Transform::Buckets { count: 101 }),
            (Number, MissingRule::Mean, Transform::Ratio { over: "x".to_owned() }),
        ] {
            let error = set(vec![feature(kind, missing, transform)]).check().unwrap_err();
            assert!(matches!(error, DataError::InvalidFeature { .. }), "{error}");
        }
        assert!(matches!(set(vec![]).check(), Err(DataError::NoFeatures)));
        let number = feature(Number, MissingRule::Mean, Transform::None);
        let category = Feature { name: "y".to_owned(), ..feature(Category, MissingRule::Unknown, Transform::OneHot) };
        assert!(set(vec![number.clone(), number.clone()]).check().is_err());
        assert!(set(vec![number.clone(), category]).check().is_err());
        assert!(set(vec![number]).check().is_ok());
    }

    // F19
    #[test]
    fn the_digest_follows_the_declaration() {
        let text = concat!(
            r#"{"version":"v1","features":[{"name":"x","source":"x","kind":"number","#,
            r#""missing":{"constant":1.5},"transform":"standardize"}]}"#
        );
        let set: FeatureSet = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&set).unwrap(), text);
        assert_eq!(set.digest().unwrap(), Digest::of(text.as_bytes()));
        let mut other = set.clone();
        other.features[0].missing = MissingRule::Mean;
        assert_ne!(other.digest().unwrap(), set.digest().unwrap());
        assert!(serde_json::from_str::<FeatureSet>(&text.replace("source", "sauce")).is_err());
    }
}
