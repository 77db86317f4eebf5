//! MLflow, as its users run it: the newest release with its own SQLite store.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use hyper::Method;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::{
    operations::{METRICS, Operation, PAGE, Turns},
    outcome::Outcome,
};
use crate::{
    http::Http,
    load::{Asks, measure},
    python,
};

const TRIES: u32 = 1200;
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
        let (server, base) = Running::start(&self.program, folder).await?;
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

/// A server with its workers: a process group.
struct Running {
    process: Child,
    group: u32,
}

impl Running {
    /// Two workers, which may use every core.
    async fn start(program: &Path, folder: &Path) -> anyhow::Result<(Self, String)> {
        std::fs::create_dir_all(folder)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = std::fs::File::create(folder.join("log"))?;
        let mut command = Command::new(program);
        command.args(["server", "--host", "127.0.0.1", "--workers", "2", "--port", &port.to_string()]);
        command.arg("--backend-store-uri").arg(format!("sqlite:///{}", folder.join("mlflow.db").display()));
        command.arg("--default-artifact-root").arg(folder.join("artifacts"));
        command.env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false").current_dir(folder);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let process = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
        let group = process.id().context("MLflow ended at once")?;
        let mut running = Self { process, group };
        let base = format!("127.0.0.1:{port}");
        for _ in 0..TRIES {
            if let Some(status) = running.process.try_wait()? {
                let said = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
                anyhow::bail!("MLflow ended ({status}):\n{said}");
            }
            if let Ok(mut http) = Http::connect(&base).await
                && http.call(Method::GET, "/health", &Value::Null).await.is_ok()
            {
                return Ok((running, base));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("MLflow did not answer")
    }

    /// Ends it and waits until it is gone.
    async fn stop(mut self) -> anyhow::Result<()> {
        self.signal("TERM");
        let ended = tokio::time::timeout(Duration::from_secs(20), self.process.wait()).await;
        ended.context("MLflow does not stop")??;
        Ok(())
    }

    fn signal(&self, name: &str) {
        let group = format!("-{}", self.group);
        let sent = std::process::Command::new("kill").args(["-s", name, "--", &group]).stderr(Stdio::null()).status();
        if let Err(error) = sent {
            eprintln!("cannot stop MLflow, process group {}: {error}", self.group);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its workers outlive it otherwise.
        if self.process.id().is_some() {
            self.signal("KILL");
        }
    }
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
