//! How far boosting has come with each row.

use lineal_data::Matrix;
use rayon::prelude::*;

use super::{
    FitContext, FitError, blocks,
    levels::{Leaf, Slopes},
    objective::Objective,
    sums::Scale,
};
use crate::Trees;

/// Rows that one thread takes at a time.
const ROWS: usize = 4096;

/// The margins of all rows, row after row.
pub(super) struct Margins<'a> {
    objective: Objective,
    labels: &'a [f64],
    values: Vec<f64>,
    /// How many margins a row has.
    count: usize,
    /// Kept between rounds: the derivatives by each margin, row after row.
    derivatives: Vec<[f64; 2]>,
}

impl<'a> Margins<'a> {
    pub(super) fn new(labels: &'a [f64], start: &[f64], objective: Objective) -> Self {
        let values = start.repeat(labels.len());
        Self { objective, labels, values, count: start.len(), derivatives: Vec::new() }
    }

    pub(super) fn rows(&self) -> usize {
        self.labels.len()
    }

    /// What every row tells the next tree of each margin.
    ///
    /// # Errors
    /// [`FitError::Diverged`].
    pub(super) fn slopes(&mut self, row_weights: &[f64]) -> Result<Vec<Slopes>, FitError> {
        self.derive(row_weights);
        (0..self.count).map(|k| self.slopes_of(k)).collect()
    }

    fn derive(&mut self, row_weights: &[f64]) {
        let (count, objective) = (self.count, self.objective);
        self.derivatives.resize(self.values.len(), [0.0; 2]);
        let into = self.derivatives.par_chunks_mut(ROWS * count);
        let from = (self.values.par_chunks(ROWS * count), self.labels.par_chunks(ROWS), row_weights.par_chunks(ROWS));
        into.zip(from.into_par_iter()).for_each(|(into, (values, labels, weights))| {
            let mut margins = vec![0.0; count];
            let rows = into.chunks_exact_mut(count).zip(values.chunks_exact(count));
            for ((into, values), (label, weight)) in rows.zip(labels.iter().zip(weights)) {
                margins.copy_from_slice(values);
                objective.derive(*label, *weight, &mut margins, into);
            }
        });
    }

    fn slopes_of(&self, k: usize) -> Result<Slopes, FitError> {
        let of_margin = || self.derivatives.par_chunks(self.count).with_min_len(ROWS).map(|row| row[k]);
        let size = |value: f64| if value.is_finite() { value.abs() } else { f64::INFINITY };
        let largest =
            of_margin().map(|pair| pair.map(size)).reduce(|| [0.0; 2], |a, b| [a[0].max(b[0]), a[1].max(b[1])]);
        if largest.iter().any(|largest| !largest.is_finite()) {
            return Err(FitError::Diverged);
        }
        let scale = Scale::new(self.rows(), largest);
        Ok(Slopes { pairs: of_margin().map(|pair| scale.whole(pair)).collect(), scale })
    }

    /// The mean loss of the rows.
    ///
    /// # Errors
    /// [`FitError::Cancelled`].
    pub(super) fn mean_loss(&self, row_weights: &[f64], context: &FitContext<'_>) -> Result<f64, FitError> {
        let sums = blocks::sum(self.rows(), 2, context, |rows, sums| {
            for row in rows {
                let margins = &self.values[row * self.count..][..self.count];
                sums[0] += row_weights[row] * self.objective.loss(self.labels[row], margins);
                sums[1] += row_weights[row];
            }
        })?;
        Ok(sums[0] / sums[1])
    }

    /// Adds to margin `k` the leaves of a tree that was grown on all rows.
    pub(super) fn add_leaves(&mut self, k: usize, leaves: &[Leaf]) {
        for leaf in leaves {
            for &row in &leaf.rows {
                self.values[row as usize * self.count + k] += leaf.value;
            }
        }
    }

    /// Adds to margin `k` what the last of `trees` says of the rows in `features`.
    pub(super) fn add_last_tree(&mut self, k: usize, trees: &Trees, features: &Matrix) {
        let Some(&root) = trees.roots.last() else { return };
        self.values.par_chunks_mut(self.count).enumerate().with_min_len(ROWS).for_each(|(row, margins)| {
            margins[k] += trees.values[trees.walk(root as usize, features.row(row))];
        });
    }
}
