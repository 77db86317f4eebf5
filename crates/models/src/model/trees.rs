//! Trees as flat arrays.

use serde::{Deserialize, Serialize};

use super::{Comparison, ModelError, check_features, check_finite, check_importances, is_member};
use crate::Link;

/// Most features of trees that compare other than with a threshold.
const MOST_COMPARED: usize = 1 << 28;

/// `margin = base_score + sum of one leaf per tree, in tree order`. All nodes of all trees lie in the same flat arrays.
/// With several outputs a leaf is a row of numbers, and so is the margin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trees {
    /// How many features a row has.
    pub features: usize,
    /// The margin without any tree.
    pub base_score: f64,
    /// From margin to score.
    pub link: Link,
    /// The first node of each tree.
    pub roots: Vec<u32>,
    /// Per node the left child, which lies behind its parent; the right child is the next node. 0 marks a leaf.
    pub children: Vec<u32>,
    /// Per node the feature it splits on; 0 for a leaf.
    pub split_features: Vec<u32>,
    /// Per node whether a missing value goes left.
    pub missing_left: Vec<bool>,
    /// Per node the threshold (smaller values go left) or the index of a set, or the value of the leaf.
    pub values: Vec<f64>,
    /// Per node how a value is compared; empty if always with a threshold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Comparison>,
    /// Sets of whole numbers from 0 on: `n` is in a set that has bit `n % 32` in its word `n / 32`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<Vec<u32>>,
    /// Whether each sum is rounded to single precision, from which the score is made as precisely; values that are looked
    /// for in a set are rounded too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub single: bool,
    /// How many numbers a leaf holds and a row scores.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub outputs: usize,
    /// With several outputs, the rows of numbers of all leaves; the value of a leaf is then the index of its row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<f64>,
    /// Whether the margin is divided by the number of trees.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub average: bool,
    /// How much the margin depends on each feature, the sum of the gains of its splits; may be empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub importances: Vec<f64>,
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(outputs: &usize) -> bool {
    *outputs == 1
}

impl Trees {
    /// No trees yet.
    pub(crate) fn new(features: usize, base_score: f64, link: Link) -> Self {
        Self {
            features,
            base_score,
            link,
            roots: Vec::new(),
            children: Vec::new(),
            split_features: Vec::new(),
            missing_left: Vec::new(),
            values: Vec::new(),
            comparisons: Vec::new(),
            sets: Vec::new(),
            single: false,
            outputs: 1,
            leaves: Vec::new(),
            average: false,
            importances: vec![0.0; features],
        }
    }

    /// What a margin is divided by.
    pub(crate) fn divisor(&self) -> f64 {
        if self.average { self.roots.len().max(1) as f64 } else { 1.0 }
    }

    /// The leaf that `row` reaches from `root`, both nodes.
    pub(crate) fn walk(&self, root: usize, row: &[f64]) -> usize {
        let mut node = root;
        while self.children[node] != 0 {
            let value = row.get(self.split_features[node] as usize).copied().unwrap_or(f64::NAN);
            node = self.children[node] as usize + usize::from(!self.goes_left(node, value));
        }
        node
    }

    fn goes_left(&self, node: usize, value: f64) -> bool {
        let comparison = self.comparison(node);
        if value.is_nan() || comparison == Comparison::BelowUnlessZero && Comparison::is_zero(value) {
            return self.missing_left[node];
        }
        match comparison {
            Comparison::Below | Comparison::BelowUnlessZero => value < self.values[node],
            Comparison::Member => is_member(&self.sets[self.values[node] as usize], value, self.single),
        }
    }

    /// How a node compares.
    pub(crate) fn comparison(&self, node: usize) -> Comparison {
        self.comparisons.get(node).copied().unwrap_or_default()
    }

    /// Keeps the first `count` trees, which were pushed one after the other.
    pub(crate) fn truncate(&mut self, count: usize) {
        let Some(&nodes) = self.roots.get(count) else { return };
        self.roots.truncate(count);
        self.children.truncate(nodes as usize);
        self.split_features.truncate(nodes as usize);
        self.missing_left.truncate(nodes as usize);
        self.values.truncate(nodes as usize);
        self.comparisons.truncate(nodes as usize);
    }

    /// Takes over the trees of `other`, which splits the same features and only by thresholds.
    pub(crate) fn append(&mut self, other: &Self) {
        let (nodes, rows) = (self.children.len() as u32, (self.leaves.len() / self.outputs) as f64);
        self.roots.extend(other.roots.iter().map(|root| root + nodes));
        self.children.extend(other.children.iter().map(|&child| if child == 0 { 0 } else { child + nodes }));
        self.split_features.extend(&other.split_features);
        self.missing_left.extend(&other.missing_left);
        let shifted = |(&value, &child): (&f64, &u32)| if child == 0 && rows > 0.0 { value + rows } else { value };
        self.values.extend(other.values.iter().zip(&other.children).map(shifted));
        self.leaves.extend(&other.leaves);
        self.importances.iter_mut().zip(&other.importances).for_each(|(sum, part)| *sum += part);
    }

    /// Starts a tree with a leaf of value 0.
    pub(crate) fn push_root(&mut self) -> usize {
        let root = self.push_leaf();
        self.roots.push(root as u32);
        root
    }

    /// Turns the leaf `node` into a split and returns its left child; both children are leaves of value 0.
    pub(crate) fn split(&mut self, node: usize, feature: usize, threshold: f64, missing_left: bool) -> usize {
        let left = self.push_leaf();
        self.push_leaf();
        self.children[node] = left as u32;
        self.split_features[node] = feature as u32;
        self.missing_left[node] = missing_left;
        self.values[node] = threshold;
        left
    }

    /// Turns the leaf `node` into a split as [`Trees::split`], which compares in this way with `value`.
    pub(crate) fn split_by(&mut self, node: usize, feature: usize, by: (Comparison, f64), missing_left: bool) -> usize {
        let (comparison, value) = by;
        let left = self.split(node, feature, value, missing_left);
        if comparison != Comparison::Below || !self.comparisons.is_empty() {
            self.comparisons.resize(self.children.len(), Comparison::Below);
            self.comparisons[node] = comparison;
        }
        left
    }

    fn push_leaf(&mut self) -> usize {
        self.children.push(0);
        self.split_features.push(0);
        self.missing_left.push(false);
        self.values.push(0.0);
        self.values.len() - 1
    }

    pub(super) fn check(&self, features: usize) -> Result<(), ModelError> {
        check_features(features, self.features)?;
        check_finite("base_score", &[self.base_score])?;
        check_finite("values", &self.values)?;
        let nodes = self.children.len();
        let same = [self.split_features.len(), self.missing_left.len(), self.values.len()] == [nodes; 3];
        if !same || nodes > i32::MAX as usize || self.features > i32::MAX as usize {
            return Err(ModelError::Lengths);
        }
        check_importances(features, &self.importances)?;
        self.check_pointers(features)?;
        self.check_comparisons()?;
        self.check_leaves()
    }

    /// Every set that a split names is there.
    fn check_comparisons(&self) -> Result<(), ModelError> {
        let nodes = self.children.len();
        if ![0, nodes].contains(&self.comparisons.len())
            || self.features > MOST_COMPARED && !self.comparisons.is_empty()
        {
            return Err(ModelError::Lengths);
        }
        let is_bad = |i: &usize| {
            let known = 0.0..self.sets.len() as f64;
            self.children[*i] != 0 && self.comparison(*i) == Comparison::Member && !known.contains(&self.values[*i])
        };
        match (0..nodes).find(is_bad) {
            Some(index) => Err(ModelError::Pointer { field: "values", index, target: self.values[index] as u32 }),
            None => Ok(()),
        }
    }

    /// With several outputs every leaf names a row of numbers.
    fn check_leaves(&self) -> Result<(), ModelError> {
        check_finite("leaves", &self.leaves)?;
        if self.outputs == 1 {
            return if self.leaves.is_empty() { Ok(()) } else { Err(ModelError::Lengths) };
        }
        if self.single {
            return Err(ModelError::Single { outputs: self.outputs });
        }
        // Without a leaf, any number of outputs would do, and memory for them be asked for.
        if self.outputs == 0 || self.leaves.is_empty() || !self.leaves.len().is_multiple_of(self.outputs) {
            return Err(ModelError::Lengths);
        }
        let rows = (self.leaves.len() / self.outputs) as f64;
        let is_bad = |i: &usize| self.children[*i] == 0 && !(self.values[*i] >= 0.0 && self.values[*i] < rows);
        match (0..self.children.len()).find(is_bad) {
            Some(index) => Err(ModelError::Pointer { field: "values", index, target: self.values[index] as u32 }),
            None => Ok(()),
        }
    }

    /// Children lie behind their parent, so every walk ends; no node is in two places, so all walks of a row together
    /// take a number of steps that the nodes bound.
    fn check_pointers(&self, features: usize) -> Result<(), ModelError> {
        let mut taken = vec![false; self.children.len()];
        let mut take = |node: u32| taken.get_mut(node as usize).is_some_and(|taken| !std::mem::replace(taken, true));
        for (index, &root) in self.roots.iter().enumerate() {
            if !take(root) {
                return Err(ModelError::Pointer { field: "roots", index, target: root });
            }
        }
        let splits = self.children.iter().zip(&self.split_features).enumerate().filter(|(_, (child, _))| **child != 0);
        for (index, (&child, &feature)) in splits {
            if child as usize <= index || !take(child) || !take(child.saturating_add(1)) {
                return Err(ModelError::Pointer { field: "children", index, target: child });
            }
            if feature as usize >= features {
                return Err(ModelError::Pointer { field: "split_features", index, target: feature });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Model;

    fn stump() -> Trees {
        let mut trees = Trees::new(2, 0.5, Link::Identity);
        let root = trees.push_root();
        let left = trees.split(root, 1, 3.0, true);
        trees.values[left] = -1.0;
        trees.values[left + 1] = 1.0;
        trees
    }

    fn refusal(change: impl Fn(&mut Trees)) -> ModelError {
        let mut trees = stump();
        change(&mut trees);
        Model::Trees(trees).evaluator(2).err().unwrap()
    }

    #[test]
    fn hostile_trees_are_refused() {
        assert!(Model::Trees(stump()).evaluator(2).is_ok());
        assert!(matches!(refusal(|t| t.features = 3), ModelError::Features { expected: 2, found: 3 }));
        assert!(matches!(refusal(|t| t.base_score = f64::NAN), ModelError::NotFinite { field: "base_score", .. }));
        assert!(matches!(
            refusal(|t| t.values[2] = f64::INFINITY),
            ModelError::NotFinite { field: "values", index: 2 }
        ));
        assert!(matches!(refusal(|t| t.roots[0] = 3), ModelError::Pointer { field: "roots", .. }));
        assert!(matches!(refusal(|t| t.children[0] = 2), ModelError::Pointer { field: "children", target: 2, .. }));
        assert!(matches!(refusal(|t| t.children[0] = u32::MAX), ModelError::Pointer { field: "children", .. }));
        assert!(matches!(refusal(|t| t.roots.push(0)), ModelError::Pointer { field: "roots", index: 1, target: 0 }));
        assert!(matches!(refusal(|t| t.roots.push(1)), ModelError::Pointer { field: "children", index: 0, .. }));
        assert!(matches!(refusal(|t| t.children[1] = 1), ModelError::Pointer { field: "children", index: 1, .. }));
        assert!(matches!(refusal(|t| t.split_features[0] = 2), ModelError::Pointer { field: "split_features", .. }));
        assert!(matches!(refusal(|t| t.missing_left.truncate(2)), ModelError::Lengths));
    }

    #[test]
    fn hostile_leaves_are_refused() {
        let classes = |leaves: Vec<f64>, left: f64| {
            let mut trees = Trees { outputs: 2, leaves, ..stump() };
            (trees.values[1], trees.values[2]) = (left, 1.0);
            Model::Trees(trees).evaluator(2).map(|_| ())
        };
        assert_eq!(classes(vec![0.5; 4], 0.0), Ok(()));
        assert_eq!(classes(vec![0.5; 3], 0.0), Err(ModelError::Lengths));
        assert!(matches!(classes(vec![0.5; 4], 2.0), Err(ModelError::Pointer { field: "values", index: 1, .. })));
        assert!(matches!(classes(vec![0.5; 4], -1.0), Err(ModelError::Pointer { field: "values", .. })));
        assert!(matches!(classes(vec![f64::NAN; 4], 0.0), Err(ModelError::NotFinite { field: "leaves", .. })));
        assert!(matches!(refusal(|t| t.leaves.push(0.5)), ModelError::Lengths));
        for outputs in [0, 2, usize::MAX] {
            assert!(matches!(refusal(|t| t.outputs = outputs), ModelError::Lengths));
        }
        let nothing = Trees { outputs: usize::MAX, ..Trees::new(2, 0.5, Link::Identity) };
        assert!(matches!(Model::Trees(nothing).evaluator(2).err(), Some(ModelError::Lengths)));
    }

    #[test]
    fn hostile_sets_are_refused() {
        use Comparison::{Below, Member};
        let set = |trees: &mut Trees, index| {
            trees.comparisons = vec![Member, Below, Below];
            (trees.sets, trees.values[0]) = (vec![vec![1]], index);
        };
        let mut trees = stump();
        set(&mut trees, 0.0);
        assert!(Model::Trees(trees).evaluator(2).is_ok());
        for index in [1.0, -1.0, 1e300] {
            assert!(matches!(refusal(|t| set(t, index)), ModelError::Pointer { field: "values", index: 0, .. }));
        }
        assert!(matches!(refusal(|t| t.comparisons = vec![Below]), ModelError::Lengths));
        let single = |t: &mut Trees| (t.single, t.outputs, t.leaves) = (true, 2, vec![]);
        assert!(matches!(refusal(single), ModelError::Single { outputs: 2 }));
    }

    #[test]
    fn appended_trees_add_up() {
        let mut both = stump();
        both.append(&stump());
        let score = |trees: Trees, value: f64| {
            let mut scores = Vec::new();
            let x = lineal_data::Matrix::new(1, 2, vec![0.0, value]).unwrap();
            Model::Trees(trees).evaluator(2).unwrap().evaluate(&x, &mut scores);
            scores
        };
        assert_eq!(score(both.clone(), 1.0), [-1.5]);
        both.average = true;
        assert_eq!(score(both, 5.0), [1.25]);
        let vectors = || {
            let mut trees = Trees { outputs: 2, leaves: vec![0.25, 0.75, 1.0, 0.0], base_score: 0.0, ..stump() };
            (trees.values[1], trees.values[2]) = (0.0, 1.0);
            trees
        };
        let mut both = vectors();
        both.append(&vectors());
        assert_eq!(score(both, 1.0), [0.5, 1.5]);
    }

    #[test]
    fn a_model_survives_json() {
        let model = Model::Trees(stump());
        let json = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<Model>(&json).unwrap(), model);
    }
}
