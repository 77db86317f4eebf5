//! Fitted features: raw columns in, matrix out.

use std::collections::HashSet;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Bound, Feature, FeatureKind, FeatureSet, MissingRule, Transform, present,
    values::{DATE_PARTS, bucket, date_parts, log, ratio},
    wrong_kind,
};
use crate::{Column, DataError, Frame, Matrix, table::SHARED};

/// Rows evaluated together, so that their part of the matrix stays in the cache while column after column is written.
const BLOCK: usize = 512;

/// What one feature learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// `(value - center) / scale`, or 0 without a scale; `fill` stands in for a missing value.
    Number {
        fill: Option<f64>,
        center: f64,
        scale: f64,
    },
    /// Sorted texts, one column each and one more for others; `fill` is the position taken by a missing value.
    Category {
        fill: Option<usize>,
        categories: Vec<Box<str>>,
    },
    /// The limits are the declared ones.
    Clip {
        fill: Option<f64>,
    },
    Log {
        fill: Option<f64>,
    },
    /// One column per range between ascending edges, and one for a missing value without a `fill`.
    Buckets {
        fill: Option<f64>,
        edges: Vec<f64>,
    },
    /// Nothing was learned.
    DateParts,
}

impl Step {
    fn width(&self) -> usize {
        match self {
            Self::Number { .. } | Self::Clip { .. } | Self::Log { .. } => 1,
            Self::Category { categories, .. } => categories.len() + 1,
            Self::Buckets { edges, .. } => edges.len() + 2,
            Self::DateParts => DATE_PARTS.len(),
        }
    }

    /// Why it cannot be what `feature` learned.
    pub(super) fn problem(&self, feature: &Feature) -> Option<&'static str> {
        use FeatureKind::{Category, Number};
        let finite = |fill: &Option<f64>| fill.is_none_or(f64::is_finite);
        let fits = match (self, feature.kind, &feature.transform) {
            (
                Self::Number { fill, center, scale },
                Number,
                Transform::None | Transform::Standardize | Transform::Ratio { .. },
            ) => finite(fill) && center.is_finite() && scale.is_finite() && *scale >= 0.0,
            (Self::Clip { fill }, Number, Transform::Clip { .. }) | (Self::Log { fill }, Number, Transform::Log) => {
                finite(fill)
            }
            (Self::Buckets { fill, edges }, Number, Transform::Buckets { count }) => {
                let few = edges.len() < usize::from(*count);
                few && finite(fill) && edges.iter().all(|edge| edge.is_finite()) && edges.is_sorted_by(|a, b| a < b)
            }
            (Self::Category { fill, categories }, Category, Transform::OneHot) => {
                categories.is_sorted_by(|a, b| a < b) && fill.is_none_or(|fill| fill < categories.len())
            }
            (Self::DateParts, Category, Transform::DateParts) => true,
            _ => return Some("it is of the other kind"),
        };
        (!fits).then_some("what it learned is out of range")
    }

    /// The matrix's columns of `feature`.
    fn names(&self, feature: &Feature) -> Vec<String> {
        let name = &feature.name;
        match self {
            Self::Number { .. } | Self::Clip { .. } | Self::Log { .. } => vec![name.clone()],
            Self::Category { categories, .. } => {
                let texts = categories.iter().map(|text| &**text).chain(["<unknown>"]);
                texts.map(|text| format!("{name}={text}")).collect()
            }
            Self::Buckets { edges, .. } => {
                let starts = [f64::NEG_INFINITY].into_iter().chain(edges.iter().copied());
                let ends = edges.iter().copied().chain([f64::INFINITY]);
                let ranges = starts.zip(ends).map(|(start, end)| format!("{name}={start}..{end}"));
                ranges.chain([format!("{name}=<missing>")]).collect()
            }
            Self::DateParts => DATE_PARTS.map(|part| format!("{name}.{part}")).into(),
        }
    }
}

/// A feature set with what it learned: evaluates raw columns the same way in training, in batch and online.
///
/// Serializable as part of a bundle; reading checks it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct FittedFeatures {
    set: FeatureSet,
    steps: Vec<Step>,
    #[serde(skip)]
    width: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    set: FeatureSet,
    steps: Vec<Step>,
}

impl TryFrom<Stored> for FittedFeatures {
    type Error = DataError;

    fn try_from(Stored { set, steps }: Stored) -> Result<Self, DataError> {
        set.check()?;
        Self::new(set, steps)
    }
}

impl FittedFeatures {
    /// Pairs each feature of a checked set with what it learned.
    pub(super) fn new(set: FeatureSet, steps: Vec<Step>) -> Result<Self, DataError> {
        let damaged = |feature: &str, problem| DataError::DamagedFeatures { feature: feature.to_owned(), problem };
        if set.features.len() != steps.len() {
            return Err(damaged(&set.version, "it has another number of features than its set"));
        }
        for (feature, step) in set.features.iter().zip(&steps) {
            if let Some(problem) = step.problem(feature) {
                return Err(damaged(&feature.name, problem));
            }
        }
        Ok(Self { width: steps.iter().map(Step::width).sum(), set, steps })
    }

    /// What each feature learned, in order.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The features as they were declared.
    pub fn set(&self) -> &FeatureSet {
        &self.set
    }

    /// The raw columns needed and what they hold, each once.
    pub fn inputs(&self) -> Vec<(&str, FeatureKind)> {
        let mut known = HashSet::new();
        let sources =
            self.set.features.iter().flat_map(|feature| feature.sources().map(|source| (source, feature.kind)));
        sources.filter(|(source, _)| known.insert(*source)).collect()
    }

    /// The matrix's columns: the feature's name; for a category with `=` and the text or `=<unknown>`, for buckets with
    /// `=` and the range or `=<missing>`, for a date with `.` and the part.
    pub fn output_names(&self) -> Vec<String> {
        self.set.features.iter().zip(&self.steps).flat_map(|(feature, step)| step.names(feature)).collect()
    }

    /// Evaluates every row of `frame`, whose other columns are ignored; `frame.rows()` by `output_names().len()`.
    ///
    /// # Errors
    /// [`DataError::MissingColumns`], [`DataError::WrongKind`], [`DataError::MissingValue`], [`DataError::NotFinite`].
    pub fn transform(&self, frame: &Frame) -> Result<Matrix, DataError> {
        let columns = self.set.bind(frame)?;
        let mut matrix = Matrix::zeros(frame.rows(), self.width);
        if frame.rows() < SHARED {
            matrix.blocks_mut(BLOCK).enumerate().try_for_each(|(block, values)| self.write(&columns, block, values))?;
        } else {
            let blocks: Vec<_> = matrix.blocks_mut(BLOCK).enumerate().collect();
            let first = |(block, values)| self.write(&columns, block, values).err();
            if let Some(error) = blocks.into_par_iter().find_map_first(first) {
                return Err(error);
            }
        }
        Ok(matrix)
    }

    /// Writes the rows of a block of the matrix.
    fn write(&self, columns: &[Bound<'_>], block: usize, values: &mut [f64]) -> Result<(), DataError> {
        let mut offset = 0;
        for ((feature, step), bound) in self.set.features.iter().zip(&self.steps).zip(columns) {
            let end = offset + step.width();
            let outputs = values.chunks_exact_mut(self.width).map(|row| &mut row[offset..end]);
            evaluate(feature, step, *bound, block * BLOCK, outputs)?;
            offset = end;
        }
        Ok(())
    }
}

/// Writes the rows of `bound` from `first` on into `outputs`, which are zero.
fn evaluate<'a>(
    feature: &Feature,
    step: &Step,
    bound: Bound<'_>,
    first: usize,
    outputs: impl ExactSizeIterator<Item = &'a mut [f64]>,
) -> Result<(), DataError> {
    let rows = first..first + outputs.len();
    match (step, bound.column, bound.second) {
        (Step::Number { fill, center, scale }, Column::Numbers(values), None) => {
            let values = &values[rows];
            check_numbers(feature, values, first)?;
            let fill = fill.unwrap_or(f64::NAN);
            for (output, &value) in outputs.zip(values) {
                let value = if value.is_nan() { fill } else { value };
                output[0] = if *scale == 0.0 { 0.0 } else { (value - center) / scale };
            }
        }
        (Step::Number { fill, .. }, Column::Numbers(values), Some(Column::Numbers(over))) => {
            let (values, over) = (&values[rows.clone()], &over[rows]);
            check_finite(&feature.source, values, first)?;
            check_finite(feature.transform.second().unwrap_or_default(), over, first)?;
            for (row, (output, (&value, &over))) in outputs.zip(values.iter().zip(over)).enumerate() {
                output[0] = filled(feature, *fill, ratio(value, over), first + row)?;
            }
        }
        (Step::Clip { fill } | Step::Log { fill } | Step::Buckets { fill, .. }, Column::Numbers(values), None) => {
            let values = &values[rows];
            check_numbers(feature, values, first)?;
            for (row, (output, &value)) in outputs.zip(values).enumerate() {
                let value = filled(feature, *fill, value, first + row)?;
                match (step, &feature.transform) {
                    (Step::Buckets { edges, .. }, _) if value.is_nan() => output[edges.len() + 1] = 1.0,
                    (Step::Buckets { edges, .. }, _) => output[bucket(edges, value)] = 1.0,
                    (_, Transform::Clip { low, high }) => output[0] = value.clamp(*low, *high),
                    _ => output[0] = log(value),
                }
            }
        }
        (Step::DateParts, Column::Texts(texts), None) => write_dates(feature, &texts[rows], first, outputs)?,
        (Step::Category { fill, categories }, Column::Texts(texts), None) => {
            for ((output, text), row) in outputs.zip(&texts[rows.clone()]).zip(rows) {
                let position = match present(text.as_deref()) {
                    Some(text) => known_as(categories, text),
                    None if feature.missing == MissingRule::Reject => return Err(missing(&feature.source, row)),
                    None => *fill,
                };
                output[position.unwrap_or(categories.len())] = 1.0;
            }
        }
        _ => return Err(wrong_kind(feature.kind, &feature.source)),
    }
    Ok(())
}

/// The position of a text among sorted ones. Files and languages write truth values as `true`, `True` or `TRUE`: one that was not
/// learned so is the only one that was learned otherwise.
fn known_as(categories: &[Box<str>], text: &str) -> Option<usize> {
    if let Ok(position) = categories.binary_search_by(|known| (**known).cmp(text)) {
        return Some(position);
    }
    if !["true", "false"].iter().any(|truth| truth.eq_ignore_ascii_case(text)) {
        return None;
    }
    let mut alike = categories.iter().enumerate().filter(|(_, known)| known.eq_ignore_ascii_case(text));
    match (alike.next(), alike.next()) {
        (Some((position, _)), None) => Some(position),
        _ => None,
    }
}

/// The number, or what stands in for a missing one.
fn filled(feature: &Feature, fill: Option<f64>, value: f64, row: usize) -> Result<f64, DataError> {
    match (value.is_nan(), feature.missing) {
        (true, MissingRule::Reject) => Err(missing(&feature.source, row)),
        (true, _) => Ok(fill.unwrap_or(f64::NAN)),
        (false, _) => Ok(value),
    }
}

/// Writes the parts of dates; `texts` begin at row `first`.
pub(super) fn write_dates<'a>(
    feature: &Feature,
    texts: &[Option<Box<str>>],
    first: usize,
    outputs: impl Iterator<Item = &'a mut [f64]>,
) -> Result<(), DataError> {
    for (row, (output, text)) in outputs.zip(texts).enumerate() {
        let row = first + row;
        let parts = match present(text.as_deref()) {
            Some(text) => {
                date_parts(text).ok_or_else(|| DataError::NotATime { column: feature.source.clone(), row })?
            }
            None if feature.missing == MissingRule::Reject => return Err(missing(&feature.source, row)),
            None => [f64::NAN; DATE_PARTS.len()],
        };
        output.copy_from_slice(&parts);
    }
    Ok(())
}

/// Refuses infinite numbers and, if the feature says so, missing ones; `values` begin at row `first`.
pub(super) fn check_numbers(feature: &Feature, values: &[f64], first: usize) -> Result<(), DataError> {
    check_finite(&feature.source, values, first)?;
    // The missing quotients of a ratio are those of its two columns and of division by 0.
    if feature.missing != MissingRule::Reject {
        return Ok(());
    }
    match values.iter().position(|value| value.is_nan()) {
        Some(row) => Err(missing(&feature.source, first + row)),
        None => Ok(()),
    }
}

/// Refuses infinite numbers; `values` begin at row `first`.
pub(super) fn check_finite(column: &str, values: &[f64], first: usize) -> Result<(), DataError> {
    // All of them at once is faster than one by one until there is such a number, and there hardly ever is.
    if values.iter().map(|value| u64::from(value.is_infinite())).sum::<u64>() == 0 {
        return Ok(());
    }
    match values.iter().position(|value| value.is_infinite()) {
        Some(row) => Err(DataError::NotFinite { column: column.to_owned(), row: first + row }),
        None => Ok(()),
    }
}

fn missing(column: &str, row: usize) -> DataError {
    DataError::MissingValue { column: column.to_owned(), row }
}
