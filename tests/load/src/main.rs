//! Load for benchmarks: asks a real Lineal for predictions as fast as it answers, beside a server that only echoes.

mod client;
mod cores;
mod echo;
mod evaluators;
mod export;
mod http;
mod inference;
mod load;
mod memory;
mod peer;
mod python;
mod registry;
mod reload;
mod report;
mod requests;
mod score;
mod server;
mod train;
mod training;

use clap::Parser;
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

/// What is measured in this program, such as the bare server, has the allocator that `lineal` has.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Measures a real Lineal beside what bounds it
#[derive(Debug, Parser)]
#[command(name = "lineal-load")]
enum Command {
    /// Predictions a second, their latency and their price, beside a bare gRPC server with the same messages and beside MLServer
    Inference(inference::Args),
    /// Calls of a registry on each database, beside their bare SQL statements and beside MLflow
    Registry(registry::Args),
    /// What callers notice of a version that takes long to load, of many reloads and of a shadow
    Reload(reload::Args),
    /// Fits of every family, the reading of a table and the creation of a job, beside Python libraries
    Train(train::Args),
    /// A file scored as a batch, beside LightGBM from Python
    Score(score::Args),
    /// The walk of trees in this process, beside LightGBM's own library and ONNX Runtime
    Evaluators(evaluators::Args),
    /// The bare gRPC server, started by the others
    #[command(hide = true)]
    Echo(echo::Args),
    /// One fit in a process of its own
    #[command(hide = true)]
    Fit(train::FitArgs),
    /// One reading of a table in a process of its own
    #[command(hide = true)]
    Read(train::ReadArgs),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Inference(args) => on_one_thread(inference::run(args)),
        Command::Registry(args) => on_one_thread(registry::run(args)),
        Command::Reload(args) => on_one_thread(reload::run(args)),
        Command::Train(args) => on_one_thread(train::run(args)),
        Command::Score(args) => on_one_thread(score::run(args)),
        Command::Evaluators(args) => on_one_thread(evaluators::run(args)),
        // The same runtime as that of Lineal.
        Command::Echo(args) => Builder::new_multi_thread().enable_all().build()?.block_on(echo::run(args)),
        Command::Fit(args) => train::fit(&args),
        Command::Read(args) => train::read(&args),
    }
}

/// The load gets one core, so it is one thread.
fn on_one_thread(bench: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    Builder::new_current_thread().enable_all().build()?.block_on(unless_interrupted(bench))
}

/// Dropping the benchmark stops the servers that it started.
async fn unless_interrupted(bench: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = bench => done,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        _ = terminate.recv() => anyhow::bail!("terminated"),
    }
}
