//! Growing one tree of boosting, level by level (Chen and Guestrin, XGBoost, 2016, sections 2 and 3).

use rayon::prelude::*;

use super::{
    FitContext, FitError,
    bins::Bins,
    bundles::{Bundles, FeatureSums},
    sums::{Pair, Scale, add, without},
};
use crate::Trees;

/// A split that gains less than this share of the score is rounding.
const ROUNDING: f64 = 1e-12;

/// What all trees of a fit have in common.
pub(super) struct Ground {
    pub(super) bins: Bins,
    pub(super) bundles: Bundles,
    pub(super) max_depth: usize,
    /// The least sum of second derivatives on each side of a split.
    pub(super) min_leaf_weight: f64,
    pub(super) l2: f64,
    pub(super) learning_rate: f64,
}

/// Derivatives of the losses of all rows.
pub(super) struct Slopes {
    pub(super) pairs: Vec<Pair>,
    pub(super) scale: Scale,
}

/// Rows that ended in the same leaf.
pub(super) struct Leaf {
    pub(super) rows: Vec<u32>,
    pub(super) value: f64,
}

/// A node that may still be split.
struct Node {
    at: usize,
    rows: Vec<u32>,
    sum: Pair,
    /// Made when it is needed if it has fewer rows than a histogram has sums.
    histogram: Option<Vec<Pair>>,
}

#[derive(Debug, Clone, Copy)]
struct Split {
    feature: usize,
    bin: usize,
    missing_left: bool,
    gain: f64,
    left: Pair,
}

/// A side of a split, to be a node.
struct Side {
    rows: Vec<u32>,
    sum: Pair,
    histogram: Option<Vec<Pair>>,
}

/// Either both sides of a node or its rows.
enum Outcome {
    Split(Split, [Side; 2]),
    Leaf(Leaf),
}

impl Ground {
    /// Adds a tree of `rows` to `trees`; returns its leaves and what each feature gained.
    ///
    /// # Errors
    /// [`FitError::Cancelled`].
    pub(super) fn grow(
        &self,
        trees: &mut Trees,
        rows: Vec<u32>,
        slopes: &Slopes,
        context: &FitContext<'_>,
    ) -> Result<(Vec<Leaf>, Vec<f64>), FitError> {
        let mut sum = [0; 2];
        for row in &rows {
            add(&mut sum, slopes.pairs[*row as usize]);
        }
        let mut level = vec![Node { at: trees.push_root(), rows, sum, histogram: None }];
        let (mut leaves, mut gains) = (Vec::new(), vec![0.0; self.bundles.features()]);
        for depth in 1..=self.max_depth {
            context.check_cancelled()?;
            let last = depth == self.max_depth;
            let split = |node: Node| (node.at, self.split(node, slopes, last));
            let outcomes: Vec<_> = std::mem::take(&mut level).into_par_iter().map(split).collect();
            for (at, outcome) in outcomes {
                match outcome {
                    Outcome::Split(split, sides) => {
                        let threshold = self.bins.threshold(split.feature, split.bin);
                        let left = trees.split(at, split.feature, threshold, split.missing_left);
                        gains[split.feature] += split.gain;
                        level.extend(sides.into_iter().zip(left..).map(|(side, at)| side.into_node(at)));
                    }
                    Outcome::Leaf(leaf) => {
                        trees.values[at] = leaf.value;
                        leaves.push(leaf);
                    }
                }
            }
        }
        for node in level {
            let leaf = self.leaf(node.rows, node.sum, slopes);
            trees.values[node.at] = leaf.value;
            leaves.push(leaf);
        }
        Ok((leaves, gains))
    }

    fn leaf(&self, rows: Vec<u32>, sum: Pair, slopes: &Slopes) -> Leaf {
        let [first, second] = slopes.scale.real(sum);
        let curvature = second + self.l2;
        let value = if curvature > 0.0 { -first / curvature * self.learning_rate } else { 0.0 };
        Leaf { rows, value }
    }

    /// Parts the rows of a node; both sides have histograms unless these are the `last` splits.
    fn split(&self, node: Node, slopes: &Slopes, last: bool) -> Outcome {
        let Node { mut rows, sum, histogram, .. } = node;
        let histogram = histogram.unwrap_or_else(|| self.bundles.histogram(&rows, &slopes.pairs));
        let Some(split) = self.best_split(&histogram, sum, slopes.scale) else {
            return Outcome::Leaf(self.leaf(rows, sum, slopes));
        };
        let others = self.bundles.part(&mut rows, split.feature, split.bin, split.missing_left);
        let mut sides = [(rows, split.left), (others, without(sum, split.left))].map(|(rows, sum)| Side {
            rows,
            sum,
            histogram: None,
        });
        if !last {
            self.measure(&mut sides, histogram, slopes);
        }
        Outcome::Split(split, sides)
    }

    /// Gives both sides their histograms: rows of the smaller one are summed, and the larger one has what they leave.
    fn measure(&self, sides: &mut [Side; 2], mut histogram: Vec<Pair>, slopes: &Slopes) {
        let [left, right] = sides;
        let (smaller, larger) = if left.rows.len() <= right.rows.len() { (left, right) } else { (right, left) };
        // Cheaper anew, and in memory not more than the rows take.
        let is_worthwhile = |side: &Side| side.rows.len() >= self.bundles.slots();
        if is_worthwhile(larger) {
            let part = self.bundles.histogram(&smaller.rows, &slopes.pairs);
            histogram.iter_mut().zip(&part).for_each(|(sum, part)| *sum = without(*sum, *part));
            larger.histogram = Some(histogram);
            smaller.histogram = Some(part).filter(|_| is_worthwhile(smaller));
        }
    }

    /// The split that lowers the loss most, to second order.
    fn best_split(&self, histogram: &[Pair], total: Pair, scale: Scale) -> Option<Split> {
        let score = |pair: Pair| {
            let [first, second] = scale.real(pair);
            let curvature = second + self.l2;
            if curvature > 0.0 { first * first / curvature } else { 0.0 }
        };
        let least = scale.whole([0.0, self.min_leaf_weight])[1];
        let (parent, mut best, mut sums) = (score(total), None::<Split>, FeatureSums::new());
        for feature in 0..self.bundles.features() {
            self.bundles.of_feature(feature, histogram, total, &mut sums);
            let mut offer = |bin: usize, left: Pair, missing_left: bool| {
                let right = without(total, left);
                if left[1] < least || right[1] < least {
                    return;
                }
                let sides = score(left) + score(right);
                let gain = sides - parent;
                if gain > best.map_or(sides * ROUNDING, |best| best.gain) {
                    best = Some(Split { feature, bin, missing_left, gain, left });
                }
            };
            scan(&sums, total, &mut offer);
        }
        best
    }
}

/// Offers all splits of a feature from left to right; missing values, if there are any, go with both sides in turn.
fn scan(sums: &FeatureSums, total: Pair, offer: &mut impl FnMut(usize, Pair, bool)) {
    let (mut left, missing) = ([0; 2], sums.missing);
    for (bin, pair) in sums.bins.iter().enumerate().filter(|(_, pair)| **pair != [0; 2]) {
        add(&mut left, *pair);
        if missing == [0; 2] {
            // Values that were never missing here follow the larger side.
            offer(bin, left, left[1] >= total[1] / 2);
        } else {
            offer(bin, left, false);
            let mut with = left;
            add(&mut with, missing);
            offer(bin, with, true);
        }
    }
}

impl Side {
    fn into_node(self, at: usize) -> Node {
        Node { at, rows: self.rows, sum: self.sum, histogram: self.histogram }
    }
}

#[cfg(test)]
mod tests {
    use lineal_data::Matrix;

    use super::*;
    use crate::{Link, families::tests::Quiet};

    /// A tree of squared errors from 0, without a penalty.
    fn grow(values: &[f64], cols: usize, targets: &[f64], max_depth: usize) -> (Trees, Vec<Leaf>, Vec<f64>) {
        let rows = targets.len();
        let bins = Bins::new(&Matrix::new(rows, cols, values.to_vec()).unwrap());
        let bundles = Bundles::new(&bins, rows, cols);
        let ground = Ground { bins, bundles, max_depth, min_leaf_weight: 0.0, l2: 0.0, learning_rate: 1.0 };
        let scale = Scale::new(rows, [8.0, 1.0]);
        let pairs = targets.iter().map(|target| scale.whole([-target, 1.0])).collect();
        let mut trees = Trees::new(cols, 0.0, Link::Identity);
        let context = FitContext { seed: 0, threads: 1, progress: &Quiet };
        let all = (0..rows as u32).collect();
        let (leaves, gains) = ground.grow(&mut trees, all, &Slopes { pairs, scale }, &context).unwrap();
        (trees, leaves, gains)
    }

    #[test]
    fn leaves_hold_the_means_of_their_rows() {
        let values = [1.0, 0.0, 2.0, 1.0, 3.0, 0.0, 4.0, 1.0, 5.0, 0.0];
        let targets = [1.0, 1.0, 5.0, 5.0, 8.0];
        let (trees, leaves, gains) = grow(&values, 2, &targets, 3);
        for (row, target) in targets.iter().enumerate() {
            let leaf = trees.walk(0, &values[2 * row..][..2]);
            assert!((trees.values[leaf] - target).abs() < 1e-9, "row {row}");
        }
        assert_eq!(leaves.iter().map(|leaf| leaf.rows.len()).sum::<usize>(), 5);
        assert!(gains[0] > 0.0 && gains[1].abs() < 1e-9, "{gains:?}");
        let (stump, leaves, gains) = grow(&values, 2, &targets, 1);
        // 1, 1 | 5, 5, 8: 2 * 1 + 3 * 36 - 5 * 16 of the squares.
        assert!((gains[0] - 30.0).abs() < 1e-9 && leaves.len() == 2, "{gains:?}");
        assert!((stump.values[0] - 2.5).abs() < 1e-12, "{stump:?}");
    }

    #[test]
    fn missing_values_go_where_they_fit() {
        let split = |missing: f64| {
            let (trees, ..) = grow(&[1.0, 1.0, 5.0, 5.0, f64::NAN], 1, &[0.0, 0.0, 4.0, 4.0, missing], 1);
            trees.missing_left[0]
        };
        assert!(split(0.0) && !split(4.0));
        let (alone, ..) = grow(&[1.0, 5.0, f64::NAN, f64::NAN], 1, &[0.0, 0.0, 4.0, 4.0], 1);
        assert!((alone.values[0] - f64::MAX).abs() < 1.0 && !alone.missing_left[0]);
    }

    #[test]
    fn rows_that_are_alike_are_not_split() {
        let (trees, leaves, _) = grow(&[1.0, 2.0, 3.0], 1, &[0.1, 0.1, 0.1], 6);
        assert_eq!((trees.children.len(), leaves.len()), (1, 1));
    }
}
