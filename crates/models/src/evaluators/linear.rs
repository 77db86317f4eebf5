//! Weighted sums.

use lineal_data::Matrix;

use super::Evaluator;
use crate::Linear;

/// Scores by a weighted sum; a missing value makes the score NaN.
pub(crate) struct LinearEvaluator(Linear);

impl LinearEvaluator {
    /// `linear` has been checked.
    pub(crate) fn new(linear: Linear) -> Self {
        Self(linear)
    }

    fn score(&self, row: &[f64]) -> f64 {
        let values = row.iter().copied().chain(std::iter::repeat(f64::NAN));
        let sum: f64 = self.0.weights.iter().zip(values).map(|(weight, value)| weight * value).sum();
        self.0.link.score(self.0.intercept + sum)
    }
}

impl Evaluator for LinearEvaluator {
    fn evaluate(&self, x: &Matrix, scores: &mut Vec<f64>) {
        scores.clear();
        scores.extend((0..x.rows()).map(|i| self.score(x.row(i))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Link, Model};

    #[test]
    fn a_row_scores_its_weighted_sum() {
        let model = Linear { weights: vec![2.0, -1.0], intercept: 0.5, link: Link::Identity, importances: vec![] };
        let x = Matrix::new(2, 2, vec![1.0, 3.0, 0.0, f64::NAN]).unwrap();
        let mut scores = vec![9.0];
        Model::Linear(model).evaluator(2).unwrap().evaluate(&x, &mut scores);
        assert_eq!(scores[..1], [-0.5]);
        assert!(scores[1].is_nan() && scores.len() == 2);
    }
}
