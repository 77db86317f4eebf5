//! Champions to ask, made the way a user makes them.

use std::{ffi::OsStr, fs, path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use lineal_proto::inference::{ServerReadyRequest, grpc_inference_service_client::GrpcInferenceServiceClient};
use tokio::process::Command;

use crate::{client::ACTOR, server::Server};

/// Families with their settings; each champion's model is named after its family.
const FAMILIES: [(&str, &[&str]); 2] = [("logistic_regression", &[]), ("random_forest", &["--set", "trees=100"])];
const TRIES: u32 = 600;

/// Starts all of Lineal on `folder` and waits until it serves what it should.
pub(crate) async fn start(
    lineal: &Path,
    folder: &Path,
    config: Option<&Path>,
    core: Option<usize>,
) -> anyhow::Result<Server> {
    let args = ["dev", "--listen", "127.0.0.1:0", "--data-dir"].map(OsStr::new);
    let config = config.map(|config| [OsStr::new("--config"), config.as_os_str()]);
    let args = args.into_iter().chain([folder.as_os_str()]).chain(config.into_iter().flatten());
    let server = Server::start(lineal, &args.collect::<Vec<_>>(), core).await?;
    until_ready(&server).await?;
    Ok(server)
}

/// Starts the registry on `folder` alone, as a deployment of several processes does.
pub(crate) async fn registry(lineal: &Path, folder: &Path) -> anyhow::Result<Server> {
    let args = ["serve", "--roles", "registry", "--listen", "127.0.0.1:0", "--data-dir"].map(OsStr::new);
    Server::start(lineal, &[&args[..], &[folder.as_os_str()]].concat(), None).await
}

/// Starts a replica that follows `registry`, and waits until it serves what it should.
pub(crate) async fn replica(
    lineal: &Path,
    folder: &Path,
    registry: &str,
    core: Option<usize>,
) -> anyhow::Result<Server> {
    let (config, data) = (folder.join("replica.yaml"), folder.join("replica"));
    fs::write(&config, format!("peers:\n  registry: {registry:?}\n"))?;
    let args = ["serve", "--roles", "inference", "--listen", "127.0.0.1:0", "--config"].map(OsStr::new);
    let places = [config.as_os_str(), OsStr::new("--data-dir"), data.as_os_str()];
    let server = Server::start(lineal, &[&args[..], &places].concat(), core).await?;
    until_ready(&server).await?;
    Ok(server)
}

async fn until_ready(server: &Server) -> anyhow::Result<()> {
    let mut client = GrpcInferenceServiceClient::new(lineal_rpc::connect(server.address(), ACTOR)?);
    for _ in 0..TRIES {
        let answer = client.server_ready(ServerReadyRequest {}).await;
        if answer.is_ok_and(|answer| answer.into_inner().ready) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{} did not become ready", server.address())
}

/// Trains, validates and promotes one model per family on the table in `data`.
pub(crate) async fn champions(lineal: &Path, address: &str, data: &Path) -> anyhow::Result<()> {
    let run = |words| run(lineal, address, words);
    for (family, settings) in FAMILIES {
        let train = ["train", "--model", family, "--family", family, "--label", "churn", "--seed", "7"];
        let train = [&train, settings].concat().into_iter().map(OsStr::new).chain([data.as_os_str()]);
        run(train.collect()).await?;
        run(["validate", family, "1"].map(OsStr::new).to_vec()).await?;
        run(["promote", family, "1", "--reason", "benchmark"].map(OsStr::new).to_vec()).await?;
    }
    Ok(())
}

/// One command of the `lineal` binary; any end but success is an error with what it said.
pub(crate) async fn run(lineal: &Path, address: &str, words: Vec<&OsStr>) -> anyhow::Result<()> {
    let mut command = Command::new(lineal);
    command.args(["--address", address, "--actor", ACTOR, "--no-color"]).args(&words);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.with_context(|| format!("cannot run {}", lineal.display()))?;
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    ensure!(output.status.success(), "`lineal {}` failed:\n{said}", words.join(OsStr::new(" ")).display());
    Ok(())
}
