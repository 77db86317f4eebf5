//! Scoring rows in this process, beside LightGBM's own library and ONNX Runtime on the same model and rows.
//!
//! All score on one thread. LightGBM takes and gives double precision as Lineal does, and its margins must be the same to the last
//! bit; ONNX Runtime takes and gives single precision.
//! What is shown is the fastest of several turns, which nothing else on the machine has disturbed.

use std::{fs, hint::black_box, ops::Range, path::PathBuf, time::Instant};

use anyhow::ensure;
use lineal_data::Matrix;
use lineal_models::{Evaluator, ForeignModel, LibrarySearch};
use lineal_native::{LightGbm, OnnxRuntime, Predictor, Session, Values};

use crate::{
    export,
    inference::synthetic::{self, FEATURES, Objective, TREES},
    report::{self, Figure, Goal, Report},
};

const ROWS: usize = 10_000;
const TURNS: usize = 15;
/// Rows of a request, as they are scored at once.
const BATCHES: [usize; 3] = [100, 1000, ROWS];

/// `lineal-load evaluators`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Compare with ONNX Runtime too, with exporters installed in this folder
    #[arg(long, value_name = "FOLDER")]
    exporter_folder: Option<PathBuf>,
    /// Folder of `bench/evaluators.json`
    #[arg(long, value_name = "FOLDER", env = "CARGO_TARGET_DIR", default_value = "target")]
    target_dir: PathBuf,
}

/// Fits, compares and measures.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let search = LibrarySearch::in_environment(|name| std::env::var_os(name));
    let library = LightGbm::open(&search)?;
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
    report.figures.push(figure("LightGBM", 1, ours(evaluator.as_ref(), &values, 1)?, theirs));
    for rows in BATCHES {
        let theirs = their_batches(&mut peer, &values, rows)?;
        report.figures.push(figure("LightGBM", rows, ours(evaluator.as_ref(), &values, rows)?, theirs));
    }
    if let Some(tools) = &args.exporter_folder {
        let folder = tempfile::tempdir()?;
        let graph = export::onnx(tools, &text, folder.path()).await?;
        let mut engine = Engine::new(&OnnxRuntime::open(&search)?, &fs::read(graph)?, &values)?;
        engine.check(&margins)?;
        for rows in [1].into_iter().chain(BATCHES) {
            let theirs = engine.batches(rows)?;
            report.figures.push(figure("ONNX Runtime", rows, ours(evaluator.as_ref(), &values, rows)?, theirs));
        }
    }
    println!(
        "{TREES} trees of 31 leaves, {FEATURES} features, one thread; {ROWS} margins equal to LightGBM's to the last bit\n"
    );
    println!("{report}\n{}", report::verdicts(&report.figures));
    println!("written to {}", report.write(&args.target_dir, "evaluators")?.display());
    Ok(())
}

/// Seconds for all rows as a time for each.
fn figure(peer: &str, rows: usize, ours: f64, theirs: f64) -> Figure {
    let each = |seconds: f64| seconds * 1e6 / ROWS as f64;
    let case = format!("{rows} row{} at once, beside {peer}", if rows == 1 { "" } else { "s" });
    Figure::new(case, "us/row", each(ours), None, Some(each(theirs)))
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

/// The same trees in ONNX Runtime.
struct Engine {
    session: Session,
    values: Vec<f32>,
}

impl Engine {
    fn new(runtime: &OnnxRuntime, graph: &[u8], values: &[f64]) -> anyhow::Result<Self> {
        Ok(Self { session: runtime.session(graph)?, values: values.iter().map(|value| *value as f32).collect() })
    }

    /// Its margins are ours as far as single precision goes; a row that this takes across a split may be far off.
    fn check(&mut self, margins: &[f64]) -> anyhow::Result<()> {
        let theirs = self.rows(0..ROWS)?;
        let close = theirs.iter().zip(margins).filter(|(theirs, ours)| (*theirs - *ours).abs() < 1e-4).count();
        ensure!(close * 1000 > ROWS * 999, "only {close} of {ROWS} margins of the exported graph are close");
        Ok(())
    }

    fn rows(&mut self, rows: Range<usize>) -> anyhow::Result<Vec<f64>> {
        let values = self.values[rows.start * FEATURES..rows.end * FEATURES].to_vec();
        let input = ("rows", Values::Single(values), Some(FEATURES));
        Ok(self.session.run(rows.len(), vec![input], "variable")?)
    }

    fn batches(&mut self, rows: usize) -> anyhow::Result<f64> {
        fastest(|| {
            for first in (0..ROWS).step_by(rows) {
                black_box(self.rows(first..(first + rows).min(ROWS))?);
            }
            Ok(())
        })
    }
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
