//! Growing one tree of a forest to the end.

use super::{
    FitContext, FitError,
    bins::{Bins, MISSING},
    random::SplitMix64,
    splits::{Cell, Finder, Split},
};
use crate::{Link, Trees};

/// What all trees of a forest have in common.
pub(super) struct Soil<'a> {
    pub(super) bins: &'a Bins,
    pub(super) features: usize,
    pub(super) targets: Targets<'a>,
    pub(super) max_depth: usize,
    pub(super) min_leaf: usize,
    /// Features that are tried at each split.
    pub(super) tried: usize,
}

/// What leaves tell.
#[derive(Clone, Copy)]
pub(super) enum Targets<'a> {
    /// The mean of numbers; of two classes as 0 and 1 the share of the second.
    Numbers(&'a [f64]),
    /// The share of each class.
    Classes { labels: &'a [f64], classes: usize },
}

/// A part of the rows that became a node, and is to be split.
struct Part {
    node: usize,
    start: usize,
    end: usize,
    depth: usize,
}

struct Grower<'a> {
    soil: &'a Soil<'a>,
    /// Per row how much it counts.
    weights: &'a [f64],
    draws: SplitMix64,
    trees: Trees,
    finder: Finder,
    /// Rows with a weight; those of a node are neighbours.
    rows: Vec<u32>,
    /// What the rows of the node at hand add, and all of them together.
    cells: Vec<Cell>,
    totals: Vec<f64>,
    features: Vec<usize>,
    set_aside: Vec<u32>,
}

impl Targets<'_> {
    /// How many sums a node has.
    fn slots(&self) -> usize {
        match self {
            Self::Numbers(_) => 1,
            Self::Classes { classes, .. } => *classes,
        }
    }
}

impl Soil<'_> {
    /// One tree on the rows whose weight is not 0, at least one of them. The gains in its importances are divided by the
    /// sum of weights.
    ///
    /// # Errors
    /// [`FitError::Cancelled`].
    pub(super) fn grow(&self, weights: &[f64], seed: u64, context: &FitContext<'_>) -> Result<Trees, FitError> {
        let slots = self.targets.slots();
        let rows = (0..weights.len() as u32).filter(|row| weights[*row as usize] > 0.0).collect();
        let mut grower = Grower {
            soil: self,
            weights,
            draws: SplitMix64(seed),
            trees: Trees { outputs: slots, ..Trees::new(self.features, 0.0, Link::Identity) },
            finder: Finder::new(slots, self.min_leaf),
            rows,
            cells: Vec::new(),
            totals: vec![0.0; slots + 1],
            features: (0..self.features).collect(),
            set_aside: Vec::new(),
        };
        grower.run(context)?;
        let total: f64 = weights.iter().sum();
        grower.trees.importances.iter_mut().for_each(|gain| *gain /= total);
        Ok(grower.trees)
    }
}

impl Grower<'_> {
    fn run(&mut self, context: &FitContext<'_>) -> Result<(), FitError> {
        let root = self.trees.push_root();
        let mut parts = vec![Part { node: root, start: 0, end: self.rows.len(), depth: 0 }];
        while let Some(part) = parts.pop() {
            context.check_cancelled()?;
            let pure = self.gather(&part);
            let split = if pure || part.depth == self.soil.max_depth { None } else { self.best_split(&part) };
            let Some(split) = split else {
                self.close(&part);
                continue;
            };
            let middle = self.divide(&part, split);
            self.trees.importances[split.feature] += split.gain.max(0.0);
            let threshold = self.soil.bins.threshold(split.feature, split.bin);
            let left = self.trees.split(part.node, split.feature, threshold, split.missing_left);
            let depth = part.depth + 1;
            parts.push(Part { node: left + 1, start: middle, end: part.end, depth });
            parts.push(Part { node: left, start: part.start, end: middle, depth });
        }
        Ok(())
    }

    /// Collects what the rows of a node add; whether they are all alike.
    fn gather(&mut self, part: &Part) -> bool {
        let rows = &self.rows[part.start..part.end];
        self.cells.clear();
        self.totals.fill(0.0);
        match self.soil.targets {
            Targets::Numbers(targets) => {
                let target = |row: u32| targets[row as usize];
                let mean = self.mean(rows, targets);
                self.cells.extend(rows.iter().map(|&row| {
                    let weight = self.weights[row as usize];
                    Cell { weight, amount: weight * (target(row) - mean), slot: 1 }
                }));
                add_up(&self.cells, &mut self.totals);
                let first = target(rows[0]);
                rows.iter().all(|row| target(*row).total_cmp(&first).is_eq())
            }
            Targets::Classes { labels, .. } => {
                let slot = |row: u32| labels[row as usize] as usize + 1;
                self.cells.extend(rows.iter().map(|&row| {
                    let weight = self.weights[row as usize];
                    Cell { weight, amount: weight, slot: slot(row) }
                }));
                add_up(&self.cells, &mut self.totals);
                self.totals[1..].iter().filter(|sum| **sum > 0.0).count() == 1
            }
        }
    }

    fn mean(&self, rows: &[u32], targets: &[f64]) -> f64 {
        let (mut sum, mut weight) = (0.0, 0.0);
        for &row in rows {
            sum += self.weights[row as usize] * targets[row as usize];
            weight += self.weights[row as usize];
        }
        sum / weight
    }

    /// The best split by as many features as are tried, drawn anew for each node; by more if all of these are constant.
    fn best_split(&mut self, part: &Part) -> Option<Split> {
        let rows = &self.rows[part.start..part.end];
        if rows.len() < 2 * self.soil.min_leaf {
            return None;
        }
        let (mut best, mut useful) = (None, false);
        for visited in 0..self.features.len() {
            if visited >= self.soil.tried && useful {
                break;
            }
            let drawn = visited + self.draws.below(self.features.len() - visited);
            self.features.swap(visited, drawn);
            let feature = self.features[visited];
            let column = self.soil.bins.of(feature);
            useful |= self.finder.search(feature, column, rows, &self.cells, &self.totals, &mut best);
        }
        best
    }

    /// Moves the rows of the left child before those of the right one, without changing their order; where the right
    /// ones begin.
    fn divide(&mut self, part: &Part, split: Split) -> usize {
        let column = self.soil.bins.of(split.feature);
        let mut end = part.start;
        self.set_aside.clear();
        for i in part.start..part.end {
            let row = self.rows[i];
            let bin = column[row as usize];
            let left = if bin == MISSING { split.missing_left } else { usize::from(bin) <= split.bin };
            if left {
                self.rows[end] = row;
                end += 1;
            } else {
                self.set_aside.push(row);
            }
        }
        self.rows[end..part.end].copy_from_slice(&self.set_aside);
        end
    }

    /// Makes the node a leaf.
    fn close(&mut self, part: &Part) {
        let rows = &self.rows[part.start..part.end];
        match self.soil.targets {
            Targets::Numbers(targets) => self.trees.values[part.node] = self.mean(rows, targets),
            Targets::Classes { .. } => {
                self.trees.values[part.node] = (self.trees.leaves.len() / self.trees.outputs) as f64;
                let shares = self.totals[1..].iter().map(|sum| sum / self.totals[0]);
                self.trees.leaves.extend(shares);
            }
        }
    }
}

fn add_up(cells: &[Cell], totals: &mut [f64]) {
    for cell in cells {
        totals[0] += cell.weight;
        totals[cell.slot] += cell.amount;
    }
}
