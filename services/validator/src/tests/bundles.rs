//! Real bundles, made of the telephone churn table.

use std::{collections::BTreeMap, sync::OnceLock};

use lineal_data::{
    Column, Feature, FeatureKind, FeatureSet, FittedFeatures, Frame, MissingRule, Snapshot, SplitRule, Table, Target,
    Transform, split,
};
use lineal_kernel::Digest;
use lineal_models::{
    Bundle, BundleParts, Decision, FitContext, Hyperparameters, Linear, Link, Model, Progress, Rule, SplitReference,
    Task, Threshold, TrainingData, family,
};

const CHURN: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../lineal/data/churn.csv"));

/// The split table and two models of it that differ in quality.
pub(super) struct World {
    train: Table,
    pub(super) reference: Snapshot,
    /// A linear model of every column.
    pub(super) modest: Bundle,
    /// Trees of every column.
    pub(super) strong: Bundle,
    /// A linear model of a column that says nothing.
    pub(super) blind: Bundle,
}

pub(super) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let rule = SplitRule::rows("v1", 7, 0.2);
        let parts = split(&Table::from_csv(CHURN).unwrap(), &rule, None).unwrap();
        let reference = Snapshot::of(&parts.reference).unwrap();
        let every = FeatureSet::infer(&parts.train, "churn", &[]).unwrap();
        let blind = set([("account_length", MissingRule::Mean)]);
        let fit = |name, set: &FeatureSet| fit(name, set, &parts.train, &reference);
        let (modest, strong) = (fit("logistic_regression", &every), fit("gradient_boosting", &every));
        let blind = fit("logistic_regression", &blind);
        World { train: parts.train, modest, strong, blind, reference }
    })
}

struct Quiet;

impl Progress for Quiet {
    fn step(&self, _: u64, _: u64, _: &[(&'static str, f64)]) {}

    fn cancelled(&self) -> bool {
        false
    }
}

fn defaults(name: &str) -> Hyperparameters {
    Hyperparameters::resolve(&family(name).unwrap().describe(), BTreeMap::new()).unwrap()
}

fn target() -> Target {
    Target { column: "churn".to_owned(), positive: Some("yes".to_owned()) }
}

/// Numeric columns as they are.
fn set<const N: usize>(columns: [(&str, MissingRule); N]) -> FeatureSet {
    let feature = |(name, missing): (&str, MissingRule)| Feature {
        name: name.to_owned(),
        source: name.to_owned(),
        kind: FeatureKind::Number,
        missing,
        transform: Transform::None,
    };
    FeatureSet { version: "v1".to_owned(), features: columns.map(feature).to_vec(), history: None }
}

fn fit(name: &str, set: &FeatureSet, train: &Table, reference: &Snapshot) -> Bundle {
    let frame = train.to_frame();
    let features = set.fit(&frame).unwrap();
    let labels = target().classes(train).unwrap().values;
    let (matrix, names) = (features.transform(&frame).unwrap(), features.output_names());
    let data = TrainingData::new(Task::BinaryClassification, &matrix, &labels, &names).unwrap();
    let context = FitContext { seed: 7, threads: 1, progress: &Quiet };
    let model = family(name).unwrap().fit(&data, &defaults(name), &context).unwrap();
    pack(&features, &model, target(), &frame, reference.digest)
}

/// A bundle of `model`, whose golden rows are among `rows`.
pub(super) fn pack(
    features: &FittedFeatures,
    model: &Model,
    target: Target,
    rows: &Frame,
    reference: Digest,
) -> Bundle {
    let positive_class = target.positive.clone().unwrap_or_else(|| "yes".to_owned());
    Bundle::build(BundleParts {
        family: "logistic_regression",
        task: Task::BinaryClassification,
        features,
        model,
        hyperparameters: &defaults("logistic_regression"),
        label: target,
        decision: Decision::Threshold(Threshold {
            positive_class,
            negative_class: None,
            threshold: 0.5,
            rule: Rule::AtLeast,
        }),
        training_data: Digest::of(CHURN),
        split: SplitReference { version: "v1".to_owned(), reference },
        rows,
    })
    .unwrap()
}

/// A weighted sum of two columns that the churn table has, proved on the single row of zeros.
pub(super) fn weights(weights: [f64; 2], link: Link, target: Target) -> Bundle {
    let columns = ["total_day_minutes", "total_eve_minutes"];
    let features = set(columns.map(|name| (name, MissingRule::Mean))).fit(&world().train.to_frame()).unwrap();
    let model = Model::Linear(Linear { weights: weights.to_vec(), intercept: 0.0, link, importances: vec![] });
    let mut zeros = Frame::new(1);
    for name in columns {
        zeros.push(name, Column::Numbers(vec![0.0])).unwrap();
    }
    pack(&features, &model, target, &zeros, world().reference.digest)
}

/// Loads, repeats its golden row, and answers every real row with infinity less infinity.
pub(super) fn answers_nan() -> Bundle {
    weights([1e308, -1e308], Link::Logit, target())
}

/// Answers with sums where probabilities are expected.
pub(super) fn answers_sums() -> Bundle {
    weights([1.0, 1.0], Link::Identity, target())
}

/// Predicts churn, its positive class left to convention.
pub(super) fn predicts_by_convention() -> Bundle {
    let target = Target { positive: None, ..target() };
    weights([0.001, -0.001], Link::Logit, target)
}

/// Predicts another column.
pub(super) fn predicts_plans() -> Bundle {
    let target = Target { column: "voice_mail_plan".to_owned(), positive: Some("yes".to_owned()) };
    weights([0.001, -0.001], Link::Logit, target)
}

/// Other rows of the same table, as a reference set that no model here was made with.
pub(super) fn other_reference() -> Snapshot {
    Snapshot::of(&world().train.take(&(0..500).collect::<Vec<_>>()).unwrap()).unwrap()
}

/// A strong model made with a reference set that lacks one of its inputs, and that set.
pub(super) fn strong_without(column: &str) -> (Bundle, Snapshot) {
    let table = Table::from_csv(CHURN).unwrap();
    let table = table.take(&(0..1000).collect::<Vec<_>>()).unwrap();
    let header = table.schema().map(|(name, _)| name.to_owned()).position(|name| name == column).unwrap();
    let text = String::from_utf8(CHURN.to_vec()).unwrap();
    let without = |line: &str| {
        let cells = line.split(',').enumerate().filter(|(i, _)| *i != header).map(|(_, cell)| cell);
        cells.collect::<Vec<_>>().join(",")
    };
    let csv = text.lines().take(1001).map(without).collect::<Vec<_>>().join("\n");
    let reference = Snapshot::of(&Table::from_csv(csv.as_bytes()).unwrap()).unwrap();
    let every = FeatureSet::infer(&table, "churn", &[]).unwrap();
    (fit("logistic_regression", &every, &table, &reference), reference)
}
