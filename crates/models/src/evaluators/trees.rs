//! Walking trees over one flat array of 16-byte nodes.

use lineal_data::Matrix;

use super::Evaluator;
use crate::{Link, Trees};

/// Rows that walk a tree one after the other, so that its nodes stay in cache. Does not change any sum.
const BLOCK_ROWS: usize = 64;
/// The bit of [`Node::split`] that sends missing values left.
const MISSING_LEFT: u32 = 1 << 31;

/// Scores by a sum of leaves, added in tree order.
pub(crate) struct TreeEvaluator {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    base_score: f64,
    link: Link,
}

#[derive(Clone, Copy)]
struct Node {
    /// Threshold or leaf value.
    value: f64,
    /// Left child, the right one is next to it; 0 in a leaf.
    child: u32,
    /// Feature and [`MISSING_LEFT`].
    split: u32,
}

impl TreeEvaluator {
    /// `trees` has been checked.
    pub(crate) fn new(trees: &Trees) -> Self {
        let node = |i: usize| Node {
            value: trees.values[i],
            child: trees.children[i],
            split: trees.split_features[i] | if trees.missing_left[i] { MISSING_LEFT } else { 0 },
        };
        Self {
            nodes: (0..trees.values.len()).map(node).collect(),
            roots: trees.roots.clone(),
            base_score: trees.base_score,
            link: trees.link,
        }
    }

    fn leaf(&self, root: u32, row: &[f64]) -> f64 {
        let mut node = self.nodes[root as usize];
        while node.child != 0 {
            let value = row.get((node.split & !MISSING_LEFT) as usize).copied().unwrap_or(f64::NAN);
            let right = if value.is_nan() { node.split & MISSING_LEFT == 0 } else { value >= node.value };
            node = self.nodes[node.child as usize + usize::from(right)];
        }
        node.value
    }
}

impl Evaluator for TreeEvaluator {
    fn evaluate(&self, x: &Matrix, scores: &mut Vec<f64>) {
        scores.clear();
        scores.resize(x.rows(), self.base_score);
        for (block, margins) in scores.chunks_mut(BLOCK_ROWS).enumerate() {
            for &root in &self.roots {
                for (i, margin) in margins.iter_mut().enumerate() {
                    *margin += self.leaf(root, x.row(block * BLOCK_ROWS + i));
                }
            }
            for margin in margins {
                *margin = self.link.score(*margin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Model;

    #[test]
    fn values_go_left_below_the_threshold_and_missing_ones_where_they_are_sent() {
        for missing_left in [true, false] {
            let mut trees = Trees::new(1, 10.0, Link::Identity);
            let root = trees.push_root();
            let left = trees.split(root, 0, 3.0, missing_left);
            (trees.values[left], trees.values[left + 1]) = (-1.0, 1.0);
            let x = Matrix::new(4, 1, vec![2.9, 3.0, f64::NAN, f64::INFINITY]).unwrap();
            let mut scores = Vec::new();
            Model::Trees(trees).evaluator(1).unwrap().evaluate(&x, &mut scores);
            assert_eq!(scores, [9.0, 11.0, if missing_left { 9.0 } else { 11.0 }, 11.0]);
        }
    }

    #[test]
    fn no_trees_score_the_base() {
        let mut scores = Vec::new();
        let model = Model::Trees(Trees::new(1, 0.25, Link::Identity));
        model.evaluator(1).unwrap().evaluate(&Matrix::new(1, 1, vec![0.0]).unwrap(), &mut scores);
        assert_eq!(scores, [0.25]);
    }
}
