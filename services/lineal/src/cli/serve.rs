//! `lineal serve` and `lineal dev`

use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::error::{CliError, Exit};
use crate::{config, log, node::Node, role::Role};

/// `lineal serve`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal serve --roles registry --config /etc/lineal/lineal.yaml")]
pub(super) struct Args {
    /// Which services this process runs
    #[arg(long, value_enum, value_delimiter = ',', required = true)]
    roles: Vec<Role>,
    #[command(flatten)]
    settings: SettingArgs,
}

/// `lineal dev`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal dev --data-dir ./lineal-data")]
pub(super) struct DevArgs {
    #[command(flatten)]
    settings: SettingArgs,
}

#[derive(Debug, clap::Args)]
struct SettingArgs {
    /// Configuration file; every key can also be set as LINEAL__SECTION__KEY
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one and prints it
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<String>,
    /// Folder for databases, artifacts and caches
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
}

impl SettingArgs {
    fn load(&self) -> anyhow::Result<config::Config> {
        let flags = [("server.listen", &self.listen), ("data_dir", &self.data_dir)];
        let flags: Vec<_> = flags.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect();
        Ok(config::load(self.config.as_deref(), &flags)?)
    }
}

/// Runs the named roles until the process is told to stop.
pub(super) async fn run(args: Args) -> Result<Exit, CliError> {
    serve(&args.settings, &args.roles, false).await
}

/// Runs every role in one process, and shows the contracts to tools such as grpcurl.
pub(super) async fn dev(args: DevArgs) -> Result<Exit, CliError> {
    serve(&args.settings, &Role::ALL, true).await
}

async fn serve(settings: &SettingArgs, roles: &[Role], reflection: bool) -> Result<Exit, CliError> {
    let config = settings.load().map_err(CliError::Server)?;
    log::start(&config.log);
    let node = Node::bind(config, roles, reflection).await.map_err(CliError::Server)?;
    // The first line of the standard output is the address, for whoever started the process.
    println!("{}", node.address().map_err(CliError::Server)?);
    let shutdown = CancellationToken::new();
    let told = shutdown.clone();
    tokio::spawn(async move {
        told_to_stop().await;
        told.cancel();
    });
    node.run(shutdown).await.map_err(CliError::Server)?;
    Ok(Exit::Done)
}

/// Ctrl-C on a terminal, SIGTERM elsewhere.
async fn told_to_stop() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
