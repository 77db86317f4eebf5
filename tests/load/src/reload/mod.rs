//! Reloads beside steady traffic: what callers notice of a version that takes long to load, of a hundred reloads, and of a shadow.

mod fleet;
mod model;
mod paced;

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;
use lineal_proto::lineal::registry::v1::Promotion;
use tokio::time::sleep;

use crate::{
    client::Client,
    cores::Cores,
    report::{self, Figure, Goal, Report},
};
use fleet::{Fleet, load_seconds};
use paced::{RATE, Seen, during};

const MODEL: &str = "steady";
/// Trees and leaves of a version that loads at once.
const LIGHT: (usize, usize) = (100, 31);
/// The leaves of the one tree by which it is found how large a model must be to load for so long.
const PROBE: usize = 1_000_000;
/// Larger files are not imported; what is to load for longer is an ensemble.
const MOST_LEAVES: usize = 3_000_000;
/// Every measurement is made so often.
const TURNS: u32 = 3;
/// Reloads before memory is looked at, and those that it is looked at over.
const WARM_UP: u64 = 20;
const RELOADS: u64 = 100;
/// Copies for the shadow, of a thousand requests.
const SHADOW: u32 = 200;
/// Between a reload and the next measurement.
const REST: Duration = Duration::from_secs(1);

/// `lineal-load reload`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The `lineal` binary [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    lineal: Option<PathBuf>,
    /// Measuring time of each stretch without a reload
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// How long the heavy version should load
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    load_seconds: u32,
    /// Folder of `bench/reload.json`
    #[arg(long, value_name = "FOLDER", env = "CARGO_TARGET_DIR", default_value = "target")]
    target_dir: PathBuf,
}

/// Makes versions, measures all cases and reports them.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let lineal = match &args.lineal {
        Some(lineal) => lineal.clone(),
        None => std::env::current_exe()?.with_file_name("lineal"),
    };
    let folder = tempfile::tempdir()?;
    let cores = Cores::choose();
    if let Ok(cores) = &cores {
        cores.pin_load()?;
    }
    let core = cores.as_ref().ok().map(|cores| cores.server);
    let fleet = Fleet::start(&lineal, folder.path(), core).await?;
    eprintln!("importing, validating and promoting two light versions");
    for number in [1, 2] {
        fleet.import(MODEL, number, LIGHT.0, LIGHT.1).await?;
        fleet.promote(MODEL, number).await?;
    }
    let (clients, request) = fleet.callers().await?;
    let bench = Bench { fleet, clients, request, stretch: Duration::from_secs(1) * args.seconds };
    let mut report = Report::default();
    bench.shadow(&mut report).await?;
    bench.memory(&mut report).await?;
    bench.heavy(f64::from(args.load_seconds), &mut report).await?;
    bench.fleet.stop().await?;
    println!("{report}\n{}", explanation(args.seconds, &cores));
    println!("{}", report::verdicts(&report.figures));
    println!("written to {}", report.write(&args.target_dir, "reload")?.display());
    Ok(())
}

/// What all cases share. Version 2 is champion whenever none is measured.
struct Bench {
    fleet: Fleet,
    clients: Vec<Client>,
    request: Bytes,
    stretch: Duration,
}

impl Bench {
    async fn during<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<(T, Seen)> {
        during(&self.clients, &self.request, work).await
    }

    /// What callers see when nothing else happens.
    async fn steady(&self) -> anyhow::Result<Seen> {
        let calm = async {
            sleep(self.stretch).await;
            Ok(())
        };
        Ok(self.during(calm).await?.1)
    }

    /// Callers with and without a shadow, in turns.
    async fn shadow(&self, report: &mut Report) -> anyhow::Result<()> {
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for turn in 1..=TURNS {
            eprintln!("with and without a shadow, turn {turn} of {TURNS}");
            for (per_mille, turns) in [(0, &mut without), (SHADOW, &mut with)] {
                self.fleet.shadow(1, per_mille).await?;
                turns.push(self.steady().await?);
            }
        }
        self.fleet.shadow(2, 0).await?;
        let p99 = |turns: &[Seen]| middle(turns.iter().map(|seen| seen.quantile(0.99)));
        let (before, after) = (p99(&without), p99(&with));
        let share = SHADOW / 10;
        let figure = |case: String, unit, value| Figure::new(case, unit, value, None, None);
        report.figures.extend([
            figure("without a shadow, p99".to_owned(), "ms", before),
            figure(format!("with a shadow at {share} %, p99"), "ms", after),
            figure(format!("p99 with a shadow at {share} % to that without"), "times", after / before)
                .goal(Some(Goal::AtMost(1.05))),
            figure("with a shadow, errors".to_owned(), "", with.iter().map(|seen| seen.errors).sum::<u64>() as f64)
                .goal(Some(Goal::AtMost(0.0))),
        ]);
        Ok(())
    }

    /// The replica's memory over many reloads.
    async fn memory(&self, report: &mut Report) -> anyhow::Result<()> {
        eprintln!("{WARM_UP} and {RELOADS} reloads");
        // From champion 2 to 1 and back.
        let reloads = async |count| {
            for turn in 0..count {
                self.fleet.rollback(1 + turn % 2).await?;
            }
            Ok(())
        };
        self.during(reloads(WARM_UP)).await?;
        let before = self.fleet.replica.held()?;
        let ((), seen) = self.during(reloads(RELOADS)).await?;
        let after = self.fleet.replica.held()?;
        let case = |what| format!("{RELOADS} reloads, {what}");
        report.figures.extend([
            Figure::new(case("memory before"), "MiB", before, None, None),
            Figure::new(case("memory after"), "MiB", after, None, None),
            Figure::new(case("memory after to that before"), "times", after / before, None, None)
                .goal(Some(Goal::AtMost(1.1))),
            Figure::new(case("errors"), "", seen.errors as f64, None, None).goal(Some(Goal::AtMost(0.0))),
        ]);
        Ok(())
    }

    /// A version that takes about `seconds` to load, promoted and brought back beside the traffic.
    async fn heavy(&self, seconds: f64, report: &mut Report) -> anyhow::Result<()> {
        eprintln!("how large a model loads for {seconds} s");
        self.fleet.import("probe", 1, 1, PROBE).await?;
        let probe = load_seconds(&self.fleet.promote("probe", 1).await?);
        let leaves = ((PROBE as f64 * seconds / probe) as usize).max(PROBE);
        let members = leaves.div_ceil(MOST_LEAVES) as u64;
        eprintln!("importing and validating {members} versions of {leaves} leaves together");
        for number in 3..3 + members {
            self.fleet.import(MODEL, number, 1, leaves / members as usize).await?;
        }
        let heavy_version = match members {
            1 => 3,
            _ => self.fleet.ensemble(MODEL, 3..3 + members).await?,
        };
        let (mut steady, mut reload, mut loads) = (self.steady().await?, None::<Seen>, Vec::new());
        for turn in 1..=TURNS {
            eprintln!("a heavy reload, turn {turn} of {TURNS}");
            let heavy = async {
                match turn {
                    1 => self.fleet.promote(MODEL, heavy_version).await,
                    _ => self.fleet.rollback(heavy_version).await,
                }
            };
            let (promotion, seen): (Promotion, _) = self.during(heavy).await?;
            let load = load_seconds(&promotion);
            loads.push(load);
            match &mut reload {
                Some(all) => all.join(seen)?,
                None => reload = Some(seen),
            }
            self.fleet.rollback(2).await?;
            // The way back is tried now: the heavy version is loaded once more, on half a core.
            sleep(REST + Duration::from_secs_f64(3.0 * load)).await;
            steady.join(self.steady().await?)?;
        }
        let reload = reload.context("there was no reload")?;
        report.figures.extend(latencies("steady", &steady, None));
        report.figures.extend(latencies("during reloads", &reload, Some((steady.max() + 25.0).round())));
        let count = |case: &str, value: f64, goal| {
            Figure::new(format!("during reloads, {case}"), "", value, None, None).goal(Some(goal))
        };
        report.figures.extend([
            count("errors", reload.errors as f64, Goal::AtMost(0.0)),
            count("outputs seen", reload.outputs.len() as f64, Goal::AtMost(2.0)),
            Figure::new("load and check of the heavy version".to_owned(), "s", middle(loads.into_iter()), None, None),
        ]);
        Ok(())
    }
}

fn latencies(case: &str, seen: &Seen, max: Option<f64>) -> [Figure; 4] {
    let figure = |what, unit, value| Figure::new(format!("{case}, {what}"), unit, value, None, None);
    [
        figure("answers", "", seen.answers() as f64),
        figure("p50", "ms", seen.quantile(0.5)),
        figure("p99", "ms", seen.quantile(0.99)),
        figure("max", "ms", seen.max()).goal(max.map(Goal::AtMost)),
    ]
}

/// The median of an odd number of values.
fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn explanation(seconds: u32, cores: &anyhow::Result<Cores>) -> String {
    let pinned = match cores {
        Ok(_) => "The replica has one core to itself, the load another one; the registry runs on either.".to_owned(),
        Err(reason) => format!("NOT PINNED, so replica and load share their cores: {reason}."),
    };
    let build = if cfg!(debug_assertions) { "\nDEBUG BUILD: these figures mean nothing." } else { "" };
    format!(
        "Open loop: {RATE} requests a second with one row each over four connections. {pinned}\n\
         ms: latency seen by the client; steady: {seconds} s before the reloads and after each; during reloads: from the wish \
         to promote the heavy version to the end of the promotion, {TURNS} times.\n\
         The goal of the longest latency during reloads is 25 ms above the steady one. A shadow shares the replica's core.{build}"
    )
}
