//! Training: how long fits take, what memory they need and how well they do, beside the Python libraries.

mod creation;
mod families;
mod fit;
mod flights;
mod outcome;
mod peers;
mod reading;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};

use anyhow::Context as _;
use lineal_models::compute;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use self::{
    creation::Database,
    families::{CASES, Case},
    flights::{Flights, numbers},
    outcome::{Compared, Outcome, Side},
    peers::Peers,
};
pub(crate) use self::{
    fit::{Args as FitArgs, fit},
    reading::{Args as ReadArgs, read},
};
use crate::{memory, python};

/// Machines drift and have other things to do, so both sides are measured in turns, and the best of each counts.
const TURNS: usize = 3;
/// For both sides.
const THREADS: usize = 2;

/// `lineal-load train`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The `lineal` binary [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    lineal: Option<PathBuf>,
    /// Where the peers are installed
    #[arg(long, value_name = "FOLDER", default_value = "target/peers")]
    peer_folder: PathBuf,
    /// A PostgreSQL server to create jobs on as well; schemas of their own are created there
    #[arg(long, value_name = "URL", env = "LINEAL_TEST_POSTGRES")]
    postgres: Option<String>,
    /// Leave out every other part: a family, `reading` or `creation`; may be given more than once
    #[arg(long, value_name = "PART")]
    only: Vec<String>,
    /// Folder of `bench/train.json`
    #[arg(long, value_name = "FOLDER", env = "CARGO_TARGET_DIR", default_value = "target")]
    target_dir: PathBuf,
}

/// What one process found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Measured {
    seconds: f64,
    /// Seconds of processor time of all threads, which say more than those on the wall where others use the machine too.
    cpu: f64,
    /// The most memory it held, in MiB.
    peak: f64,
    /// Name and version of the program or package.
    by: String,
    /// Of all numbers read; nothing for a fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sum: Option<f64>,
}

/// What a measurement began with.
struct Stopwatch {
    wall: Instant,
    cpu: f64,
}

impl Stopwatch {
    fn start() -> Self {
        Self { wall: Instant::now(), cpu: processor_time() }
    }

    /// What this process did since then.
    fn stop(&self) -> anyhow::Result<Measured> {
        let (seconds, cpu) = (self.wall.elapsed().as_secs_f64(), processor_time() - self.cpu);
        Ok(Measured { seconds, cpu, peak: memory::peak("self")?, by: "lineal".to_owned(), sum: None })
    }
}

/// Seconds of this process so far.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

impl Measured {
    /// The result of a measurement in a process of its own.
    async fn of(command: &mut Command) -> anyhow::Result<Self> {
        // All that may choose a number of threads by itself.
        for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"] {
            command.env(name, THREADS.to_string());
        }
        // Threads of OpenMP that wait for each other do so at full speed otherwise, which is no work.
        command.env("OMP_WAIT_POLICY", "passive");
        let said = python::run(command.stdout(Stdio::piped())).await?;
        serde_json::from_str(&said).with_context(|| format!("{command:?} said something else: {said}"))
    }
}

/// Exports the flights, measures everything and reports it.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let own = std::env::current_exe()?;
    let lineal = args.lineal.unwrap_or_else(|| own.with_file_name("lineal"));
    let peers = Peers::install(&args.peer_folder).await?;
    let folder = tempfile::tempdir()?;
    let flights = Flights::prepare(&peers, folder.path()).await?;
    let bench = Bench { own: &own, peers: &peers, flights: &flights };
    let wanted = |part: &str| args.only.is_empty() || args.only.iter().any(|name| name == part);
    let mut outcome = Outcome::default();
    for case in CASES.iter().filter(|case| wanted(case.family)) {
        outcome.fits.push(bench.fits(case).await.with_context(|| case.family)?);
    }
    if wanted("reading") {
        outcome.reading = Some(bench.readings().await?);
    }
    if wanted("creation") {
        for database in Database::all(args.postgres) {
            let data = folder.path().join(database.name());
            outcome.creations.push(creation::measure(&lineal, &data, &flights.arrived, &database).await?);
        }
    }
    println!("{outcome}\n{}", explanation(&flights));
    println!("written to {}", outcome.report().write(&args.target_dir, "train")?.display());
    Ok(())
}

fn explanation(flights: &Flights) -> String {
    let build = if cfg!(debug_assertions) { "\nDEBUG BUILD: these figures mean nothing." } else { "" };
    let Flights { train, reference, columns, .. } = flights;
    format!(
        "Flights from New York in 2013: fits on {train} rows of {columns} columns, scores of {reference} other rows. Both sides get the \
         same matrix,\n{THREADS} threads and the same hyperparameters; scikit-learn's own settings say the rest. One fit a process: the \
         memory includes\nthe matrix and all libraries. CPU s: processor time of all threads. Of {TURNS} turns, one side after the other, the least of \
         each time\nand the most memory. CreateJob: one after the other, while jobs run. Left out: the departure's delay, which says nearly \
         all, and the\ndestination, which the distance names. late: more than 15 minutes; delay: minutes; minutes: of those late, 0 for \
         others.{build}"
    )
}

/// What all measurements share.
struct Bench<'a> {
    /// This program, which fits and reads too.
    own: &'a Path,
    peers: &'a Peers,
    flights: &'a Flights,
}

impl Bench<'_> {
    async fn fits(&self, case: &'static Case) -> anyhow::Result<Compared> {
        let rows = &self.flights.folder;
        let (our_scores, peer_scores) = (rows.join("ours.f64"), rows.join("peer.f64"));
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for turn in 1..=TURNS {
            eprintln!("{}: turn {turn} of {TURNS}", case.family);
            let mut fit = Command::new(self.own);
            fit.arg("fit").arg(case.family).arg(rows).arg(&our_scores).env("VIRTUAL_ENV", self.peers.folder());
            ours.push(Measured::of(&mut fit).await?);
            theirs.push(Measured::of(&mut self.peers.fit(case, rows, &peer_scores)).await?);
        }
        let labels = numbers(&rows.join("reference").join(case.label.file()))?;
        let score = |path: &Path| -> anyhow::Result<f64> {
            let found = compute(case.label.task(), &labels, &numbers(path)?, 0.5)?;
            found.get(case.label.metric().name()).copied().context("the metric is not defined")
        };
        let (our_score, peer_score) = (score(&our_scores)?, score(&peer_scores)?);
        Ok(Compared {
            case,
            ours: Side { measured: outcome::best(ours)?, score: our_score },
            peer: Side { measured: outcome::best(theirs)?, score: peer_score },
        })
    }

    async fn readings(&self) -> anyhow::Result<[Measured; 2]> {
        let path = &self.flights.every;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for turn in 1..=TURNS {
            eprintln!("reading: turn {turn} of {TURNS}");
            ours.push(Measured::of(Command::new(self.own).arg("read").arg(path)).await?);
            theirs.push(Measured::of(&mut self.peers.read(path)).await?);
        }
        let found = [outcome::best(ours)?, outcome::best(theirs)?];
        let [ours, peer] = found.each_ref().map(|read| read.sum.unwrap_or(f64::NAN));
        anyhow::ensure!(
            (ours - peer).abs() <= 1e-9 * peer.abs(),
            "we read other numbers: their sum is {ours}, not {peer}"
        );
        Ok(found)
    }
}
