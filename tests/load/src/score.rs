//! A batch: from a file of rows to files of predictions, beside LightGBM from Python.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, ensure};
use lineal_data::{ColumnType, SnapshotWriter, TableBuilder, Value};
use serde::Deserialize;

use crate::{
    cores::{Cores, on_core},
    inference::{
        Trees,
        synthetic::{self, FEATURES},
    },
    python,
    report::{self, Figure, Goal, Report},
    server::Server,
    training,
};

const PACKAGES: [&str; 4] = ["lightgbm", "numpy", "pandas", "pyarrow"];
const SCRIPT: &str = include_str!("score.py");
const MODEL: &str = "trees";
/// Rows that are written together.
const PART: usize = 1 << 16;
/// The memory that the replica may take, in MiB; the file is to have four times as much.
const LIMIT: f64 = 128.0;
/// Each side scores the file so often; the fastest counts.
const TURNS: usize = 3;
const MIB: f64 = 1_048_576.0;

/// `lineal-load score`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The `lineal` binary [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    lineal: Option<PathBuf>,
    /// Rows of the file
    #[arg(long, value_name = "N", default_value_t = 2_200_000, value_parser = clap::value_parser!(u32).range(1000..))]
    rows: u32,
    /// Where Python with LightGBM and pyarrow is installed
    #[arg(long, value_name = "FOLDER")]
    peer_folder: PathBuf,
    /// Folder of `bench/score.json`
    #[arg(long, value_name = "FOLDER", env = "CARGO_TARGET_DIR", default_value = "target")]
    target_dir: PathBuf,
}

/// What Python took, in seconds and MiB.
#[derive(Debug, Deserialize)]
struct Peer {
    /// Only the scores, with all rows in memory.
    predict: f64,
    /// From file to file.
    whole: f64,
    peak: f64,
    mean: f64,
}

/// What the replica took, in seconds.
struct Ours {
    elapsed: f64,
    cpu: f64,
}

/// Scores one file in turns and reports it.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let lineal =
        args.lineal.clone().map_or_else(|| anyhow::Ok(std::env::current_exe()?.with_file_name("lineal")), Ok)?;
    let folder = tempfile::tempdir()?;
    eprintln!("installing the newest {} into {}", PACKAGES.join(", "), args.peer_folder.display());
    let python = python::install(&args.peer_folder, &PACKAGES).await?.join("python");
    let trees = Trees::fit(folder.path())?;
    let rows = folder.path().join("rows.parquet");
    let count = args.rows as usize;
    eprintln!("writing {count} rows");
    write(&rows, count)?;
    let size = fs::metadata(&rows)?.len() as f64 / MIB;

    eprintln!("importing, validating and promoting the champion");
    let data = folder.path().join("data");
    let server = training::start(&lineal, &data, None, None).await?;
    trees.import(&lineal, server.address(), MODEL, &trees.model).await?;
    server.stop().await?;
    let cores = Cores::choose();
    let core = cores.as_ref().ok().map(|cores| cores.server);
    let registry = training::registry(&lineal, &data).await?;
    let server = training::replica(&lineal, folder.path(), registry.address(), core).await?;

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        eprintln!("turn {} of {TURNS}", turn + 1);
        ours.push(batch(&lineal, &server, registry.address(), &rows, &folder.path().join("out"), turn).await?);
        theirs.push(peer(&python, &trees.model, &rows, folder.path(), core).await?);
    }
    let peak = server.memory()?;
    let mean = mean_of(&folder.path().join("out"))?;
    ensure!((mean - theirs[0].mean).abs() < 1e-9, "the scores differ: {mean} and {} in the mean", theirs[0].mean);
    server.stop().await?;
    registry.stop().await?;

    let least = |of: fn(&Peer) -> f64| theirs.iter().map(of).fold(f64::INFINITY, f64::min);
    let (elapsed, cpu) = (fastest(&ours, |turn| turn.elapsed), fastest(&ours, |turn| turn.cpu));
    let rate = |seconds: f64| count as f64 / seconds;
    let mut report = Report::default();
    let compared = |case: &str, unit, ours, theirs: f64| Figure::new(case.to_owned(), unit, ours, None, Some(theirs));
    report.figures = vec![
        compared("file to file, rate", "rows/s", rate(elapsed), rate(least(|peer| peer.whole)))
            .goal(Some(Goal::AtLeast(rate(least(|peer| peer.whole)).round()))),
        compared("file to file, rate of a core", "rows/s", rate(cpu), rate(least(|peer| peer.whole))),
        compared("file to file, beside scoring in memory", "rows/s", rate(elapsed), rate(least(|peer| peer.predict)))
            .goal(Some(Goal::AtLeast(rate(least(|peer| peer.predict)).round()))),
        compared("peak memory", "MiB", peak, theirs[0].peak).goal(Some(Goal::AtMost(LIMIT))),
    ];
    println!("{report}\n{}", explanation(count, size, &cores));
    println!("{}", report::verdicts(&report.figures));
    println!("written to {}", report.write(&args.target_dir, "score")?.display());
    Ok(())
}

fn explanation(rows: usize, size: f64, cores: &anyhow::Result<Cores>) -> String {
    let pinned = match cores {
        Ok(_) => "Replica and peer have one core, the same one".to_owned(),
        Err(reason) => format!("NOT PINNED: {reason}"),
    };
    format!(
        "{rows} rows of {FEATURES} columns in {size:.0} MiB of Parquet, scored by {} trees. {pinned}; the fastest of {TURNS} turns.\n\
         peer: LightGBM from Python on one thread, rows read and scores written by pyarrow, all rows in memory. Lineal reads the\n\
         file twice, once for its digest and its types, and writes label, version, run and time beside each score.\n\
         The file has {:.1} times the memory that the replica may take.",
        synthetic::TREES,
        size / LIMIT,
    )
}

fn fastest(turns: &[Ours], of: fn(&Ours) -> f64) -> f64 {
    turns.iter().map(of).fold(f64::INFINITY, f64::min)
}

/// Writes `count` rows.
fn write(path: &Path, count: usize) -> anyhow::Result<()> {
    let columns: Vec<_> = (0..FEATURES).map(|column| (format!("Column_{column}"), ColumnType::Float)).collect();
    let mut values = synthetic::numbers();
    let mut builder = TableBuilder::new(&columns)?;
    let mut writer: Option<SnapshotWriter<File>> = None;
    for first in (0..count).step_by(PART) {
        for _ in first..count.min(first + PART) {
            for (column, value) in (0..FEATURES).zip(&mut values) {
                builder.push(column, Value::Float(value))?;
            }
        }
        let table = builder.take()?;
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(SnapshotWriter::new(&table, File::create(path)?)?),
        };
        writer.push(&table)?;
    }
    writer.context("no rows")?.finish()?;
    Ok(())
}

/// Scores the file as one batch.
async fn batch(
    lineal: &Path,
    server: &Server,
    registry: &str,
    rows: &Path,
    out: &Path,
    turn: usize,
) -> anyhow::Result<Ours> {
    let id = format!("turn-{turn}");
    let words = ["score", "--inference", server.address(), "--batch-id", &id, "--out"].map(OsStr::new);
    let places = [out.as_os_str(), OsStr::new(MODEL), rows.as_os_str()];
    let (cpu, start) = (server.cpu()?, Instant::now());
    training::run(lineal, registry, [&words[..], &places].concat()).await?;
    Ok(Ours { elapsed: start.elapsed().as_secs_f64(), cpu: server.cpu()?.saturating_sub(cpu).as_secs_f64() })
}

/// Scores the file with Python.
async fn peer(python: &Path, model: &Path, rows: &Path, folder: &Path, core: Option<usize>) -> anyhow::Result<Peer> {
    let (script, scores) = (folder.join("score.py"), folder.join("scores.parquet"));
    fs::write(&script, SCRIPT)?;
    let printed = python::run(on_core(python, core).arg(script).args([model, rows, &scores])).await?;
    Ok(serde_json::from_str(&printed)?)
}

/// The mean of the scores, as the first batch tells it.
fn mean_of(out: &Path) -> anyhow::Result<f64> {
    let path = out.join(MODEL).join("turn-0").join("_manifest.json");
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: serde_json::Value = serde_json::from_slice(&text)?;
    manifest["distribution"]["mean"].as_f64().with_context(|| format!("{} tells no mean", path.display()))
}
