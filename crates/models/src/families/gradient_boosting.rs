//! Gradient boosting of depth-wise trees.

use super::{
    Family, FamilyDescription, FitContext, FitError, HyperparameterDescription as Description,
    HyperparameterKind as Kind, Hyperparameters, TrainingData, bins::Bins, boosting, bundles::Bundles, levels::Ground,
    margins::Margins, objective::Objective, random::SplitMix64, weights,
};
use crate::{Model, Softmax, Task, Trees};

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
            l2: params.float("l2")?,
            min_leaf_weight: params.float("min_leaf_weight")?,
            learning_rate: params.float("learning_rate")?,
        };
        let mut trees = context.on_threads(|| boost(data, &row_weights, &settings, context))?;
        Ok(match trees.pop() {
            Some(only) if trees.is_empty() => Model::Trees(only),
            last => Model::Softmax(Softmax::new(trees.into_iter().chain(last).map(Model::Trees).collect())),
        })
    }
}

struct Settings {
    objective: Objective,
    rounds: usize,
    max_depth: usize,
    subsample: f64,
    /// 0 is endless.
    patience: usize,
    l2: f64,
    min_leaf_weight: f64,
    learning_rate: f64,
}

impl Settings {
    fn ground(&self, data: &TrainingData<'_>) -> Ground {
        let bins = Bins::new(data.features);
        Ground {
            bundles: Bundles::new(&bins, data.features.rows(), data.features.cols()),
            bins,
            max_depth: self.max_depth,
            min_leaf_weight: self.min_leaf_weight,
            l2: self.l2,
            learning_rate: self.learning_rate,
        }
    }
}

/// Trees for each margin.
fn boost(
    data: &TrainingData<'_>,
    row_weights: &[f64],
    settings: &Settings,
    context: &FitContext<'_>,
) -> Result<Vec<Trees>, FitError> {
    let (rows, cols) = (data.features.rows(), data.features.cols());
    let ground = settings.ground(data);
    let mut draws = SplitMix64(context.seed);
    let start = settings.objective.start(data.labels, row_weights)?;
    let link = settings.objective.link();
    let mut trees: Vec<Trees> = start.iter().map(|base| Trees::new(cols, *base, link)).collect();
    let mut gains = vec![Vec::new(); trees.len()];
    let mut training = Margins::new(data.labels, &start, settings.objective);
    let mut validation = data.validation.map(|kept| (Margins::new(kept.labels, &start, settings.objective), kept));
    let ones = validation.as_ref().map_or_else(Vec::new, |(kept, _)| vec![1.0; kept.rows()]);
    let mut best = Best::default();
    for round in 1..=settings.rounds {
        let drawn = draws.rows(rows, settings.subsample);
        for (k, slopes) in training.slopes(row_weights)?.iter().enumerate() {
            let (leaves, gained) = ground.grow(&mut trees[k], drawn.clone(), slopes, context)?;
            gains[k].push(gained);
            if drawn.len() == rows {
                training.add_leaves(k, &leaves);
            } else {
                training.add_last_tree(k, &trees[k], data.features);
            }
            if let Some((margins, kept)) = &mut validation {
                margins.add_last_tree(k, &trees[k], kept.features);
            }
        }
        let [name, validation_name] = settings.objective.metrics();
        let mut metrics = Vec::new();
        if context.progress.wants_metrics() {
            metrics.push((name, training.mean_loss(row_weights, context)?));
        }
        if let Some((margins, _)) = &validation {
            let loss = margins.mean_loss(&ones, context)?;
            metrics.push((validation_name, loss));
            best.hear(round, loss);
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
