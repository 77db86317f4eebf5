//! One fit of our own.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context as _;
use lineal_data::Matrix;
use lineal_models::{FitContext, Hyperparameters, LibrarySearch, Progress, TrainingData, Value, families_in};

use super::{
    Stopwatch, THREADS,
    families::CASES,
    flights::{FEATURES, numbers, write},
};

/// `lineal-load fit`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One of the families
    family: String,
    /// The folder of the rows
    rows: PathBuf,
    /// Where the scores of the reference rows go
    scores: PathBuf,
}

/// Nobody listens.
struct Quiet;

impl Progress for Quiet {
    fn step(&self, _: u64, _: u64, _: &[(&'static str, f64)]) {}

    fn wants_metrics(&self) -> bool {
        false
    }

    fn cancelled(&self) -> bool {
        false
    }
}

/// Fits on the train rows, prints what it took and writes the scores of the reference rows.
pub(crate) fn fit(args: &Args) -> anyhow::Result<()> {
    let case = CASES.iter().find(|case| case.family == args.family).context("no such family")?;
    let known = families_in(&LibrarySearch::in_environment(|name| std::env::var_os(name)));
    let family = known.iter().find(|family| family.name() == case.family).context("no such family")?;
    family.check_available()?;
    let given: BTreeMap<String, Value> = serde_json::from_str(case.settings)?;
    let params = Hyperparameters::resolve(&family.describe(), given).map_err(|errors| {
        anyhow::anyhow!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
    })?;
    let labels = numbers(&args.rows.join("train").join(case.label.file()))?;
    let features = numbers(&args.rows.join("train").join(FEATURES))?;
    let cols = features.len() / labels.len();
    let features = Matrix::new(labels.len(), cols, features)?;
    let names: Vec<_> = (0..cols).map(|column| column.to_string()).collect();
    let watch = Stopwatch::start();
    let data = TrainingData::new(case.label.task(), &features, &labels, &names)?;
    let model = family.fit(&data, &params, &FitContext { seed: 7, threads: THREADS, progress: &Quiet })?;
    let measured = watch.stop()?;
    let reference = numbers(&args.rows.join("reference").join(FEATURES))?;
    let mut scores = Vec::new();
    model.evaluator(cols)?.evaluate(&Matrix::new(reference.len() / cols, cols, reference)?, &mut scores);
    write(&args.scores, &scores)?;
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}
