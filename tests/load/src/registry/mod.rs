//! The registry: what a call costs on each database, beside its bare statements and beside MLflow.

mod bare;
mod contents;
mod databases;
mod mlflow;
mod operations;
mod outcome;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use anyhow::Context as _;

use self::{
    bare::{Bare, postgres},
    contents::Contents,
    databases::{Database, Registry},
    mlflow::MlFlow,
    operations::{Caller, Operation, Turns},
    outcome::{Case, Outcome, Start},
};
use crate::{
    cores::Cores,
    load::{Measured, measure},
    server::Server,
};

const CLIENTS: [usize; 2] = [1, 16];
/// Machines drift, so registry and bare statements are measured in turns, and the middle one of each counts.
const TURNS: u32 = 3;

/// `lineal-load registry`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The `lineal` binary [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    lineal: Option<PathBuf>,
    /// A PostgreSQL server to measure on as well; a schema of its own is created there
    #[arg(long, value_name = "URL", env = "LINEAL_TEST_POSTGRES")]
    postgres: Option<String>,
    /// Another system to measure as well
    #[arg(long, value_enum)]
    peer: Option<Peer>,
    /// Where the peer is installed
    #[arg(long, value_name = "FOLDER", default_value = "target/peer")]
    peer_folder: PathBuf,
    /// Leave out every other call; may be given more than once
    #[arg(long, value_name = "CALL", value_enum)]
    only: Vec<Operation>,
    /// Measuring time of a case for each of the registry and the bare statements
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Folder of `bench/registry.json`
    #[arg(long, value_name = "FOLDER", env = "CARGO_TARGET_DIR", default_value = "target")]
    target_dir: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Peer {
    /// The newest MLflow, with its SQLite store
    Mlflow,
}

/// Fills registries, measures all cases and reports them.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let lineal = match args.lineal {
        Some(lineal) => lineal,
        None => std::env::current_exe()?.with_file_name("lineal"),
    };
    let cores = Cores::choose();
    let mut databases = vec![Database::Sqlite];
    let mut places = match &cores {
        Ok(_) => "The registry has one core to itself, the load another one; SQLite runs inside of both.".to_owned(),
        Err(reason) => format!("NOT PINNED, so everything shares all cores: {reason}."),
    };
    if let Some(url) = args.postgres {
        places += &place_of_postgres(&url, &cores).await;
        databases.push(Database::Postgres(url));
    } else {
        places += " PostgreSQL was not measured: there is no LINEAL_TEST_POSTGRES.";
    }
    let mlflow = match args.peer {
        Some(Peer::Mlflow) => Some(MlFlow::install(&args.peer_folder).await?),
        None => None,
    };
    if let Ok(cores) = &cores {
        cores.pin_load()?;
    }
    let folder = tempfile::tempdir()?;
    let core = cores.as_ref().ok().map(|cores| cores.server);
    let mut outcome = Outcome::default();
    for database in &databases {
        let registry = Registry::on(database, &lineal, folder.path().join(database.to_string()), core)?;
        let operations = if args.only.is_empty() { Operation::ALL.to_vec() } else { args.only.clone() };
        let bench = Bench { database, registry, operations, turn: Duration::from_secs(1) * args.seconds / TURNS };
        bench.run(&mut outcome).await.with_context(|| database.to_string())?;
    }
    if let Some(mlflow) = mlflow {
        mlflow.measure(&folder.path().join("mlflow"), Duration::from_secs(1) * args.seconds, &mut outcome).await?;
    }
    println!("{outcome}\n{}", explanation(args.seconds, &places));
    println!("written to {}", outcome.report().write(&args.target_dir, "registry")?.display());
    Ok(())
}

/// Moves a server on this machine beside the load, and says where it is.
async fn place_of_postgres(url: &str, cores: &anyhow::Result<Cores>) -> String {
    let Ok(cores) = cores else { return String::new() };
    let moved = async { cores.beside_load(postgres::postmaster(url).await?) };
    match moved.await {
        Ok(()) => " PostgreSQL shares the core of the load, so at 16 clients that core bounds its rates.".to_owned(),
        Err(reason) => format!(" PostgreSQL is not pinned: {reason}."),
    }
}

fn explanation(seconds: u32, places: &str) -> String {
    let build = if cfg!(debug_assertions) { "\nDEBUG BUILD: these figures mean nothing." } else { "" };
    format!(
        "bare: the statements of the same call, sent by the load itself with the registry's settings, one transaction each.\n\
         {places}\n\
         Closed loop, one connection a client; the middle of {TURNS} turns, {seconds} s together for each side of a case.\n\
         CPU us: processor time of the registry per answer. Every acknowledged write is on the disk, on either side.{build}"
    )
}

/// One database.
struct Bench<'a> {
    database: &'a Database,
    registry: Registry<'a>,
    operations: Vec<Operation>,
    turn: Duration,
}

impl Bench<'_> {
    async fn run(&self, outcome: &mut Outcome) -> anyhow::Result<()> {
        let database = self.database;
        eprintln!("{database}: a new registry");
        let (server, fresh) = self.registry.start().await?;
        let contents = Arc::new(Contents::begin(&database.to_string(), server.address()).await?);
        server.stop().await?;
        eprintln!("{database}: seeding");
        let bare = self.registry.bare(database).await?;
        bare.seed().await?;
        let mut starts = Vec::new();
        for _ in 1..TURNS {
            let (server, seeded) = self.registry.start().await?;
            server.stop().await?;
            starts.push(seeded);
        }
        let (server, seeded) = self.registry.start().await?;
        starts.push(seeded);
        starts.sort_unstable();
        let turns = Turns::new(AtomicU64::new(1));
        for &operation in &self.operations {
            for clients in CLIENTS {
                eprintln!("{database}: {operation}, {clients} in flight");
                let sides = Sides { server: &server, bare: &bare, contents: &contents, turns: &turns };
                let (ours, bare) = self.case(&sides, operation, clients).await?;
                outcome.cases.push(Case::new(database, operation, clients, &ours, &bare));
            }
        }
        let (memory, seeded) = (server.memory()?, starts[starts.len() / 2]);
        outcome.starts.push(Start { database: database.to_string(), fresh, seeded, memory });
        bare.close().await;
        server.stop().await
    }

    /// Both sides in turns.
    async fn case(
        &self,
        sides: &Sides<'_>,
        operation: Operation,
        clients: usize,
    ) -> anyhow::Result<(Vec<Measured>, Vec<Measured>)> {
        let Sides { server, bare, contents, turns } = sides;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let callers = Caller::connect(server.address(), operation, contents, clients, turns).await?;
            ours.push(measure(Some(server), callers, self.turn).await.with_context(|| operation.to_string())?);
            let statements = bare.clients(operation, contents, clients, turns);
            let measured = measure(None, statements, self.turn).await;
            theirs.push(measured.with_context(|| format!("the bare statements of {operation}"))?);
        }
        Ok((ours, theirs))
    }
}

/// What is measured in turns.
struct Sides<'a> {
    server: &'a Server,
    bare: &'a Bare,
    contents: &'a Arc<Contents>,
    turns: &'a Turns,
}
