//! From a foreign model to a bundle.

use std::collections::BTreeMap;

use lineal_data::{Feature, FeatureKind, FeatureSet, MissingRule, Snapshot, Table, Target, Transform};
use lineal_kernel::Digest;
use lineal_models::{
    Bundle, BundleParts, Decision, FamilyDescription, ForeignModel, Hyperparameters, MostProbable, Rule,
    SplitReference, Task, Threshold,
};

use super::{Args, CliError};
use crate::cli::parse;

/// What the features and the split of an imported version are called.
pub(super) const IMPORTED: &str = "imported";

/// A bundle and the rows it can be judged on.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) bundle: Bundle,
    /// The given rows, which become the reference set.
    pub(super) sample: Option<Snapshot>,
}

impl Packed {
    /// Packs `foreign`. Raw columns go to the model as numbers, missing ones stay missing.
    pub(super) fn trees(
        args: &Args,
        foreign: &ForeignModel,
        source: &[u8],
        sample: Option<Table>,
    ) -> Result<Self, CliError> {
        let count = if foreign.task == Task::Regression { 0 } else { foreign.classes };
        let classes = class_names(args, count)?;
        let rows = match &sample {
            Some(table) => table.to_frame(),
            None => foreign.probes().map_err(refused)?,
        };
        let set = feature_set(foreign);
        let fitted = set.fit(&rows).map_err(refused)?;
        let family = foreign.library.name();
        let hyperparameters = hyperparameters(family)?;
        let sample = Self::snapshot(sample)?;
        let source = Digest::of(source);
        let positive = (foreign.task == Task::BinaryClassification).then(|| classes[1].clone());
        let bundle = Bundle::build(BundleParts {
            family,
            task: foreign.task,
            features: &fitted,
            model: &foreign.model,
            hyperparameters: &hyperparameters,
            label: Target { column: args.label.clone(), positive },
            decision: decision(foreign, classes),
            training_data: source,
            split: SplitReference {
                version: IMPORTED.to_owned(),
                reference: sample.as_ref().map_or(source, |sample| sample.digest),
            },
            rows: &rows,
        });
        Ok(Self { bundle: bundle.map_err(|error| reason(&error))?, sample })
    }

    /// The given rows as they are kept.
    pub(super) fn snapshot(sample: Option<Table>) -> Result<Option<Snapshot>, CliError> {
        sample.map(|table| Snapshot::of(&table)).transpose().map_err(refused)
    }
}

/// What a model was trained with is not in its file.
pub(super) fn hyperparameters(family: &'static str) -> Result<Hyperparameters, CliError> {
    let family = FamilyDescription { name: family, title: family, tasks: &[], hyperparameters: &[] };
    Hyperparameters::resolve(&family, BTreeMap::new()).map_err(|_| refused("hyperparameters"))
}

/// The names of `count` classes, as given or their numbers.
pub(super) fn class_names(args: &Args, count: usize) -> Result<Vec<String>, CliError> {
    if args.classes.is_empty() {
        return Ok((0..count).map(|class| class.to_string()).collect());
    }
    if args.classes.len() == count {
        return Ok(args.classes.clone());
    }
    Err(CliError::usage(format!("--classes: the model has {count} classes, {} names are given", args.classes.len())))
}

fn feature_set(foreign: &ForeignModel) -> FeatureSet {
    let feature = |name: &String| Feature {
        name: name.clone(),
        source: name.clone(),
        kind: FeatureKind::Number,
        missing: MissingRule::Unknown,
        transform: Transform::None,
    };
    FeatureSet { version: IMPORTED.to_owned(), features: foreign.features.iter().map(feature).collect(), history: None }
}

fn decision(foreign: &ForeignModel, classes: Vec<String>) -> Decision {
    match foreign.task {
        Task::BinaryClassification => threshold(classes, foreign.threshold),
        Task::MulticlassClassification => most_probable(classes),
        Task::Regression | Task::Count => Decision::Number,
    }
}

/// One of two classes.
pub(super) fn threshold(mut classes: Vec<String>, threshold: f64) -> Decision {
    let positive_class = classes.pop().unwrap_or_default();
    Decision::Threshold(Threshold { positive_class, negative_class: classes.pop(), threshold, rule: Rule::AtLeast })
}

/// One of several classes.
pub(super) fn most_probable(classes: Vec<String>) -> Decision {
    Decision::MostProbable(MostProbable { classes })
}

pub(super) fn refused(problem: impl std::fmt::Display) -> CliError {
    CliError::usage(format!("--signature: {problem}"))
}

/// An error with its causes, for they name the column.
pub(super) fn reason(error: &dyn std::error::Error) -> CliError {
    refused(parse::reason(error))
}
