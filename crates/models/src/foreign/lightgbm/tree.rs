//! One tree: arrays of splits and of leaves.

use super::Section;
use crate::{
    Comparison, Trees,
    foreign::{
        TreeProblem,
        planter::{self, Child, Split},
    },
};

/// Bits of a decision type.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;
/// What counts as missing, behind the first two bits.
const MISSING_ZERO: u8 = 1;
const MISSING_NAN: u8 = 2;

/// The arrays of a tree with at least one split.
struct Arrays<'a> {
    features: Vec<u32>,
    thresholds: Vec<f64>,
    decisions: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    leaves: Vec<f64>,
    gains: Vec<f64>,
    categories: Categories<'a>,
}

/// The sets of categories of a tree.
struct Categories<'a> {
    /// The words of all sets, and where each begins and ends.
    words: &'a [u32],
    bounds: &'a [usize],
    /// How many sets there are of trees before.
    before: usize,
}

/// Adds the tree of a section.
pub(super) fn push(trees: &mut Trees, section: &Section<'_>) -> Result<(), TreeProblem> {
    if section.optional("is_linear").is_some_and(|value| value.trim() != "0") {
        return Err(TreeProblem::Linear);
    }
    let array = |expected| TreeProblem::Array { array: "num_leaves", expected };
    let leaves = section.count("num_leaves").map_err(|_| array(1))?;
    let values: Vec<f64> = section.array("leaf_value", leaves)?;
    if let Some(node) = values.iter().position(|value| !value.is_finite()) {
        return Err(TreeProblem::NotFinite { node });
    }
    let splits = leaves.checked_sub(1).ok_or(array(1))?;
    if splits == 0 {
        return planter::push(trees, &[], Child::Leaf(values[0]));
    }
    let (words, bounds) = match section.count("num_cat").unwrap_or(0) {
        0 => (Vec::new(), Vec::new()),
        sets => {
            let bounds: Vec<usize> = section.array("cat_boundaries", sets.saturating_add(1))?;
            (section.array("cat_threshold", bounds.last().copied().unwrap_or(0))?, bounds)
        }
    };
    let before = trees.sets.len();
    let arrays = Arrays {
        features: section.array("split_feature", splits)?,
        thresholds: section.array("threshold", splits)?,
        decisions: section.array("decision_type", splits)?,
        left: section.array("left_child", splits)?,
        right: section.array("right_child", splits)?,
        gains: section.array("split_gain", splits).unwrap_or_else(|_| vec![0.0; splits]),
        leaves: values,
        categories: Categories { words: &words, bounds: &bounds, before },
    };
    let splits = (0..splits).map(|node| arrays.split(node)).collect::<Result<Vec<_>, _>>()?;
    for ends in bounds.windows(2) {
        let words = words.get(ends[0]..ends[1]).ok_or(TreeProblem::Categories { node: 0 })?;
        trees.sets.push(words.to_vec());
    }
    planter::push(trees, &splits, Child::Split(0))
}

impl Arrays<'_> {
    fn split(&self, node: usize) -> Result<Split, TreeProblem> {
        let (decision, threshold) = (self.decisions[node], self.thresholds[node]);
        let default_left = decision & DEFAULT_LEFT != 0;
        let (comparison, value, missing_left) = match (decision & CATEGORICAL != 0, decision >> 2) {
            // A missing category is in no set.
            (true, _) => (Comparison::Member, self.categories.set(node, threshold)?, false),
            (false, MISSING_ZERO) => (Comparison::BelowUnlessZero, above(node, threshold)?, default_left),
            (false, MISSING_NAN) => (Comparison::Below, above(node, threshold)?, default_left),
            // What is missing is 0.
            (false, _) => (Comparison::Below, above(node, threshold)?, 0.0 <= threshold),
        };
        Ok(Split {
            feature: self.features[node],
            comparison,
            value,
            missing_left,
            left: self.child(node, self.left[node])?,
            right: self.child(node, self.right[node])?,
            gain: self.gains[node],
        })
    }

    /// A child at or above 0 is a split, others are leaves, counted from -1 downwards.
    fn child(&self, node: usize, child: i64) -> Result<Child, TreeProblem> {
        let found = match usize::try_from(child) {
            Ok(split) => (split < self.features.len()).then_some(Child::Split(split)),
            Err(_) => self.leaves.get(!child as usize).map(|value| Child::Leaf(*value)),
        };
        found.ok_or(TreeProblem::Child { node, child })
    }
}

impl Categories<'_> {
    /// The index that the set of a split will have.
    fn set(&self, node: usize, index: f64) -> Result<f64, TreeProblem> {
        let is_there = index.fract() == 0.0 && index >= 0.0 && index + 1.0 < self.bounds.len() as f64;
        let bad = TreeProblem::Categories { node };
        if is_there && self.bounds.last() == Some(&self.words.len()) {
            Ok(self.before as f64 + index)
        } else {
            Err(bad)
        }
    }
}

/// The least number that `<= threshold` excludes. The library takes numbers within 1e-35 of 0 for 0; infinity excludes
/// only what is missing, as no row holds the largest number.
fn above(node: usize, threshold: f64) -> Result<f64, TreeProblem> {
    let next = if !Comparison::is_zero(threshold) {
        threshold.next_up()
    } else if threshold < 0.0 {
        -Comparison::ZERO
    } else {
        Comparison::ZERO.next_up()
    };
    if threshold > f64::NEG_INFINITY { Ok(next.min(f64::MAX)) } else { Err(TreeProblem::NotFinite { node }) }
}
