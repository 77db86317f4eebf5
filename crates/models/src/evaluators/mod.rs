//! Scoring: a batch in, numbers out. Threads, batching and cancellation are the caller's.

mod linear;
mod trees;

use lineal_data::Matrix;

pub(crate) use linear::LinearEvaluator;
pub(crate) use trees::TreeEvaluator;

/// A model that is ready to score. Made by [`crate::Model::evaluator`].
pub trait Evaluator: Send + Sync {
    /// Replaces `scores` by one score per row of `x`. Columns that `x` lacks count as missing, columns too many are
    /// ignored.
    fn evaluate(&self, x: &Matrix, scores: &mut Vec<f64>);
}
