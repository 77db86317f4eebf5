//! Walking trees over one flat array of 16-byte nodes.
//!
//! The steps through one tree wait for each other, those through several do not: a row walks a group of trees at once,
//! step by step and without a branch, until it has reached a leaf of each.

use lineal_data::Matrix;

use super::Evaluator;
use crate::{Comparison, Link, Trees, model::is_member};

/// Trees that a row walks at once.
const LANES: usize = 8;
/// Rows that walk a group one after the other, so that its nodes stay in cache. Does not change any sum.
const BLOCK_ROWS: usize = 32;
/// Marks the side of a node that looks for the value in a set.
const MEMBER: u32 = 1 << 31;

/// Scores by a sum of leaves, added in tree order.
pub(crate) struct TreeEvaluator {
    walker: Walker,
    /// Per node the value of the leaf.
    leaves: Vec<f64>,
    base_score: f64,
    divisor: f64,
    link: Link,
    single: bool,
}

/// Finds the leaves of a row.
pub(super) struct Walker {
    nodes: Vec<Node>,
    groups: Vec<Group>,
    features: usize,
    /// Whether some node takes 0 for missing: each feature then has two more sides.
    zeros: bool,
    sets: Vec<Vec<u32>>,
    single: bool,
}

#[derive(Clone, Copy)]
struct Node {
    /// Smaller values go left. NaN in a leaf: no value is at or above it. The index of a set where the side is marked.
    threshold: f64,
    /// Left child, the right one is next to it; a leaf is its own child.
    child: u32,
    /// Where [`Walker::push_sides`] puts the value that is compared.
    side: u32,
}

/// Trees that are walked together.
pub(super) struct Group {
    roots: [u32; LANES],
    /// Steps after which every walk is at its leaf.
    depth: usize,
}

impl Node {
    /// Its side is there whenever a walk takes a step: no tree splits without a feature.
    fn leaf(at: u32) -> Self {
        Self { threshold: f64::NAN, child: at, side: 0 }
    }
}

impl Walker {
    /// `trees` has been checked. Behind all its nodes comes one more, a leaf for the lanes that no tree is left for.
    pub(super) fn new(trees: &Trees) -> Self {
        let count = trees.values.len();
        let node = |i: usize| match trees.children[i] {
            0 => Node::leaf(i as u32),
            child => Node { threshold: trees.values[i], child, side: side(trees, i) },
        };
        let depths = depths(&trees.children);
        let group = |roots: &[u32]| Group {
            roots: std::array::from_fn(|lane| roots.get(lane).copied().unwrap_or(count as u32)),
            depth: roots.iter().map(|&root| depths[root as usize]).max().unwrap_or(0),
        };
        Self {
            nodes: (0..count).map(node).chain([Node::leaf(count as u32)]).collect(),
            groups: trees.roots.chunks(LANES).map(group).collect(),
            features: trees.features,
            zeros: trees.comparisons.contains(&Comparison::BelowUnlessZero),
            sets: trees.sets.clone(),
            single: trees.single,
        }
    }

    /// How many sides a row has.
    fn width(&self) -> usize {
        if self.zeros { 4 * self.features } else { 2 * self.features }
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Two values for each feature of `row`, which differ where it is missing: one is left of every threshold, the next
    /// is right of it. Behind them, if some node needs it, the same with zeros as missing.
    pub(super) fn push_sides(&self, row: &[f64], sides: &mut Vec<f64>) {
        let values = row.iter().copied().chain(std::iter::repeat(f64::NAN)).take(self.features);
        // NaN loses against any number.
        let pair = |value: f64| [value.max(f64::NEG_INFINITY), value.min(f64::INFINITY)];
        sides.extend(values.clone().flat_map(pair));
        if self.zeros {
            sides.extend(values.map(|value| if Comparison::is_zero(value) { f64::NAN } else { value }).flat_map(pair));
        }
    }

    /// The leaves of one group.
    pub(super) fn walk_any(&self, group: &Group, sides: &[f64]) -> [u32; LANES] {
        if self.sets.is_empty() { self.walk::<false>(group, sides) } else { self.walk::<true>(group, sides) }
    }

    /// The leaves of one group; with `SETS` nodes may look for a value in a set.
    #[inline]
    fn walk<const SETS: bool>(&self, group: &Group, sides: &[f64]) -> [u32; LANES] {
        let mut places = group.roots;
        for _ in 0..group.depth {
            for place in &mut places {
                let node = &self.nodes[*place as usize];
                let right = if SETS && node.side & MEMBER != 0 {
                    !self.is_member(node, sides)
                } else {
                    sides[node.side as usize] >= node.threshold
                };
                *place = node.child + u32::from(right);
            }
        }
        places
    }

    fn is_member(&self, node: &Node, sides: &[f64]) -> bool {
        let side = (node.side & !MEMBER) as usize;
        let (value, other) = (sides[side & !1], sides[side | 1]);
        let is_missing = value.total_cmp(&other).is_ne();
        if is_missing { side & 1 == 0 } else { is_member(&self.sets[node.threshold as usize], value, self.single) }
    }
}

/// Where the value is that a node compares.
fn side(trees: &Trees, node: usize) -> u32 {
    let side = 2 * trees.split_features[node] + u32::from(!trees.missing_left[node]);
    match trees.comparison(node) {
        Comparison::Below => side,
        Comparison::BelowUnlessZero => 2 * trees.features as u32 + side,
        Comparison::Member => MEMBER | side,
    }
}

impl TreeEvaluator {
    /// `trees` has been checked and has one output.
    pub(crate) fn new(trees: &Trees) -> Self {
        Self {
            walker: Walker::new(trees),
            // Adding -0.0 leaves every sum as it is.
            leaves: trees.values.iter().copied().chain([-0.0]).collect(),
            base_score: trees.base_score,
            divisor: trees.divisor(),
            link: trees.link,
            single: trees.single,
        }
    }

    /// Scores with every sum rounded to what it should be.
    #[inline]
    fn run<const SETS: bool, const SINGLE: bool>(&self, x: &Matrix, scores: &mut [f64]) {
        // A sum of two single precision numbers, made in double precision and rounded, is their sum in single precision.
        let add = |sum: f64, leaf: f64| if SINGLE { f64::from((sum + leaf) as f32) } else { sum + leaf };
        let width = self.walker.width();
        let mut sides = Vec::with_capacity(width * x.rows().min(BLOCK_ROWS));
        for (block, margins) in scores.chunks_mut(BLOCK_ROWS).enumerate() {
            let first = block * BLOCK_ROWS;
            sides.clear();
            (first..first + margins.len()).for_each(|i| self.walker.push_sides(x.row(i), &mut sides));
            for group in &self.walker.groups {
                for (i, margin) in margins.iter_mut().enumerate() {
                    let places = self.walker.walk::<SETS>(group, &sides[i * width..(i + 1) * width]);
                    *margin = places.iter().fold(*margin, |sum, &place| add(sum, self.leaves[place as usize]));
                }
            }
            for margin in margins {
                *margin = self.score::<SINGLE>(*margin / self.divisor);
            }
        }
    }

    fn score<const SINGLE: bool>(&self, margin: f64) -> f64 {
        if SINGLE { f64::from(self.link.score_single(margin as f32)) } else { self.link.score(margin) }
    }
}

/// Per node the most steps from there to a leaf. Children lie behind their parent.
fn depths(children: &[u32]) -> Vec<usize> {
    let mut depths = vec![0; children.len()];
    for (i, &child) in children.iter().enumerate().rev().filter(|(_, child)| **child != 0) {
        let left = child as usize;
        depths[i] = 1 + depths[left].max(depths[left + 1]);
    }
    depths
}

impl Evaluator for TreeEvaluator {
    fn evaluate(&self, x: &Matrix, scores: &mut Vec<f64>) {
        scores.clear();
        scores.resize(x.rows(), self.base_score);
        match (self.walker.sets.is_empty(), self.single) {
            (true, false) => self.run::<false, false>(x, scores),
            (true, true) => self.run::<false, true>(x, scores),
            (false, false) => self.run::<true, false>(x, scores),
            (false, true) => self.run::<true, true>(x, scores),
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

    /// What a row scores when it goes through one tree after the other, node by node.
    fn plain_walk(trees: &Trees, row: &[f64]) -> f64 {
        let leaf = |&root: &u32| trees.values[trees.walk(root as usize, row)];
        trees.roots.iter().map(leaf).fold(trees.base_score, |sum, leaf| sum + leaf)
    }

    /// `count` lopsided trees, the deepest of 11 steps. Thresholds are whole numbers, so that values meet them.
    fn grow(count: usize, features: usize, draw: &mut impl FnMut(usize) -> usize) -> Trees {
        let mut trees = Trees::new(features, -0.0, Link::Identity);
        for _ in 0..count {
            let mut leaves = vec![trees.push_root()];
            for _ in 0..draw(12) {
                let leaf = leaves.swap_remove(draw(leaves.len()));
                let left = trees.split(leaf, draw(features), draw(7) as f64 - 3.0, draw(2) == 0);
                leaves.extend([left, left + 1]);
            }
            for leaf in leaves {
                trees.values[leaf] = (draw(1000) as f64 - 500.0) / 7.0;
            }
        }
        trees
    }

    #[test]
    fn walking_together_changes_no_bit() {
        const VALUES: [f64; 10] =
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -0.0, 0.0, 1.0, -2.5, 3.0];
        let mut state = 7_u64;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for rows in (0..=20).chain([BLOCK_ROWS, 2 * BLOCK_ROWS + 1]) {
            for count in [0, 1, LANES - 1, LANES, LANES + 1, 3 * LANES + 5] {
                let trees = grow(count, 4, &mut draw);
                let evaluator = Model::Trees(trees.clone()).evaluator(4).unwrap();
                // Also with a column less than the trees ask for, and with one more.
                for cols in [3, 4, 5] {
                    let x = (0..rows * cols).map(|_| VALUES[draw(VALUES.len())]).collect();
                    let x = Matrix::new(rows, cols, x).unwrap();
                    let mut scores = vec![9.0];
                    evaluator.evaluate(&x, &mut scores);
                    let plain = (0..rows).map(|i| plain_walk(&trees, x.row(i)).to_bits());
                    let together: Vec<_> = scores.iter().map(|score| score.to_bits()).collect();
                    assert_eq!(together, plain.collect::<Vec<_>>(), "{rows} rows of {cols}, {count} trees");
                }
            }
        }
    }
}
