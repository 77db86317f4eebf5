//! One reading of a table of our own.

use std::{fs::File, path::PathBuf};

use lineal_data::{Feature, FeatureKind, FeatureSet, Limit, MissingRule, Table, Transform};

use super::{Measured, Stopwatch};

/// `lineal-load read`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A CSV file
    file: PathBuf,
}

/// Reads a table as the matrix of its columns of numbers, and prints what it took.
pub(crate) fn read(args: &Args) -> anyhow::Result<()> {
    let watch = Stopwatch::start();
    let table = Table::read_csv_file(&File::open(&args.file)?, Limit::NONE)?.table;
    let numbers = table.schema().filter(|(_, column)| column.is_number()).map(|(name, _)| Feature {
        name: name.to_owned(),
        source: name.to_owned(),
        kind: FeatureKind::Number,
        missing: MissingRule::Unknown,
        transform: Transform::None,
    });
    let set = FeatureSet { version: "numbers".to_owned(), features: numbers.collect(), history: None };
    let frame = table.choose(set.features.iter().map(|feature| feature.source.as_str()))?.into_frame();
    let matrix = set.fit(&frame)?.transform(&frame)?;
    let measured = watch.stop()?;
    let sum = matrix.values().iter().filter(|value| !value.is_nan()).sum();
    println!("{}", serde_json::to_string(&Measured { sum: Some(sum), ..measured })?);
    Ok(())
}
