//! From a foreign model to a bundle.

use std::collections::BTreeMap;

use lineal_data::{Feature, FeatureKind, FeatureSet, MissingRule, Snapshot, Table, Target, Transform};
use lineal_kernel::Digest;
use lineal_models::{
    Bundle, BundleParts, Decision, FamilyDescription, ForeignModel, Hyperparameters, MostProbable, Rule,
    SplitReference, Task, Threshold,
};

use super::{Args, CliError};

/// What the features and the split of an imported version are called.
pub(super) const IMPORTED: &str = "imported";

/// A bundle and the rows it can be judged on.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) bundle: Bundle,
    pub(super) hyperparameters: Digest,
    pub(super) features: Digest,
    /// The given rows, which become the reference set.
    pub(super) sample: Option<Snapshot>,
}

impl Packed {
    /// Packs `foreign`. Raw columns go to the model as numbers, missing ones stay missing.
    pub(super) fn new(
        args: &Args,
        foreign: &ForeignModel,
        source: &[u8],
        sample: Option<Table>,
    ) -> Result<Self, CliError> {
        let classes = classes(args, foreign)?;
        let rows = match &sample {
            Some(table) => table.to_frame(),
            None => foreign.probes().map_err(refused)?,
        };
        let set = feature_set(foreign);
        let fitted = set.fit(&rows).map_err(refused)?;
        let family = FamilyDescription {
            name: foreign.library.name(),
            title: foreign.library.name(),
            tasks: &[],
            hyperparameters: &[],
        };
        // What it was trained with is not in the file.
        let hyperparameters =
            Hyperparameters::resolve(&family, BTreeMap::new()).map_err(|_| refused("hyperparameters"))?;
        let sample = sample.map(|table| Snapshot::of(&table)).transpose().map_err(refused)?;
        let source = Digest::of(source);
        let positive = (foreign.task == Task::BinaryClassification).then(|| classes[1].clone());
        let bundle = Bundle::build(BundleParts {
            family: family.name,
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
        Ok(Self {
            bundle: bundle.map_err(|error| reason(&error))?,
            hyperparameters: hyperparameters.digest()?,
            features: set.digest().map_err(refused)?,
            sample,
        })
    }
}

/// The names of the classes, as given or their numbers.
fn classes(args: &Args, foreign: &ForeignModel) -> Result<Vec<String>, CliError> {
    let count = if foreign.task == Task::Regression { 0 } else { foreign.classes };
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
    FeatureSet { version: IMPORTED.to_owned(), features: foreign.features.iter().map(feature).collect() }
}

fn decision(foreign: &ForeignModel, classes: Vec<String>) -> Decision {
    match foreign.task {
        Task::BinaryClassification => Decision::Threshold(Threshold {
            positive_class: classes[1].clone(),
            negative_class: Some(classes[0].clone()),
            threshold: foreign.threshold,
            rule: Rule::AtLeast,
        }),
        Task::MulticlassClassification => Decision::MostProbable(MostProbable { classes }),
        Task::Regression | Task::Count => Decision::Number,
    }
}

fn refused(problem: impl std::fmt::Display) -> CliError {
    CliError::usage(format!("--signature: {problem}"))
}

/// An error with its causes, for they name the column.
fn reason(error: &dyn std::error::Error) -> CliError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    refused(text)
}
