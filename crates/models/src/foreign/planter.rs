//! From the nodes of one tree, in any order, to flat arrays.

use std::collections::VecDeque;

use super::TreeProblem;
use crate::{Comparison, Trees};

/// Most splits on the way to a leaf: a row walks eight trees as far as the deepest of them.
const MAX_DEPTH: usize = 10_000;

/// One split.
pub(super) struct Split {
    pub(super) feature: u32,
    pub(super) comparison: Comparison,
    /// The threshold, or the index of a set.
    pub(super) value: f64,
    pub(super) missing_left: bool,
    pub(super) left: Child,
    pub(super) right: Child,
    pub(super) gain: f64,
}

/// What a split leads to.
#[derive(Clone, Copy)]
pub(super) enum Child {
    /// Another split of the same tree.
    Split(usize),
    /// The value of a leaf.
    Leaf(f64),
}

/// Adds the tree that `root` begins to `trees`, level by level so that siblings are neighbours. Splits that `root` does
/// not lead to are left out.
pub(super) fn push(trees: &mut Trees, splits: &[Split], root: Child) -> Result<(), TreeProblem> {
    let mut taken = vec![false; splits.len()];
    let mut queue = VecDeque::from([(root, trees.push_root(), 0)]);
    while let Some((child, at, depth)) = queue.pop_front() {
        let node = match child {
            Child::Split(node) => node,
            Child::Leaf(value) => {
                trees.values[at] = value;
                continue;
            }
        };
        if std::mem::replace(&mut taken[node], true) {
            return Err(TreeProblem::Cycle { node });
        }
        if depth == MAX_DEPTH {
            return Err(TreeProblem::Deep { limit: MAX_DEPTH });
        }
        let split = &splits[node];
        let feature = split.feature as usize;
        let Some(gain) = trees.importances.get_mut(feature) else {
            return Err(TreeProblem::Feature { node, feature: split.feature });
        };
        if split.gain.is_finite() {
            *gain += split.gain.max(0.0);
        }
        let left = trees.split_by(at, feature, (split.comparison, split.value), split.missing_left);
        queue.push_back((split.left, left, depth + 1));
        queue.push_back((split.right, left + 1, depth + 1));
    }
    if !trees.comparisons.is_empty() {
        trees.comparisons.resize(trees.children.len(), Comparison::Below);
    }
    Ok(())
}
