//! What rows are missing, and what the model is given instead.

use super::{Bound, Feature, FittedFeatures, fitted::Step, present, values::ratio};
use crate::{Column, DataError, Frame};

/// A feature that has no value in one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap<'a> {
    /// Counted from 0.
    pub row: usize,
    /// The feature.
    pub feature: &'a str,
    /// The raw column whose value is missing.
    pub column: &'a str,
    /// What stands in for it; `None` if the model is told that it is missing.
    pub fill: Option<Fill<'a>>,
}

/// What stands in for a missing value, as it was learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fill<'a> {
    /// A number, before its transform.
    Number(f64),
    /// A category.
    Text(&'a str),
}

impl FittedFeatures {
    /// Every missing value of `frame`, row after row, in the order of the features.
    ///
    /// # Errors
    /// [`DataError::MissingColumns`], [`DataError::WrongKind`].
    pub fn gaps(&self, frame: &Frame) -> Result<Vec<Gap<'_>>, DataError> {
        let columns = self.set().bind(frame)?;
        let features: Vec<_> = self.set().features.iter().zip(self.steps()).zip(columns).collect();
        let mut gaps = Vec::new();
        for row in 0..frame.rows() {
            for ((feature, step), bound) in &features {
                if let Some(column) = missing(feature, *bound, row) {
                    gaps.push(Gap { row, feature: &feature.name, column, fill: step.stand_in() });
                }
            }
        }
        Ok(gaps)
    }
}

/// The column for whose sake the feature has no value in `row`.
fn missing<'a>(feature: &'a Feature, bound: Bound<'_>, row: usize) -> Option<&'a str> {
    let source = feature.source.as_str();
    match (bound.column, bound.second) {
        (Column::Numbers(values), Some(Column::Numbers(over))) if ratio(values[row], over[row]).is_nan() => {
            Some(if values[row].is_nan() { source } else { feature.transform.second().unwrap_or(source) })
        }
        (Column::Numbers(values), None) if values[row].is_nan() => Some(source),
        (Column::Texts(texts), _) if present(texts[row].as_deref()).is_none() => Some(source),
        _ => None,
    }
}

impl Step {
    fn stand_in(&self) -> Option<Fill<'_>> {
        match self {
            Self::Number { fill, .. } | Self::Clip { fill } | Self::Log { fill } | Self::Buckets { fill, .. } => {
                fill.map(Fill::Number)
            }
            Self::Category { fill, categories } => fill.and_then(|at| categories.get(at)).map(|text| Fill::Text(text)),
            Self::DateParts => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FeatureKind, FeatureSet, MissingRule, Transform};

    #[test]
    fn missing_values_are_told_with_what_stands_in_for_them() {
        let feature = |name: &str, kind, missing, transform| Feature {
            name: format!("{name}_feature"),
            source: name.to_owned(),
            kind,
            missing,
            transform,
        };
        let (number, category) = (FeatureKind::Number, FeatureKind::Category);
        let set = FeatureSet {
            version: "v1".into(),
            features: vec![
                feature("age", number, MissingRule::Mean, Transform::Standardize),
                feature("rate", number, MissingRule::Constant(7.0), Transform::Ratio { over: "days".into() }),
                feature("raw", number, MissingRule::Unknown, Transform::None),
                feature("plan", category, MissingRule::MostFrequent, Transform::OneHot),
                feature("city", category, MissingRule::Unknown, Transform::OneHot),
            ],
            history: None,
        };
        let mut frame = Frame::new(3);
        let texts = |texts: [&str; 3]| Column::Texts(texts.map(|text| Some(text.into())).into());
        frame.push("age", Column::Numbers(vec![10.0, 20.0, f64::NAN])).unwrap();
        frame.push("rate", Column::Numbers(vec![1.0, 2.0, f64::NAN])).unwrap();
        frame.push("days", Column::Numbers(vec![2.0, 0.0, 2.0])).unwrap();
        frame.push("raw", Column::Numbers(vec![1.0, f64::NAN, 2.0])).unwrap();
        frame.push("plan", texts(["gold", "gold", ""])).unwrap();
        frame.push("city", texts(["", "Rome", "Rome"])).unwrap();
        let fitted = set.fit(&frame).unwrap();
        let gap = |row, feature, column, fill| Gap { row, feature, column, fill };
        let expected = [
            gap(0, "city_feature", "city", None),
            gap(1, "rate_feature", "days", Some(Fill::Number(7.0))),
            gap(1, "raw_feature", "raw", None),
            gap(2, "age_feature", "age", Some(Fill::Number(15.0))),
            gap(2, "rate_feature", "rate", Some(Fill::Number(7.0))),
            gap(2, "plan_feature", "plan", Some(Fill::Text("gold"))),
        ];
        assert_eq!(fitted.gaps(&frame).unwrap(), expected);
        assert!(matches!(fitted.gaps(&Frame::new(1)), Err(DataError::MissingColumns { .. })));
    }
}
