//! The rows a family learns from.

use lineal_data::Matrix;

use super::FitError;

/// Rows to learn from: features, one label each, and the features' names for messages.
#[derive(Debug, Clone, Copy)]
pub struct TrainingData<'a> {
    /// One row per label; NaN is a missing value.
    pub(crate) features: &'a Matrix,
    /// 0 or 1 in a classification, the target in a regression.
    pub(crate) labels: &'a [f64],
    /// One name per feature column.
    pub(crate) names: &'a [String],
}

impl<'a> TrainingData<'a> {
    /// Features, labels and names that fit together.
    ///
    /// # Errors
    /// [`FitError::Shape`], [`FitError::Empty`], and [`FitError::Infinite`] for a value beyond the finite numbers.
    pub fn new(features: &'a Matrix, labels: &'a [f64], names: &'a [String]) -> Result<Self, FitError> {
        let (rows, cols) = (features.rows(), features.cols());
        if labels.len() != rows || names.len() != cols {
            return Err(FitError::Shape { rows, labels: labels.len(), cols, names: names.len() });
        }
        if rows == 0 || cols == 0 {
            return Err(FitError::Empty { rows, cols });
        }
        let data = Self { features, labels, names };
        // The largest finite number is the tree library's own mark for "no upper end".
        match data.position(|value| value.abs() >= f64::MAX) {
            Some((row, column)) => Err(FitError::Infinite { column, row }),
            None => Ok(data),
        }
    }

    /// That no value is missing.
    pub(super) fn check_complete(&self) -> Result<(), FitError> {
        match self.position(f64::is_nan) {
            Some((row, column)) => Err(FitError::Missing { column, row }),
            None => Ok(()),
        }
    }

    /// Row and column name of the first value that is `wanted`.
    fn position(&self, wanted: impl Fn(f64) -> bool) -> Option<(usize, String)> {
        let at = self.features.values().iter().position(|&value| wanted(value))?;
        Some((at / self.names.len(), self.names[at % self.names.len()].clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        vec!["age".into(), "tenure".into()]
    }

    #[test]
    fn data_that_does_not_fit_together_is_refused() {
        let x = Matrix::new(2, 2, vec![1.0; 4]).unwrap();
        assert!(matches!(TrainingData::new(&x, &[1.0], &names()), Err(FitError::Shape { rows: 2, labels: 1, .. })));
        assert!(matches!(TrainingData::new(&x, &[0.0, 1.0], &names()[..1]), Err(FitError::Shape { names: 1, .. })));
        let empty = Matrix::new(0, 2, vec![]).unwrap();
        assert!(matches!(TrainingData::new(&empty, &[], &names()), Err(FitError::Empty { rows: 0, cols: 2 })));
    }

    #[test]
    fn a_bad_value_is_named_by_row_and_column() {
        let x = Matrix::new(2, 2, vec![1.0, 2.0, 3.0, f64::NEG_INFINITY]).unwrap();
        let error = TrainingData::new(&x, &[0.0, 1.0], &names()).unwrap_err();
        assert_eq!(error, FitError::Infinite { column: "tenure".into(), row: 1 });
        let x = Matrix::new(2, 2, vec![1.0, 2.0, f64::NAN, 4.0]).unwrap();
        let names = names();
        let data = TrainingData::new(&x, &[0.0, 1.0], &names).unwrap();
        assert_eq!(data.check_complete(), Err(FitError::Missing { column: "age".into(), row: 1 }));
    }
}
