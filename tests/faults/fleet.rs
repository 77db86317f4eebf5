//! A registry that may die, beside everything that must not: a trainer, a validator, two replicas and their load.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lineal_rpc::Peer;
use tokio::task::{JoinHandle, JoinSet};

use crate::{databases::Database, process::Process, scenario};

/// All processes but the registry, which is started and stopped by the test.
pub(crate) struct Fleet {
    pub(crate) trainer: Process,
    pub(crate) validator: Process,
    pub(crate) replicas: [Process; 2],
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
        let environment = [("LINEAL__REGISTRY__DATABASE_URL", self.database.as_str()), ("FAILPOINTS", points.as_str())];
        let lease = ["serve", "--roles", "registry", "--data-dir", &self.data];
        let process = Process::spawn_at(listen, &lease, &environment);
        process.ready().await;
        process
    }
}

impl Fleet {
    /// Everything that speaks to the registry at `registry`.
    pub(crate) async fn start(folder: &Path, registry: &str) -> Self {
        let data = folder.display().to_string();
        let at = ("LINEAL__PEERS__REGISTRY", registry);
        let role = |role| Process::spawn(&["serve", "--roles", role, "--data-dir", &data], &[at]);
        let replica = |name: &str| {
            let cache = folder.join(name).display().to_string();
            let own = [at, ("LINEAL__INFERENCE__REPLICA", name), ("LINEAL__INFERENCE__CACHE_DIR", cache.as_str())];
            Process::spawn(&["serve", "--roles", "inference", "--data-dir", &data], &own)
        };
        let fleet =
            Self { trainer: role("trainer"), validator: role("validator"), replicas: [replica("one"), replica("two")] };
        for process in [&fleet.trainer, &fleet.validator].into_iter().chain(&fleet.replicas) {
            process.ready().await;
        }
        fleet
    }
}

/// A steady load on the replicas, counted.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    running: Vec<JoinHandle<(u64, Vec<String>)>>,
}

impl Load {
    /// `rate` predictions a second on each of `peers`.
    pub(crate) fn start(peers: impl IntoIterator<Item = Peer>, rate: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let running = peers.into_iter().map(|peer| tokio::spawn(ask(peer, rate, Arc::clone(&stop))));
        Self { running: running.collect(), stop }
    }

    /// Stops asking; returns how many were answered and what went wrong.
    pub(crate) async fn stop(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let mut total = (0, Vec::new());
        for running in self.running {
            let (answers, errors) = running.await.unwrap();
            total.0 += answers;
            total.1.extend(errors);
        }
        total
    }
}

async fn ask(peer: Peer, rate: u32, stop: Arc<AtomicBool>) -> (u64, Vec<String>) {
    let mut asked = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let peer = peer.clone();
        asked.spawn(async move { scenario::predict(&peer).await.err().map(|status| status.to_string()) });
    }
    let outcomes = asked.join_all().await;
    let answers = outcomes.iter().filter(|outcome| outcome.is_none()).count() as u64;
    (answers, outcomes.into_iter().flatten().collect())
}
