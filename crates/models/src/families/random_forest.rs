//! Random forest: trees on resampled rows, grown to the end, each split chosen among a few features (Breiman, Random
//! forests, 2001). The forest answers with the mean of its trees: a mean of the target, or shares of the classes.

use rayon::prelude::*;

use super::{
    Family, FamilyDescription, FitContext, FitError, HyperparameterDescription as Description,
    HyperparameterKind as Kind, Hyperparameters, TrainingData,
    bins::Bins,
    grower::{Soil, Targets},
    random::SplitMix64,
    weights,
};
use crate::{Link, Model, Task, Trees};

pub(super) struct RandomForest;

const DESCRIPTION: FamilyDescription = FamilyDescription {
    name: "random_forest",
    title: "Random forest",
    tasks: &[Task::BinaryClassification, Task::MulticlassClassification, Task::Regression],
    hyperparameters: &[
        Description {
            name: "trees",
            kind: Kind::Integer { min: 1, max: 10_000, default: 100 },
            doc: "number of trees",
        },
        Description {
            name: "max_depth",
            kind: Kind::Integer { min: 1, max: 64, default: 64 },
            doc: "most splits on the way from the root to a leaf",
        },
        Description {
            name: "min_leaf_rows",
            kind: Kind::Integer { min: 1, max: 1_000_000, default: 1 },
            doc: "least number of rows in a leaf",
        },
        Description {
            name: "max_features",
            kind: Kind::Choice { choices: &["auto", "sqrt", "third", "all"], default: "auto" },
            doc: "features tried at each split; auto is the square root of their number for classes, all for numbers",
        },
        Description {
            name: "bootstrap",
            kind: Kind::Boolean { default: true },
            doc: "whether each tree gets as many rows as there are, drawn with replacement; all rows otherwise",
        },
        weights::CLASS_WEIGHT,
    ],
};

impl Family for RandomForest {
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
        let row_weights = match data.task {
            Task::Regression | Task::Count => weights::of(data),
            Task::BinaryClassification | Task::MulticlassClassification => {
                weights::with_classes(data, classes, params)?
            }
        };
        let targets = match data.task {
            Task::MulticlassClassification => Targets::Classes { labels: data.labels, classes },
            Task::BinaryClassification | Task::Regression | Task::Count => Targets::Numbers(data.labels),
        };
        let features = data.features.cols();
        context.on_threads(|| {
            let soil = Soil {
                bins: &Bins::new(data.features),
                features,
                targets,
                max_depth: params.integer("max_depth")?,
                min_leaf: params.integer("min_leaf_rows")?,
                tried: tried(params.choice("max_features")?, features, data.task),
            };
            let (count, bootstrap) = (params.integer("trees")?, params.boolean("bootstrap")?);
            plant(&soil, &row_weights, count, bootstrap, context).map(Model::Trees)
        })
    }
}

/// How many of `features` a split tries.
fn tried(choice: &str, features: usize, task: Task) -> usize {
    let number = match (choice, task) {
        ("sqrt", _) | ("auto", Task::BinaryClassification | Task::MulticlassClassification) => features.isqrt(),
        ("third", _) => features / 3,
        _ => features,
    };
    number.max(1)
}

/// Grows all trees at the same time. Each has a seed of its own, so it does not matter who grows it when.
fn plant(
    soil: &Soil<'_>,
    row_weights: &[f64],
    count: usize,
    bootstrap: bool,
    context: &FitContext<'_>,
) -> Result<Trees, FitError> {
    let mut draws = SplitMix64(context.seed);
    let seeds: Vec<u64> = (0..count).map(|_| draws.next()).collect();
    let done = std::sync::Mutex::new(0);
    let grow = |&seed: &u64| {
        context.check_cancelled()?;
        let mut draws = SplitMix64(seed);
        let drawn = if bootstrap { resample(row_weights, &mut draws) } else { row_weights.to_vec() };
        let tree = soil.grow(&drawn, draws.next(), context)?;
        let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *done += 1;
        context.progress.step(*done, count as u64, &[]);
        Ok(tree)
    };
    let grown = seeds.par_iter().map(grow).collect::<Result<Vec<Trees>, FitError>>()?;
    let outputs = grown.first().map_or(1, |tree| tree.outputs);
    let mut forest = Trees { outputs, average: true, ..Trees::new(soil.features, 0.0, Link::Identity) };
    for tree in &grown {
        forest.append(tree);
    }
    Ok(forest)
}

/// The weights times how often each row was drawn; all of them if no row with a weight was.
fn resample(row_weights: &[f64], draws: &mut SplitMix64) -> Vec<f64> {
    let mut counts = vec![0.0; row_weights.len()];
    for _ in 0..row_weights.len() {
        counts[draws.below(row_weights.len())] += 1.0;
    }
    counts.iter_mut().zip(row_weights).for_each(|(count, weight)| *count *= weight);
    if counts.iter().any(|weight| *weight > 0.0) { counts } else { row_weights.to_vec() }
}
