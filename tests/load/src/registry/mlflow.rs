//! MLflow, as its users run it: the newest release with its own SQLite store.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use hyper::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{
    operations::{METRICS, Operation, PAGE, Turns},
    outcome::Outcome,
};
use crate::{
    http::Http,
    load::{Asks, measure},
    peer::Peer,
    python,
};

/// Enough for a first page; the registry's has a thousand times as many behind it.
const VERSIONS: u64 = 200;

/// An installed MLflow.
#[derive(Debug)]
pub(super) struct MlFlow {
    program: PathBuf,
    name: String,
}

impl MlFlow {
    /// Installs the newest release into `folder`, or brings what is there up to date.
    pub(super) async fn install(folder: &Path) -> anyhow::Result<Self> {
        eprintln!("installing the newest MLflow into {}", folder.display());
        let bin = python::install(folder, &["mlflow"]).await?;
        let program = bin.join("mlflow");
        let version = python::run(Command::new(&program).arg("--version")).await?;
        let version = version.split_whitespace().last().unwrap_or_default();
        Ok(Self { program, name: format!("MLflow {version}") })
    }

    /// Measures what both can do and puts it beside the registry's cases on SQLite.
    pub(super) async fn measure(self, folder: &Path, time: Duration, outcome: &mut Outcome) -> anyhow::Result<()> {
        let (server, base) = start(&self.program, folder).await?;
        let contents = Arc::new(Contents::begin(&base).await?);
        let turns = Turns::new(AtomicU64::new(1));
        for case in outcome.cases.iter_mut().filter(|case| case.is_on_sqlite()) {
            if case.operation == Operation::GetLineage {
                continue;
            }
            eprintln!("{}: {}, {} in flight", self.name, case.operation, case.clients);
            let mut callers = Vec::new();
            for _ in 0..case.clients {
                let (http, contents, turns) = (Http::connect(&base).await?, Arc::clone(&contents), Arc::clone(&turns));
                callers.push(Caller { http, operation: case.operation, contents, turns });
            }
            case.peer = Some(measure(None, callers, time).await.context("MLflow")?.rate);
        }
        outcome.peer = Some(self.name);
        server.stop().await
    }
}

/// Starts it with two workers, which may use every core; returns it and where it listens.
async fn start(program: &Path, folder: &Path) -> anyhow::Result<(Peer, String)> {
    std::fs::create_dir_all(folder)?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new(program);
    command.args(["server", "--host", "127.0.0.1", "--workers", "2", "--port", &port.to_string()]);
    command.arg("--backend-store-uri").arg(format!("sqlite:///{}", folder.join("mlflow.db").display()));
    command.arg("--default-artifact-root").arg(folder.join("artifacts"));
    command.env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false");
    let base = format!("127.0.0.1:{port}");
    let answers = async || match Http::connect(&base).await {
        Ok(mut http) => http.call(Method::GET, "/health", &Value::Null).await.is_ok(),
        Err(_) => false,
    };
    Ok((Peer::start("MLflow", command, folder, answers).await?, base))
}

/// What requests have to name.
struct Contents {
    run_id: String,
}

impl Contents {
    async fn begin(base: &str) -> anyhow::Result<Self> {
        let mut http = Http::connect(base).await?;
        for name in ["seeded", "created"] {
            http.call(Method::POST, &api("registered-models/create"), &json!({"name": name})).await?;
        }
        for _ in 0..VERSIONS {
            http.call(Method::POST, &api("model-versions/create"), &version("seeded")).await?;
        }
        let alias = json!({"name": "seeded", "alias": "a1", "version": "1"});
        http.call(Method::POST, &api("registered-models/alias"), &alias).await?;
        let run = http.call(Method::POST, &api("runs/create"), &json!({"experiment_id": "0"})).await?;
        let run_id = run["run"]["info"]["run_id"].as_str().context("MLflow gave the run no id")?.to_owned();
        Ok(Self { run_id })
    }
}

fn api(path: &str) -> String {
    format!("/api/2.0/mlflow/{path}")
}

fn version(model: &str) -> Value {
    json!({"name": model, "source": "s3://models/model", "tags": [{"key": "team", "value": "growth"}]})
}

/// A client with a connection of its own.
struct Caller {
    http: Http,
    operation: Operation,
    contents: Arc<Contents>,
    turns: Turns,
}

impl Asks for Caller {
    async fn ask(&mut self) -> anyhow::Result<()> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let none = Value::Null;
        let answer = match self.operation {
            Operation::ResolveAlias => {
                self.http.call(Method::GET, &api("registered-models/alias?name=seeded&alias=a1"), &none).await?
            }
            Operation::CreateVersion => {
                self.http.call(Method::POST, &api("model-versions/create"), &version("created")).await?
            }
            Operation::LogBatch => {
                let metric = |metric| json!({"key": format!("metric-{metric}"), "value": metric as f64 + 0.5, "timestamp": 1, "step": turn});
                let batch =
                    json!({"run_id": self.contents.run_id, "metrics": (0..METRICS).map(metric).collect::<Vec<_>>()});
                self.http.call(Method::POST, &api("runs/log-batch"), &batch).await?
            }
            Operation::ListVersions => {
                let page = format!("model-versions/search?filter=name%3D%27seeded%27&max_results={PAGE}");
                self.http.call(Method::GET, &api(&page), &none).await?
            }
            Operation::GetLineage => anyhow::bail!("MLflow has no lineage"),
        };
        if self.operation == Operation::ListVersions {
            let found = answer["model_versions"].as_array().map_or(0, Vec::len);
            ensure!(found as u64 == PAGE, "{found} versions instead of {PAGE}");
        }
        Ok(())
    }
}
