//! The numbers a model sees.

use crate::DataError;

/// A dense row-major matrix of `f64`; NaN is a missing value.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// `values` row after row.
    ///
    /// # Errors
    /// [`DataError::MatrixShape`] unless there are exactly `rows * cols` values.
    pub fn new(rows: usize, cols: usize, values: Vec<f64>) -> Result<Self, DataError> {
        if rows.checked_mul(cols) != Some(values.len()) {
            return Err(DataError::MatrixShape { rows, cols, values: values.len() });
        }
        Ok(Self { rows, cols, values })
    }

    /// `rows` by `cols` zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, values: vec![0.0; rows * cols] }
    }

    /// How many rows.
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns.
    #[inline]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Row `i`, `cols()` values long.
    ///
    /// # Panics
    /// If `i >= rows()`, like a slice.
    #[inline]
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.cols..(i + 1) * self.cols]
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Column `j`, from the first row to the last; empty if there is no such column.
    pub fn column(&self, j: usize) -> impl Iterator<Item = f64> {
        let step = self.cols.max(1);
        let start = if j < self.cols { j } else { self.values.len() };
        self.values[start.min(self.values.len())..].iter().step_by(step).copied()
    }

    /// Rows in blocks of at most `size`, each as its values; nothing for a matrix without columns.
    pub(crate) fn blocks_mut(&mut self, size: usize) -> impl Iterator<Item = &mut [f64]> {
        self.values.chunks_mut((size * self.cols).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_are_where_they_were_put() {
        let matrix = Matrix::new(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(matrix.row(1), [4.0, 5.0, 6.0]);
        assert_eq!(matrix.column(2).collect::<Vec<_>>(), [3.0, 6.0]);
        assert_eq!(matrix.column(3).count(), 0);
        assert_eq!(Matrix::zeros(0, 3).column(1).count(), 0);
    }

    #[test]
    fn a_wrong_number_of_values_is_refused() {
        assert!(matches!(Matrix::new(2, 3, vec![0.0; 5]), Err(DataError::MatrixShape { rows: 2, cols: 3, values: 5 })));
        assert!(Matrix::new(usize::MAX, 2, vec![]).is_err());
    }
}
