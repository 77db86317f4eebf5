//! What features learn from training rows.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{
    Bound, Feature, FeatureSet, FittedFeatures, MissingRule, Transform,
    fitted::{Step, check_finite, check_numbers, write_dates},
    present,
    values::{DATE_PARTS, ratio},
    wrong_kind,
};
use crate::{Column, DataError, Frame, table::SHARED};

/// How many distinct texts a category may have.
pub const MAX_CATEGORIES: usize = 200;

impl FeatureSet {
    /// Learns means, deviations and categories from `frame`, adding in row order so that the result is always the same.
    ///
    /// # Errors
    /// [`DataError::NoFeatures`] and [`DataError::InvalidFeature`] for the set itself. For the frame and by column:
    /// [`DataError::MissingColumns`], [`DataError::WrongKind`], [`DataError::NotFinite`], [`DataError::MissingValue`],
    /// [`DataError::NoValues`], [`DataError::TooLarge`], [`DataError::TooManyCategories`], [`DataError::TextAmongNumbers`].
    pub fn fit(&self, frame: &Frame) -> Result<FittedFeatures, DataError> {
        self.check()?;
        let columns = self.bind(frame)?;
        let pairs = || self.features.iter().zip(&columns);
        let steps: Vec<_> = if frame.rows() < SHARED {
            pairs().map(learn).collect()
        } else {
            // Each error in its place, so that the first one is told.
            pairs().collect::<Vec<_>>().into_par_iter().map(learn).collect()
        };
        FittedFeatures::new(self.clone(), steps.into_iter().collect::<Result<_, _>>()?)
    }
}

fn learn((feature, bound): (&Feature, &Bound<'_>)) -> Result<Step, DataError> {
    match (bound.column, bound.second) {
        (Column::Numbers(values), None) => number(feature, values),
        (Column::Numbers(values), Some(Column::Numbers(over))) => number(feature, &quotients(feature, values, over)?),
        (Column::Texts(values), None) => category(feature, values),
        (_, Some(_)) => Err(wrong_kind(feature.kind, &feature.source)),
    }
}

fn number(feature: &Feature, values: &[f64]) -> Result<Step, DataError> {
    check_numbers(feature, values, 0)?;
    let no_values = || DataError::NoValues { column: feature.source.clone() };
    let present = || values.iter().copied().filter(|value| !value.is_nan());
    let fill = match feature.missing {
        MissingRule::Mean => Some(moments(present()).ok_or_else(no_values)?.0),
        MissingRule::Median => Some(median(present().collect()).ok_or_else(no_values)?),
        MissingRule::Constant(value) => Some(value),
        MissingRule::Unknown | MissingRule::Reject => None,
        MissingRule::MostFrequent => return Err(wrong_kind(feature.kind, &feature.source)),
    };
    let filled = values.iter().map(|&value| if value.is_nan() { fill.unwrap_or(value) } else { value });
    let filled = filled.filter(|value| !value.is_nan());
    let (center, scale) = match &feature.transform {
        Transform::None | Transform::Ratio { .. } => (0.0, 1.0),
        Transform::Standardize => moments(filled).ok_or_else(no_values)?,
        Transform::Clip { .. } => return checked(feature, Step::Clip { fill }),
        Transform::Log => return checked(feature, Step::Log { fill }),
        Transform::Buckets { count } => {
            let edges = edges(filled.collect(), *count).ok_or_else(no_values)?;
            return checked(feature, Step::Buckets { fill, edges });
        }
        Transform::OneHot | Transform::DateParts => return Err(wrong_kind(feature.kind, &feature.source)),
    };
    checked(feature, Step::Number { fill, center, scale })
}

/// What was learned, unless its numbers are beyond an `f64`.
fn checked(feature: &Feature, step: Step) -> Result<Step, DataError> {
    if step.problem(feature).is_some() {
        return Err(DataError::TooLarge { column: feature.source.clone() });
    }
    Ok(step)
}

/// The quotients of a ratio, infinite numbers refused.
fn quotients(feature: &Feature, values: &[f64], over: &[f64]) -> Result<Vec<f64>, DataError> {
    check_finite(&feature.source, values, 0)?;
    check_finite(feature.transform.second().unwrap_or_default(), over, 0)?;
    Ok(values.iter().zip(over).map(|(&value, &over)| ratio(value, over)).collect())
}

/// Where ranges end that hold about as many of the values each; every edge once.
fn edges(mut values: Vec<f64>, count: u8) -> Option<Vec<f64>> {
    values.sort_unstable_by(f64::total_cmp);
    let (rows, least) = (values.len(), *values.first()?);
    let mut edges: Vec<_> = (1..usize::from(count)).map(|bucket| values[bucket * rows / usize::from(count)]).collect();
    edges.dedup();
    // Nothing lies below the least value.
    edges.retain(|edge| *edge > least);
    Some(edges)
}

fn category(feature: &Feature, values: &[Option<Box<str>>]) -> Result<Step, DataError> {
    if feature.transform == Transform::DateParts {
        let mut parts = vec![0.0; values.len() * DATE_PARTS.len()];
        write_dates(feature, values, 0, parts.chunks_exact_mut(DATE_PARTS.len()))?;
        return Ok(Step::DateParts);
    }
    let counts = tally(&feature.source, values.iter().map(Option::as_deref))?;
    let missing = values.iter().position(|text| present(text.as_deref()).is_none());
    if let (MissingRule::Reject, Some(row)) = (feature.missing, missing) {
        return Err(DataError::MissingValue { column: feature.source.clone(), row });
    }
    if counts.is_empty() {
        return Err(DataError::NoValues { column: feature.source.clone() });
    }
    let fill = match feature.missing {
        // The first of the greatest: `max_by_key` would keep the last.
        MissingRule::MostFrequent => counts.values().enumerate().rev().max_by_key(|(_, count)| **count).map(|(i, _)| i),
        _ => None,
    };
    Ok(Step::Category { fill, categories: counts.into_keys().map(Box::from).collect() })
}

/// How often each text occurs, in order of the texts.
pub(super) fn tally<'a>(
    column: &str,
    texts: impl Iterator<Item = Option<&'a str>> + Clone,
) -> Result<BTreeMap<&'a str, usize>, DataError> {
    let mut counts = BTreeMap::new();
    for text in texts.clone().filter_map(present) {
        *counts.entry(text).or_insert(0) += 1;
        if counts.len() > MAX_CATEGORIES {
            let column = column.to_owned();
            let mostly = 2 * counts.keys().filter(|text| is_number(text)).count() > counts.len();
            return Err(match texts.filter_map(present).find(|text| mostly && !is_number(text)) {
                Some(text) => DataError::TextAmongNumbers { column, text: text.chars().take(64).collect() },
                None => DataError::TooManyCategories { column, limit: MAX_CATEGORIES },
            });
        }
    }
    Ok(counts)
}

fn is_number(text: &str) -> bool {
    text.trim().parse::<f64>().is_ok_and(f64::is_finite)
}

/// Mean and population standard deviation in two passes; exactly `(v, 0)` if every value is `v`.
fn moments(values: impl Iterator<Item = f64> + Clone) -> Option<(f64, f64)> {
    let first = values.clone().next()?;
    // The rounded mean of equal values may differ from them, and the deviation from it would be noise.
    if values.clone().all(|value| value.total_cmp(&first).is_eq()) {
        return Some((first, 0.0));
    }
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    Some((mean, variance.sqrt()))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some(low.midpoint(*high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_no_deviation() {
        assert_eq!(moments([0.1; 10].into_iter()), Some((0.1, 0.0)));
        assert_eq!(moments([].into_iter()), None);
        assert_eq!(moments([1.0, 3.0].into_iter()), Some((2.0, 1.0)));
    }

    #[test]
    fn the_median_is_the_middle_or_between_the_middle_two() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![f64::MAX, f64::MAX]), Some(f64::MAX));
        assert_eq!(median(vec![]), None);
    }
}
