//! A registry that may die, beside everything that must not: a trainer, a validator and replicas.

use std::path::Path;

use lineal_proto::lineal::trainer::v1::JobSpec;
use lineal_rpc::Peer;

use crate::{databases::Database, process::Process, scenario};

/// All processes but the registry, which is started and stopped by the test.
pub(crate) struct Fleet {
    pub(crate) trainer: Process,
    pub(crate) validator: Process,
    pub(crate) replicas: Vec<Process>,
}

/// How a registry is started.
pub(crate) struct RegistryAt {
    data: String,
    database: String,
}

impl RegistryAt {
    pub(crate) fn new(folder: &Path, database: Database) -> Self {
        Self { data: folder.display().to_string(), database: database.url() }
    }

    /// Starts one at `listen`; at `point` of a promotion it dies.
    pub(crate) async fn start(&self, listen: &str, point: Option<&str>) -> Process {
        let points = point.map(|point| format!("registry::promote::{point}=return")).unwrap_or_default();
        self.start_with(listen, &[("FAILPOINTS", points.as_str())]).await
    }

    /// Starts one at `listen` with more in its environment.
    pub(crate) async fn start_with(&self, listen: &str, more: &[(&str, &str)]) -> Process {
        let database = [("LINEAL__REGISTRY__DATABASE_URL", self.database.as_str())];
        let words = ["serve", "--roles", "registry", "--data-dir", &self.data];
        let process = Process::spawn_at(listen, &words, &[&database, more].concat());
        process.ready().await;
        process
    }
}

impl Fleet {
    /// Everything that speaks to the registry at `registry`, with two replicas.
    pub(crate) async fn start(folder: &Path, registry: &str) -> Self {
        Self::with(folder, registry, &["one", "two"], &[]).await
    }

    /// The same with replicas of these names and more in their environment.
    pub(crate) async fn with(folder: &Path, registry: &str, names: &[&str], more: &[(&str, &str)]) -> Self {
        let data = folder.display().to_string();
        let role = |role| {
            let words = ["serve", "--roles", role, "--data-dir", &data];
            Process::spawn(&words, &[("LINEAL__PEERS__REGISTRY", registry)])
        };
        let replicas = names.iter().map(|name| replica(folder, registry, name, "127.0.0.1:0", more));
        let fleet = Self { trainer: role("trainer"), validator: role("validator"), replicas: replicas.collect() };
        for process in [&fleet.trainer, &fleet.validator].into_iter().chain(&fleet.replicas) {
            process.ready().await;
        }
        fleet
    }

    /// Trains a version and judges it.
    pub(crate) async fn candidate(&self, registry: &Peer, spec: JobSpec) -> u64 {
        let number = scenario::version_of(registry, &self.trainer.peer(), spec).await;
        assert!(scenario::validate(&self.validator.peer(), number, false).await.unwrap().passed);
        number
    }
}

/// A replica at `listen`; who starts again under the same name finds its cache.
pub(crate) fn replica(folder: &Path, registry: &str, name: &str, listen: &str, more: &[(&str, &str)]) -> Process {
    let (data, cache) = (folder.display().to_string(), folder.join(name).display().to_string());
    let own = [
        ("LINEAL__PEERS__REGISTRY", registry),
        ("LINEAL__INFERENCE__REPLICA", name),
        ("LINEAL__INFERENCE__CACHE_DIR", cache.as_str()),
    ];
    Process::spawn_at(listen, &["serve", "--roles", "inference", "--data-dir", &data], &[&own, more].concat())
}
