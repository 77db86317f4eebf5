//! Fitted features: raw columns in, matrix out.

use serde::{Deserialize, Serialize};

use super::{Feature, FeatureKind, FeatureSet, MissingRule, present, wrong_kind};
use crate::{Column, DataError, Frame, Matrix};

/// Rows evaluated together, so that their part of the matrix stays in the cache while column after column is written.
const BLOCK: usize = 512;

/// What one feature learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// `(value - center) / scale`, or 0 without a scale; `fill` stands in for a missing value.
    Number { fill: Option<f64>, center: f64, scale: f64 },
    /// Sorted texts, one column each and one more for others; `fill` is the position taken by a missing value.
    Category { fill: Option<usize>, categories: Vec<Box<str>> },
}

impl Step {
    fn width(&self) -> usize {
        match self {
            Self::Number { .. } => 1,
            Self::Category { categories, .. } => categories.len() + 1,
        }
    }

    fn problem(&self, kind: FeatureKind) -> Option<&'static str> {
        match (self, kind) {
            (Self::Number { fill, center, scale }, FeatureKind::Number) => {
                let finite = [fill.unwrap_or(0.0), *center, *scale].iter().all(|value| value.is_finite());
                (!finite || *scale < 0.0).then_some("its numbers are out of range")
            }
            (Self::Category { fill, categories }, FeatureKind::Category) => {
                let sorted = categories.is_sorted_by(|a, b| a < b);
                (!sorted || fill.is_some_and(|fill| fill >= categories.len())).then_some("its categories do not fit")
            }
            _ => Some("it is of the other kind"),
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
            if let Some(problem) = step.problem(feature.kind) {
                return Err(damaged(&feature.name, problem));
            }
        }
        Ok(Self { width: steps.iter().map(Step::width).sum(), set, steps })
    }

    /// The features as they were declared.
    pub fn set(&self) -> &FeatureSet {
        &self.set
    }

    /// The raw columns needed and what they hold, each once.
    pub fn inputs(&self) -> Vec<(&str, FeatureKind)> {
        let mut inputs: Vec<(&str, FeatureKind)> = Vec::new();
        for feature in &self.set.features {
            if inputs.iter().all(|(name, _)| *name != feature.source) {
                inputs.push((&feature.source, feature.kind));
            }
        }
        inputs
    }

    /// The matrix's columns: the feature's name, for a category with `=` and the text or `=<unknown>`.
    pub fn output_names(&self) -> Vec<String> {
        let features = self.set.features.iter().zip(&self.steps);
        let names = features.flat_map(|(feature, step)| match step {
            Step::Number { .. } => vec![feature.name.clone()],
            Step::Category { categories, .. } => {
                let texts = categories.iter().map(|text| &**text).chain(["<unknown>"]);
                texts.map(|text| format!("{}={text}", feature.name)).collect()
            }
        });
        names.collect()
    }

    /// Evaluates every row of `frame`, whose other columns are ignored; `frame.rows()` by `output_names().len()`.
    ///
    /// # Errors
    /// [`DataError::MissingColumns`], [`DataError::WrongKind`], [`DataError::MissingValue`], [`DataError::NotFinite`].
    pub fn transform(&self, frame: &Frame) -> Result<Matrix, DataError> {
        let columns = self.set.bind(frame)?;
        let mut matrix = Matrix::zeros(frame.rows(), self.width);
        for (block, values) in matrix.blocks_mut(BLOCK).enumerate() {
            let mut offset = 0;
            for ((feature, step), column) in self.set.features.iter().zip(&self.steps).zip(&columns) {
                let end = offset + step.width();
                let outputs = values.chunks_exact_mut(self.width).map(|row| &mut row[offset..end]);
                evaluate(feature, step, column, block * BLOCK, outputs)?;
                offset = end;
            }
        }
        Ok(matrix)
    }
}

/// Writes the rows of `column` from `first` on into `outputs`, which are zero.
fn evaluate<'a>(
    feature: &Feature,
    step: &Step,
    column: &Column,
    first: usize,
    outputs: impl ExactSizeIterator<Item = &'a mut [f64]>,
) -> Result<(), DataError> {
    let rows = first..first + outputs.len();
    match (step, column) {
        (Step::Number { fill, center, scale }, Column::Numbers(values)) => {
            let values = &values[rows];
            check_numbers(feature, values, first)?;
            let fill = fill.unwrap_or(f64::NAN);
            for (output, &value) in outputs.zip(values) {
                let value = if value.is_nan() { fill } else { value };
                output[0] = if *scale == 0.0 { 0.0 } else { (value - center) / scale };
            }
        }
        (Step::Category { fill, categories }, Column::Texts(texts)) => {
            for ((output, text), row) in outputs.zip(&texts[rows.clone()]).zip(rows) {
                let position = match present(text.as_deref()) {
                    Some(text) => categories.binary_search_by(|known| (**known).cmp(text)).ok(),
                    None if feature.missing == MissingRule::Reject => {
                        return Err(DataError::MissingValue { column: feature.source.clone(), row });
                    }
                    None => *fill,
                };
                output[position.unwrap_or(categories.len())] = 1.0;
            }
        }
        _ => return Err(wrong_kind(feature)),
    }
    Ok(())
}

/// Refuses infinite numbers and, if the feature says so, missing ones; `values` begin at row `first`.
pub(super) fn check_numbers(feature: &Feature, values: &[f64], first: usize) -> Result<(), DataError> {
    let column = || feature.source.clone();
    if let Some(row) = values.iter().position(|value| value.is_infinite()) {
        return Err(DataError::NotFinite { column: column(), row: first + row });
    }
    let missing = values.iter().position(|value| value.is_nan());
    match (feature.missing, missing) {
        (MissingRule::Reject, Some(row)) => Err(DataError::MissingValue { column: column(), row: first + row }),
        _ => Ok(()),
    }
}
