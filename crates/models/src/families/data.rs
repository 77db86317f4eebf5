//! The rows a family learns from.

use lineal_data::Matrix;

use super::{FamilyDescription, FitError};
use crate::{Task, labels};

/// Rows to learn from: features, one label each, and the features' names for messages.
#[derive(Debug, Clone, Copy)]
pub struct TrainingData<'a> {
    /// What the labels are.
    pub(crate) task: Task,
    /// One row per label; NaN is a missing value.
    pub(crate) features: &'a Matrix,
    /// The number of the class in a classification (1 is the positive one of two), the target in a regression.
    pub(crate) labels: &'a [f64],
    /// One name per feature column.
    pub(crate) names: &'a [String],
    /// How much each row counts.
    pub(crate) weights: Option<&'a [f64]>,
    /// Rows that are not learned from and say when to stop.
    pub(crate) validation: Option<Validation<'a>>,
}

/// Rows kept from the fit, by a rule of the caller, to say when it no longer improves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validation<'a> {
    pub(crate) features: &'a Matrix,
    pub(crate) labels: &'a [f64],
}

impl<'a> TrainingData<'a> {
    /// Features, labels and names that fit together. Every row counts once.
    ///
    /// # Errors
    /// [`FitError::Shape`], [`FitError::Empty`], and [`FitError::Infinite`] for a value beyond the finite numbers.
    pub fn new(task: Task, features: &'a Matrix, labels: &'a [f64], names: &'a [String]) -> Result<Self, FitError> {
        check_shape(features, labels, names)?;
        check_values(features, names)?;
        Ok(Self { task, features, labels, names, weights: None, validation: None })
    }

    /// The same rows, each counted `weights` times. A weight is also what makes rates of counts: with counts per unit of
    /// exposure as targets, the exposures are the weights.
    ///
    /// # Errors
    /// [`FitError::Weights`] unless there is one finite weight per row, none negative and not all 0.
    pub fn with_weights(self, weights: &'a [f64]) -> Result<Self, FitError> {
        let found = weights.len();
        let row = weights.iter().position(|weight| !weight.is_finite() || *weight < 0.0);
        if found != self.labels.len() || row.is_some() || weights.iter().all(|weight| *weight == 0.0) {
            return Err(FitError::Weights { rows: self.labels.len(), found, row });
        }
        Ok(Self { weights: Some(weights), ..self })
    }

    /// The same rows, and others with the same columns that say when a fit by rounds no longer improves.
    ///
    /// # Errors
    /// As [`TrainingData::new`], for the other rows.
    pub fn with_validation(self, features: &'a Matrix, labels: &'a [f64]) -> Result<Self, FitError> {
        check_shape(features, labels, self.names)?;
        check_values(features, self.names)?;
        Ok(Self { validation: Some(Validation { features, labels }), ..self })
    }

    /// That `family` can learn these labels; returns how many classes there are, 1 in a regression.
    pub(super) fn check_labels(&self, family: &FamilyDescription) -> Result<usize, FitError> {
        if !family.tasks.contains(&self.task) {
            let (family, takes) = (family.name, family.tasks.iter().map(|task| task.name()).collect());
            return Err(FitError::Task { family, task: self.task.name(), takes });
        }
        let classes = labels::check_labels(self.task, self.labels)?;
        if let Some(validation) = &self.validation {
            labels::check_known(self.task, validation.labels, classes)?;
        }
        Ok(classes)
    }

    /// That no value is missing.
    pub(super) fn check_complete(&self) -> Result<(), FitError> {
        let Some((row, column)) = position(self.features, f64::is_nan) else { return Ok(()) };
        let name = self.names[column].clone();
        if self.features.column(column).all(f64::is_nan) {
            return Err(FitError::EmptyColumn { column: name });
        }
        Err(FitError::Missing { column: name, row })
    }
}

fn check_shape(features: &Matrix, labels: &[f64], names: &[String]) -> Result<(), FitError> {
    let (rows, cols) = (features.rows(), features.cols());
    if labels.len() != rows || names.len() != cols {
        return Err(FitError::Shape { rows, labels: labels.len(), cols, names: names.len() });
    }
    if rows == 0 || cols == 0 {
        return Err(FitError::Empty { rows, cols });
    }
    Ok(())
}

/// The largest finite number is the tree families' own mark for "no upper end".
fn check_values(features: &Matrix, names: &[String]) -> Result<(), FitError> {
    match position(features, |value| value.abs() >= f64::MAX) {
        Some((row, column)) => Err(FitError::Infinite { column: names[column].clone(), row }),
        None => Ok(()),
    }
}

/// Row and column of the first value that is `wanted`. Many values are looked at together, which takes no decision for each.
fn position(features: &Matrix, wanted: impl Fn(f64) -> bool) -> Option<(usize, usize)> {
    const TOGETHER: usize = 1024;
    let among = |values: &&[f64]| values.iter().fold(false, |found, &value| found | wanted(value));
    let (chunk, values) = features.values().chunks(TOGETHER).enumerate().find(|(_, values)| among(values))?;
    let at = chunk * TOGETHER + values.iter().position(|&value| wanted(value))?;
    Some((at / features.cols(), at % features.cols()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY: Task = Task::BinaryClassification;

    fn names() -> Vec<String> {
        vec!["age".into(), "tenure".into()]
    }

    #[test]
    fn data_that_does_not_fit_together_is_refused() {
        let x = Matrix::new(2, 2, vec![1.0; 4]).unwrap();
        let new = |x: &Matrix, labels: &[f64], names: &[String]| {
            TrainingData::new(BINARY, x, labels, names).map(|_| ()).unwrap_err()
        };
        assert!(matches!(new(&x, &[1.0], &names()), FitError::Shape { rows: 2, labels: 1, .. }));
        assert!(matches!(new(&x, &[0.0, 1.0], &names()[..1]), FitError::Shape { names: 1, .. }));
        let empty = Matrix::new(0, 2, vec![]).unwrap();
        assert!(matches!(new(&empty, &[], &names()), FitError::Empty { rows: 0, cols: 2 }));
        let (names, wide) = (names(), Matrix::new(1, 3, vec![1.0; 3]).unwrap());
        let data = TrainingData::new(BINARY, &x, &[0.0, 1.0], &names).unwrap();
        assert!(matches!(data.with_validation(&wide, &[0.0]), Err(FitError::Shape { cols: 3, .. })));
    }

    #[test]
    fn a_bad_value_is_named_by_row_and_column() {
        let x = Matrix::new(2, 2, vec![1.0, 2.0, 3.0, f64::NEG_INFINITY]).unwrap();
        let error = TrainingData::new(BINARY, &x, &[0.0, 1.0], &names()).unwrap_err();
        assert_eq!(error, FitError::Infinite { column: "tenure".into(), row: 1 });
        let missing = |values| {
            let (x, names) = (Matrix::new(2, 2, values).unwrap(), names());
            TrainingData::new(BINARY, &x, &[0.0, 1.0], &names).unwrap().check_complete()
        };
        let error = missing(vec![1.0, 2.0, f64::NAN, 4.0]);
        assert_eq!(error, Err(FitError::Missing { column: "age".into(), row: 1 }));
        let error = missing(vec![1.0, f64::NAN, 3.0, f64::NAN]);
        assert_eq!(error, Err(FitError::EmptyColumn { column: "tenure".into() }));
    }

    #[test]
    fn weights_are_finite_and_one_for_each_row() {
        let (x, names) = (Matrix::new(2, 2, vec![1.0; 4]).unwrap(), names());
        let data = TrainingData::new(BINARY, &x, &[0.0, 1.0], &names).unwrap();
        assert!(data.with_weights(&[0.0, 2.5]).is_ok());
        for (bad, row) in
            [(&[1.0][..], None), (&[0.0, 0.0], None), (&[1.0, -1.0], Some(1)), (&[f64::NAN, 1.0], Some(0))]
        {
            let error = data.with_weights(bad).unwrap_err();
            assert_eq!(error, FitError::Weights { rows: 2, found: bad.len(), row });
        }
    }
}
