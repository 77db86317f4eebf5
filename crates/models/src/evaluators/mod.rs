//! Scoring: a batch in, numbers out. Threads, batching and cancellation are the caller's.

mod linear;
mod softmax;
mod trees;

use lineal_data::Matrix;

pub(crate) use linear::LinearEvaluator;
pub(crate) use softmax::{ClassTreesEvaluator, SoftmaxEvaluator};
pub(crate) use trees::TreeEvaluator;

/// A model that is ready to score. Made by [`crate::Model::evaluator`].
pub trait Evaluator: Send + Sync {
    /// How many scores a row gets: one, or one for each of several classes.
    fn outputs(&self) -> usize {
        1
    }

    /// Replaces `scores` by those of every row of `x`, row after row. Columns that `x` lacks count as missing,
    /// columns too many are ignored.
    fn evaluate(&self, x: &Matrix, scores: &mut Vec<f64>);
}
