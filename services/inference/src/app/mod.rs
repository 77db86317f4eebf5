//! What a replica does: predict, score, prepare, reload, follow the registry. Each file is one verb on [`Replica`].

mod bundles;
mod follow;
mod gather;
mod loader;
mod mirror;
mod predict;
mod prepare;
mod reload;
mod report;
mod score;
mod shelf;
mod sleep;
mod standbys;
mod trial;
mod wake;

use std::sync::{Arc, atomic::AtomicU32};

use arc_swap::{ArcSwap, ArcSwapOption};
use lineal_kernel::Clock;
use lineal_rpc::{Health, READY};
use tokio::sync::{Mutex, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::{InferenceConfig, cache::Cache, domain::ServingTable, prediction_log::PredictionLog, registry::Registry};
pub(crate) use predict::Prediction;
pub(crate) use report::ArmName;
pub(crate) use wake::WakeCounts;

use bundles::Bundles;
use loader::Loader;
use mirror::Mirror;
use report::UsageBook;
pub(crate) use score::{FinishedBatch, Report};
use shelf::Shelf;
use standbys::Standbys;
use wake::Wakes;

/// One inference process.
pub(crate) struct Replica {
    config: InferenceConfig,
    registry: Arc<dyn Registry>,
    clock: Arc<dyn Clock>,
    health: Health,
    cache: Cache,
    bundles: Arc<Bundles>,
    standbys: Standbys,
    /// What is served. Requests read it without a lock.
    table: ArcSwap<ServingTable>,
    /// Held by the one reload that runs.
    reloading: Mutex<()>,
    /// The generation to be served, once the registry has said it.
    wanted: watch::Sender<Option<u64>>,
    /// Told after every reload.
    served: watch::Sender<()>,
    /// What keeps the replica from the wanted generation.
    problem: ArcSwapOption<String>,
    /// One permit for each large batch that may be scored now.
    large_batches: Arc<Semaphore>,
    /// One permit for each row that may be in memory to be scored.
    rows: Arc<Semaphore>,
    /// Cancelled when streams of requests are to end.
    ending: CancellationToken,
    /// Where answers are logged, if they are.
    log: Option<PredictionLog>,
    /// Files that are scored.
    batches: score::Batches,
    /// Tells predictions in the same microsecond apart.
    sequence: AtomicU32,
    /// What each version did in this process.
    usage: UsageBook,
    /// Copies of requests on their way to shadows.
    mirror: Mirror,
    /// Slots that wake.
    wakes: Wakes,
}

impl Replica {
    pub(crate) fn new(
        config: InferenceConfig,
        registry: Arc<dyn Registry>,
        clock: Arc<dyn Clock>,
        health: Health,
    ) -> Self {
        let (cache, loader) = (Cache::new(config.cache_dir.clone()), Loader::new(config.load_deadline));
        let (shelf, signatures) = (Shelf::new(registry.clone(), cache.clone()), config.signatures.clone());
        Self {
            bundles: Arc::new(Bundles::new(shelf, signatures, loader, config.prepared_ttl)),
            log: config.prediction_log.clone().map(|log| PredictionLog::start(log, &config.replica)),
            batches: score::Batches::new(config.scoring_batches),
            large_batches: Arc::new(Semaphore::new(config.large_batches.max(1))),
            rows: Arc::new(Semaphore::new(config.rows_in_flight.min(Semaphore::MAX_PERMITS))),
            mirror: Mirror::new(config.mirrored_rows),
            wakes: Wakes::new(config.waiting_requests),
            ending: CancellationToken::new(),
            config,
            registry,
            clock,
            health,
            cache,
            table: ArcSwap::default(),
            reloading: Mutex::default(),
            wanted: watch::Sender::new(None),
            served: watch::Sender::new(()),
            standbys: Standbys::default(),
            problem: ArcSwapOption::empty(),
            sequence: AtomicU32::new(0),
            usage: UsageBook::default(),
        }
    }

    /// Follows the registry until `shutdown`, then says a last time what was counted and gives the lease back.
    pub(crate) async fn run(&self, shutdown: CancellationToken) {
        tokio::select! {
            () = self.keep_lease() => {}
            () = self.catch_up() => {}
            () = self.keep_standbys() => {}
            () = self.keep_reporting() => {}
            () = shutdown.cancelled() => {}
        }
        self.report_last().await;
        self.give_back_lease().await;
    }

    /// Writes what the prediction log still holds.
    pub(crate) async fn close_log(&self) {
        if let Some(log) = &self.log {
            log.close().await;
        }
    }

    /// The prediction log, if there is one.
    pub(crate) fn log(&self) -> Option<&PredictionLog> {
        self.log.as_ref()
    }

    /// What is served now.
    pub(crate) fn serving(&self) -> Arc<ServingTable> {
        self.table.load_full()
    }

    /// How often a bundle was loaded to be prepared or served.
    pub(crate) fn loads(&self) -> u64 {
        self.bundles.loads()
    }

    /// How many bundles are in memory, whoever holds them.
    pub(crate) fn loaded_models(&self) -> usize {
        self.bundles.loaded()
    }

    /// The name others know this process by.
    pub(crate) fn name(&self) -> &str {
        self.config.replica.as_str()
    }

    /// Whether the generation that the registry wants is served.
    pub(crate) fn is_current(&self) -> bool {
        self.wanted.borrow().is_some_and(|wanted| self.generation() >= wanted)
    }

    /// Cancelled when streams of requests are to end.
    pub(crate) fn ending(&self) -> &CancellationToken {
        &self.ending
    }

    fn generation(&self) -> u64 {
        self.table.load().generation()
    }

    /// Ready once and for all: a replica that falls behind later still answers, and says its problem in the heartbeat.
    async fn say_ready(&self) {
        self.health.set(READY, true).await;
    }

    fn problem_text(&self) -> String {
        self.problem.load().as_deref().cloned().unwrap_or_default()
    }
}
