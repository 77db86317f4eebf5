//! Scoring rows in this process, beside LightGBM's own library on the same model and rows.
//!
//! Both score on one thread, from rows of double precision to margins of double precision, which must be the same to the last bit.
//! What is shown is the fastest of several turns, which nothing else on the machine has disturbed.

use std::{hint::black_box, path::PathBuf, time::Instant};

use anyhow::ensure;
use lineal_data::Matrix;
use lineal_models::{Evaluator, ForeignModel, LibrarySearch};
use lineal_native::{LightGbm, Predictor};

use crate::{
    inference::synthetic::{self, FEATURES, Objective, TREES},
    report::{Figure, Goal, Report},
};

const ROWS: usize = 10_000;
const TURNS: usize = 15;
/// Rows of a request, as they are scored at once.
const BATCHES: [usize; 3] = [100, 1000, ROWS];

/// `lineal-load evaluators`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the report
    #[arg(long, default_value = "target")]
    target: PathBuf,
}

/// Fits, compares and measures.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let library = LightGbm::open(&LibrarySearch::in_environment(|name| std::env::var_os(name)))?;
    let values = synthetic::draw(ROWS * FEATURES);
    let labels: Vec<f64> = values.chunks(FEATURES).map(synthetic::signal).collect();
    let text = synthetic::fit(&library, Objective::Regression, &values, &labels)?;
    let model = ForeignModel::read(text.as_bytes())?.model.margins();
    let evaluator = model.evaluator(FEATURES)?;
    let mut peer = library.predictor(&text, FEATURES)?;
    let bits = |margins: &[f64]| margins.iter().map(|margin| margin.to_bits()).collect::<Vec<_>>();
    let mut margins = Vec::new();
    evaluator.evaluate(&Matrix::new(ROWS, FEATURES, values.clone())?, &mut margins);
    ensure!(bits(&margins) == bits(&peer.rows(&values)?), "the margins differ");

    let mut report = Report::default();
    let theirs = fastest(|| {
        for row in values.chunks(FEATURES) {
            black_box(peer.row(black_box(row))?);
        }
        Ok(())
    })?;
    report.figures.push(figure("single row", ours(evaluator.as_ref(), &values, 1)?, theirs));
    for rows in BATCHES {
        let theirs = their_batches(&mut peer, &values, rows)?;
        report.figures.push(figure(&format!("{rows} rows"), ours(evaluator.as_ref(), &values, rows)?, theirs));
    }
    println!("{TREES} trees of 31 leaves, {FEATURES} features, one thread; {ROWS} margins equal to the last bit\n");
    println!("{report}");
    println!("written to {}", report.write(&args.target, "evaluators")?.display());
    Ok(())
}

/// Seconds for all rows as a time for each.
fn figure(case: &str, ours: f64, theirs: f64) -> Figure {
    let each = |seconds: f64| seconds * 1e6 / ROWS as f64;
    Figure::new(case.to_owned(), "us/row", each(ours), None, Some(each(theirs)))
        .goal(Some(Goal::AtMost((each(theirs) * 1e3).round() / 1e3)))
}

fn ours(evaluator: &dyn Evaluator, values: &[f64], rows: usize) -> anyhow::Result<f64> {
    let parts = values.chunks(rows * FEATURES).map(|part| Matrix::new(part.len() / FEATURES, FEATURES, part.to_vec()));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    let mut margins = Vec::new();
    fastest(|| {
        for part in &parts {
            evaluator.evaluate(black_box(part), &mut margins);
            black_box(&margins);
        }
        Ok(())
    })
}

fn their_batches(peer: &mut Predictor, values: &[f64], rows: usize) -> anyhow::Result<f64> {
    fastest(|| {
        for part in values.chunks(rows * FEATURES) {
            black_box(peer.rows(black_box(part))?);
        }
        Ok(())
    })
}

/// The seconds of the fastest turn.
fn fastest(mut turn: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..TURNS {
        let start = Instant::now();
        turn()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}
