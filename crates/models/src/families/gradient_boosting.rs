//! Gradient boosting of depth-wise trees on the log loss. forust grows each tree; the rounds are run here, so that
//! every round can be followed and cancelled, and the trees are kept in Lineal's own form.

use forust_ml::{
    Matrix as Columns,
    binning::{BinnedData, bin_matrix},
    constraints::ConstraintMap,
    gradientbooster::GrowPolicy,
    objective::{LogLoss, ObjectiveFunction as _},
    sampler::SampleMethod,
    splitter::MissingImputerSplitter,
    tree::{Tree, TreeRows},
};

use super::{
    Family, FamilyDescription, FitContext, FitError, HyperparameterDescription as Description,
    HyperparameterKind as Kind, Hyperparameters, TrainingData,
};
use crate::{Link, Model, Task, Trees, labels::check_two_classes, link::log_loss};

/// Values per feature that a split can fall between.
const BINS: u16 = 256;

pub(super) struct GradientBoosting;

const DESCRIPTION: FamilyDescription = FamilyDescription {
    name: "gradient_boosting",
    title: "Gradient boosting",
    task: Task::BinaryClassification,
    hyperparameters: &[
        Description {
            name: "rounds",
            kind: Kind::Integer { min: 1, max: 10_000, default: 100 },
            doc: "number of trees",
        },
        Description {
            name: "learning_rate",
            kind: Kind::Float { min: 1e-4, max: 1.0, default: 0.1 },
            doc: "factor on every leaf; smaller learns slower and needs more rounds",
        },
        Description {
            name: "max_depth",
            kind: Kind::Integer { min: 1, max: 16, default: 6 },
            doc: "most splits on the way from the root to a leaf",
        },
        Description {
            name: "min_leaf_weight",
            kind: Kind::Float { min: 0.0, max: 1e6, default: 1.0 },
            doc: "least sum of p (1 - p) over the rows of a leaf",
        },
        Description {
            name: "l2",
            kind: Kind::Float { min: 0.0, max: 1e6, default: 1.0 },
            doc: "L2 penalty on the leaves",
        },
        Description {
            name: "subsample",
            kind: Kind::Float { min: 0.01, max: 1.0, default: 1.0 },
            doc: "share of rows that each tree is grown on, drawn by the seed",
        },
    ],
};

impl Family for GradientBoosting {
    fn describe(&self) -> FamilyDescription {
        DESCRIPTION
    }

    fn fit(
        &self,
        data: &TrainingData<'_>,
        params: &Hyperparameters,
        context: &FitContext<'_>,
    ) -> Result<Model, FitError> {
        check_two_classes(data.labels)?;
        let settings = Settings {
            rounds: params.integer("rounds")?,
            max_depth: params.integer("max_depth")?,
            subsample: params.float("subsample")?,
            splitter: MissingImputerSplitter {
                l1: 0.0,
                l2: params.float("l2")? as f32,
                max_delta_step: 0.0,
                gamma: 0.0,
                min_leaf_weight: params.float("min_leaf_weight")? as f32,
                learning_rate: params.float("learning_rate")? as f32,
                allow_missing_splits: true,
                constraints_map: ConstraintMap::new(),
            },
        };
        context.on_threads(|| boost(data, &settings, context)).map(Model::Trees)
    }
}

struct Settings {
    rounds: usize,
    max_depth: usize,
    subsample: f64,
    splitter: MissingImputerSplitter,
}

fn boost(data: &TrainingData<'_>, settings: &Settings, context: &FitContext<'_>) -> Result<Trees, FitError> {
    let (rows, cols, labels) = (data.features.rows(), data.features.cols(), data.labels);
    let values: Vec<f64> = (0..cols).flat_map(|j| data.features.column(j)).collect();
    let columns = Columns::new(&values, rows, cols);
    let ones = vec![1.0; rows];
    let binned =
        bin_matrix(&columns, &ones, BINS, f64::NAN, true).map_err(|error| FitError::Trees(error.to_string()))?;
    let mut draws = SplitMix64(context.seed);
    let mut trees = Trees::new(cols, LogLoss::calc_init(labels, &ones), Link::Logit);
    let mut margins = vec![trees.base_score; rows];
    for round in 1..=settings.rounds {
        context.check_cancelled()?;
        let drawn = draws.rows(rows, settings.subsample);
        let (gradients, hessians) = LogLoss::calc_grad_hess(labels, &margins, &ones);
        let (tree, placed) = grow(&columns, &binned, drawn, (&gradients, &hessians), settings);
        add_leaves(&mut margins, &columns, &tree, placed.as_ref());
        push(&mut trees, &tree);
        let loss: f64 = margins.iter().zip(labels).map(|(&margin, &label)| log_loss(margin, label)).sum();
        context.progress.step(round as u64, settings.rounds as u64, &[("log_loss", loss / rows as f64)]);
    }
    Ok(trees)
}

/// One tree on the rows `drawn`, and where it placed them.
fn grow(
    columns: &Columns<'_, f64>,
    binned: &BinnedData<f64>,
    drawn: Vec<usize>,
    (gradients, hessians): (&[f32], &[f32]),
    settings: &Settings,
) -> (Tree, Option<TreeRows>) {
    let sampling = if drawn.len() == columns.rows { SampleMethod::None } else { SampleMethod::Random };
    let mut tree = Tree::new();
    let placed = tree.fit(
        &Columns::new(&binned.binned_data, columns.rows, columns.cols),
        drawn,
        &(0..columns.cols).collect::<Vec<_>>(),
        &binned.cuts,
        gradients,
        hessians,
        &settings.splitter,
        usize::MAX,
        settings.max_depth,
        true,
        &sampling,
        &GrowPolicy::DepthWise,
    );
    (tree, placed)
}

/// Adds each row's leaf to its margin: where growing placed every row that is known, otherwise rows walk the tree.
fn add_leaves(margins: &mut [f64], columns: &Columns<'_, f64>, tree: &Tree, placed: Option<&TreeRows>) {
    if let Some(placed) = placed.filter(|placed| placed.index.len() == margins.len()) {
        for (rows, leaf) in placed.leaves(tree) {
            for &row in rows {
                margins[row] += leaf;
            }
        }
    } else {
        let leaves = tree.predict(columns, true, &f64::NAN);
        margins.iter_mut().zip(leaves).for_each(|(margin, leaf)| *margin += leaf);
    }
}

/// Adds a grown tree, renumbered level by level so that siblings are neighbours.
fn push(trees: &mut Trees, grown: &Tree) {
    let root = trees.push_root();
    let mut queue = std::collections::VecDeque::from([(0, root)]);
    while let Some((from, to)) = queue.pop_front() {
        let node = &grown.nodes[from];
        if node.is_leaf {
            trees.values[to] = f64::from(node.weight_value);
            continue;
        }
        let left = trees.split(to, node.split_feature, node.split_value, node.missing_node == node.left_child);
        queue.push_back((node.left_child, left));
        queue.push_back((node.right_child, left + 1));
    }
}

/// Steele, Lea and Flood's SplitMix64. Our own ten lines, so that a seed draws the same rows in every release.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// About `share` of the rows, in order; all of them if the draw was empty.
    fn rows(&mut self, rows: usize, share: f64) -> Vec<usize> {
        if share >= 1.0 {
            return (0..rows).collect();
        }
        let drawn: Vec<usize> = (0..rows).filter(|_| (self.next() as f64) < share * 2f64.powi(64)).collect();
        if drawn.is_empty() { (0..rows).collect() } else { drawn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        let mut draws = SplitMix64(1_234_567);
        assert_eq!(draws.next(), 6_457_827_717_110_365_317);
        assert_eq!(draws.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn draws_take_their_share_and_are_never_empty() {
        let mut draws = SplitMix64(7);
        let drawn = draws.rows(10_000, 0.3).len();
        assert!((2_800..3_200).contains(&drawn), "{drawn}");
        assert_eq!(draws.rows(5, 1.0), [0, 1, 2, 3, 4]);
        assert!((0..100).all(|_| !draws.rows(1, 0.01).is_empty()));
    }
}
