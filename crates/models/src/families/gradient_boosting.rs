//! Gradient boosting of depth-wise trees. forust grows each tree; the rounds are run here, so that every round can be
//! followed and cancelled, and the trees are kept in Lineal's own form.

use forust_ml::{
    Matrix as Columns,
    binning::{BinnedData, bin_matrix},
    constraints::ConstraintMap,
    gradientbooster::GrowPolicy,
    sampler::SampleMethod,
    splitter::MissingImputerSplitter,
    tree::{Tree, TreeRows},
};
use lineal_data::Matrix;

use super::{
    Family, FamilyDescription, FitContext, FitError, HyperparameterDescription as Description,
    HyperparameterKind as Kind, Hyperparameters, TrainingData, boosting,
    objective::{Derivatives, Objective},
    random::SplitMix64,
    weights,
};
use crate::{Model, Softmax, Task, Trees};

/// Values per feature that a split can fall between.
const BINS: u16 = 256;

pub(super) struct GradientBoosting;

const DESCRIPTION: FamilyDescription = FamilyDescription {
    name: "gradient_boosting",
    title: "Gradient boosting",
    tasks: &Task::ALL,
    hyperparameters: &[
        boosting::ROUNDS,
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
            doc: "least sum over the rows of a leaf: of p (1 - p) for classes, of 1 for numbers, of the expected count",
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
        Description {
            name: "regression_objective",
            kind: Kind::Choice { choices: &["squared_error", "poisson"], default: "squared_error" },
            doc: "what is minimised in a regression; poisson, as for counts, learns the logarithm of numbers of 0 or more",
        },
        boosting::EARLY_STOPPING_ROUNDS,
        weights::CLASS_WEIGHT,
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
        let classes = data.check_labels(&DESCRIPTION)?;
        let objective = Objective::new(data, classes, params.choice("regression_objective")?)?;
        let row_weights = match data.task {
            Task::Regression | Task::Count => weights::of(data),
            Task::BinaryClassification | Task::MulticlassClassification => {
                weights::with_classes(data, classes, params)?
            }
        };
        let patience = params.integer("early_stopping_rounds")?;
        if patience > 0 && data.validation.is_none() {
            return Err(FitError::NoValidation);
        }
        let settings = Settings {
            objective,
            rounds: params.integer("rounds")?,
            max_depth: params.integer("max_depth")?,
            subsample: params.float("subsample")?,
            patience,
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
        let mut trees = context.on_threads(|| boost(data, &row_weights, &settings, context))?;
        if let Objective::Multiclass(_) = objective {
            return Ok(Model::Softmax(Softmax::new(trees.into_iter().map(Model::Trees).collect())));
        }
        trees.pop().map(Model::Trees).ok_or_else(|| FitError::Trees("there is no margin".to_owned()))
    }
}

struct Settings {
    objective: Objective,
    rounds: usize,
    max_depth: usize,
    subsample: f64,
    /// 0 is endless.
    patience: usize,
    splitter: MissingImputerSplitter,
}

/// Trees for each margin.
fn boost(
    data: &TrainingData<'_>,
    row_weights: &[f64],
    settings: &Settings,
    context: &FitContext<'_>,
) -> Result<Vec<Trees>, FitError> {
    let (rows, cols) = (data.features.rows(), data.features.cols());
    let values: Vec<f64> = (0..cols).flat_map(|j| data.features.column(j)).collect();
    let columns = Columns::new(&values, rows, cols);
    let binned =
        bin_matrix(&columns, row_weights, BINS, f64::NAN, true).map_err(|error| FitError::Trees(error.to_string()))?;
    let mut draws = SplitMix64(context.seed);
    let start = settings.objective.start(data.labels, row_weights)?;
    let link = settings.objective.link();
    let mut trees: Vec<Trees> = start.iter().map(|base| Trees::new(cols, *base, link)).collect();
    let mut gains = vec![Vec::new(); trees.len()];
    let mut training = Margins::new(data.labels, &start, settings.objective);
    let mut validation = data.validation.map(|kept| (Margins::new(kept.labels, &start, settings.objective), kept));
    let ones = validation.as_ref().map_or_else(Vec::new, |(kept, _)| vec![1.0; kept.labels.len()]);
    let mut best = Best::default();
    for round in 1..=settings.rounds {
        let drawn = draws.rows(rows, settings.subsample);
        for (k, derivatives) in training.derive(row_weights).iter().enumerate() {
            context.check_cancelled()?;
            let (tree, placed) = grow(&columns, &binned, drawn.clone(), derivatives, settings);
            add_leaves(&mut training.by_margin[k], &columns, &tree, placed.as_ref());
            gains[k].push(push(&mut trees[k], &tree));
            if let Some((margins, kept)) = &mut validation {
                margins.add_last_tree(k, &trees[k], kept.features);
            }
        }
        let [name, validation_name] = settings.objective.metrics();
        let mut metrics = vec![(name, training.mean_loss(row_weights))];
        if let Some((margins, _)) = &validation {
            metrics.push((validation_name, margins.mean_loss(&ones)));
            best.hear(round, margins.mean_loss(&ones));
        }
        context.progress.step(round as u64, settings.rounds as u64, &metrics);
        if settings.patience > 0 && best.is_over(round, settings.patience) {
            break;
        }
    }
    let kept = if settings.patience > 0 { best.round } else { settings.rounds };
    for (trees, gains) in trees.iter_mut().zip(gains) {
        trees.truncate(kept);
        for gains in gains.iter().take(kept) {
            trees.importances.iter_mut().zip(gains).for_each(|(sum, gain)| *sum += gain);
        }
    }
    Ok(trees)
}

/// The round with the lowest loss on the validation rows.
#[derive(Default)]
struct Best {
    round: usize,
    loss: Option<f64>,
}

impl Best {
    fn hear(&mut self, round: usize, loss: f64) {
        if self.loss.is_none_or(|best| loss < best) {
            (self.round, self.loss) = (round, Some(loss));
        }
    }

    fn is_over(&self, round: usize, patience: usize) -> bool {
        round - self.round >= patience
    }
}

/// Where rows are on their way.
struct Margins<'a> {
    objective: Objective,
    labels: &'a [f64],
    /// For each margin, that of every row.
    by_margin: Vec<Vec<f64>>,
}

impl<'a> Margins<'a> {
    fn new(labels: &'a [f64], start: &[f64], objective: Objective) -> Self {
        Self { objective, labels, by_margin: start.iter().map(|base| vec![*base; labels.len()]).collect() }
    }

    /// Sets `margins` to those of `row`.
    fn copy(&self, row: usize, margins: &mut [f64]) {
        margins.iter_mut().zip(&self.by_margin).for_each(|(margin, all)| *margin = all[row]);
    }

    fn derive(&self, row_weights: &[f64]) -> Vec<Derivatives> {
        let mut derivatives = vec![Derivatives::default(); self.by_margin.len()];
        let mut margins = vec![0.0; self.by_margin.len()];
        for (row, (&label, &weight)) in self.labels.iter().zip(row_weights).enumerate() {
            self.copy(row, &mut margins);
            self.objective.derive(label, weight, &mut margins, &mut derivatives);
        }
        derivatives
    }

    fn mean_loss(&self, row_weights: &[f64]) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        let mut margins = vec![0.0; self.by_margin.len()];
        for (row, (&label, &weight)) in self.labels.iter().zip(row_weights).enumerate() {
            self.copy(row, &mut margins);
            sum += weight * self.objective.loss(label, &margins);
            total += weight;
        }
        sum / total
    }

    fn add_last_tree(&mut self, margin: usize, trees: &Trees, features: &Matrix) {
        let Some(&root) = trees.roots.last() else { return };
        for (row, margin) in self.by_margin[margin].iter_mut().enumerate() {
            *margin += trees.values[trees.walk(root as usize, features.row(row))];
        }
    }
}

/// One tree on the rows `drawn`, and where it placed them.
fn grow(
    columns: &Columns<'_, f64>,
    binned: &BinnedData<f64>,
    drawn: Vec<usize>,
    derivatives: &Derivatives,
    settings: &Settings,
) -> (Tree, Option<TreeRows>) {
    let sampling = if drawn.len() == columns.rows { SampleMethod::None } else { SampleMethod::Random };
    let mut tree = Tree::new();
    let placed = tree.fit(
        &Columns::new(&binned.binned_data, columns.rows, columns.cols),
        drawn,
        &(0..columns.cols).collect::<Vec<_>>(),
        &binned.cuts,
        &derivatives.first,
        &derivatives.second,
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

/// Adds a grown tree, renumbered level by level so that siblings are neighbours; returns what each feature gained.
fn push(trees: &mut Trees, grown: &Tree) -> Vec<f64> {
    let mut gains = vec![0.0; trees.features];
    let root = trees.push_root();
    let mut queue = std::collections::VecDeque::from([(0, root)]);
    while let Some((from, to)) = queue.pop_front() {
        let node = &grown.nodes[from];
        if node.is_leaf {
            trees.values[to] = f64::from(node.weight_value);
            continue;
        }
        let left = trees.split(to, node.split_feature, node.split_value, node.missing_node == node.left_child);
        gains[node.split_feature] += f64::from(node.split_gain).max(0.0);
        queue.push_back((node.left_child, left));
        queue.push_back((node.right_child, left + 1));
    }
    gains
}
