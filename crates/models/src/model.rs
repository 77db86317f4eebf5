//! What a fit yields: numbers, and nothing that runs.

use serde::{Deserialize, Serialize};

use crate::{
    Link,
    evaluators::{Evaluator, LinearEvaluator, TreeEvaluator},
};

/// A fitted model, as it is stored. [`Model::evaluator`] checks it and makes it ready to score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Model {
    /// A weighted sum.
    Linear(Linear),
    /// A sum of trees.
    Trees(Trees),
}

/// `margin = intercept + sum of weight * feature`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// One weight per feature.
    pub weights: Vec<f64>,
    /// The margin where all features are 0.
    pub intercept: f64,
    /// From margin to score.
    pub link: Link,
}

/// `margin = base_score + sum of one leaf per tree, in tree order`. All nodes of all trees lie in the same flat arrays.
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
    /// Per node the threshold (smaller values go left), or the value of the leaf.
    pub values: Vec<f64>,
}

/// Why stored numbers are not a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The model was made for other features.
    #[error("the model takes {found} features, the rows have {expected}")]
    Features {
        /// Features per row.
        expected: usize,
        /// Features of the model.
        found: usize,
    },
    /// A number is NaN or infinite.
    #[error("`{field}` holds a value that is not finite at {index}")]
    NotFinite {
        /// Where.
        field: &'static str,
        /// Index in the array, 0 for a single number.
        index: usize,
    },
    /// The arrays of the trees differ in length, or are longer than an index can say.
    #[error("the arrays of the trees differ in length or exceed 2^31 entries")]
    Lengths,
    /// A node points outside, backwards, at a node that belongs to another, or at a feature that is not there.
    #[error("`{field}` points to {target} at {index}, where it must not")]
    Pointer {
        /// Where.
        field: &'static str,
        /// Index in the array.
        index: usize,
        /// What it points to.
        target: u32,
    },
}

impl Model {
    /// The model ready to score rows of `features` columns.
    ///
    /// # Errors
    /// [`ModelError`]: after this check, scoring can neither panic nor loop, whoever wrote the numbers.
    pub fn evaluator(&self, features: usize) -> Result<Box<dyn Evaluator>, ModelError> {
        match self {
            Self::Linear(linear) => {
                linear.check(features)?;
                Ok(Box::new(LinearEvaluator::new(linear.clone())))
            }
            Self::Trees(trees) => {
                trees.check(features)?;
                Ok(Box::new(TreeEvaluator::new(trees)))
            }
        }
    }
}

impl Linear {
    fn check(&self, features: usize) -> Result<(), ModelError> {
        check_features(features, self.weights.len())?;
        check_finite("weights", &self.weights)?;
        check_finite("intercept", &[self.intercept])
    }
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
        }
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

    fn push_leaf(&mut self) -> usize {
        self.children.push(0);
        self.split_features.push(0);
        self.missing_left.push(false);
        self.values.push(0.0);
        self.values.len() - 1
    }

    fn check(&self, features: usize) -> Result<(), ModelError> {
        check_features(features, self.features)?;
        check_finite("base_score", &[self.base_score])?;
        check_finite("values", &self.values)?;
        let nodes = self.children.len();
        let same = [self.split_features.len(), self.missing_left.len(), self.values.len()] == [nodes; 3];
        if !same || nodes > i32::MAX as usize || self.features > i32::MAX as usize {
            return Err(ModelError::Lengths);
        }
        self.check_pointers(features)
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

fn check_features(expected: usize, found: usize) -> Result<(), ModelError> {
    if expected == found { Ok(()) } else { Err(ModelError::Features { expected, found }) }
}

fn check_finite(field: &'static str, values: &[f64]) -> Result<(), ModelError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(ModelError::NotFinite { field, index }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn hostile_weights_are_refused() {
        let linear = Linear { weights: vec![1.0, f64::NAN], intercept: 0.0, link: Link::Logit };
        assert!(matches!(Model::Linear(linear.clone()).evaluator(2), Err(ModelError::NotFinite { index: 1, .. })));
        assert!(matches!(Model::Linear(linear).evaluator(1), Err(ModelError::Features { expected: 1, found: 2 })));
    }

    #[test]
    fn a_model_survives_json() {
        let model = Model::Trees(stump());
        let json = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<Model>(&json).unwrap(), model);
    }
}
