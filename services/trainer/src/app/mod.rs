//! What the trainer does, one verb per file.

mod beat;
mod create_job;
mod datasets;
mod definitions;
mod drive;
mod execution;
mod failure;
mod feature_cache;
mod feature_sets;
mod feed;
mod hub;
mod imports;
mod inputs;
mod pipeline_runs;
mod pipelines;
mod read_jobs;
mod recorded;
mod reproduce;
mod settings;
mod splits;
mod steps;
mod stop_job;
mod watch_job;
mod worker;

use std::{path::PathBuf, sync::Arc, time::Duration};

use lineal_kernel::Clock;
use lineal_models::Family;
use lineal_signing::{Policy, SigningKey};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{JobId, PipelineRunId},
    registry::Registry,
    sources::Sources,
    store::TrainerStore,
    validator::Validator,
};
use feature_cache::FeatureCache;
use feed::Feed;
use hub::Hub;

/// How often a process looks for what it was not told of.
const BEAT: Duration = Duration::from_secs(1);

/// Imports at the same time.
const IMPORTS: usize = 2;

/// How the trainer works, as configured.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Jobs that run at the same time.
    pub(crate) concurrency: usize,
    /// Jobs of one model that run at the same time in all processes of the database; 0 for no limit.
    pub(crate) per_model: u32,
    /// Threads of one fit.
    pub(crate) threads: usize,
    /// Bytes of the largest table that is not sampled.
    pub(crate) table_limit: usize,
    /// Bytes of computed features that are kept for other jobs.
    pub(crate) feature_cache: usize,
    /// How long a job belongs to a worker that gives no sign of life.
    pub(crate) lease: Duration,
    /// Where files lie on their way.
    pub(crate) scratch: PathBuf,
    /// The version of this program.
    pub(crate) release: String,
    /// The key that signs every bundle, if there is one.
    pub(crate) signing_key: Option<SigningKey>,
    /// By whom a version must be signed to be learned from or trained again.
    pub(crate) signatures: Policy,
}

/// The trainer without its transport.
pub(crate) struct App {
    store: Arc<dyn TrainerStore>,
    registry: Arc<dyn Registry>,
    validator: Arc<dyn Validator>,
    clock: Arc<dyn Clock>,
    sources: Sources,
    families: &'static [&'static dyn Family],
    settings: Settings,
    /// Features that another job may need again.
    features: Arc<FeatureCache>,
    /// One permit per import that runs at the same time: each holds a part of a table.
    imports: Semaphore,
    /// One permit per reproduction that runs at the same time: each holds a table.
    reproductions: Semaphore,
    /// Told of every event of a job.
    feed: Feed,
    /// Told of every request to stop a job.
    stops: Hub<JobId>,
    /// Told of every event of a run of a pipeline.
    run_news: Hub<PipelineRunId>,
    /// Told of every request to stop a run.
    run_stops: Hub<PipelineRunId>,
    /// Told when there is a run to drive.
    drives: Notify,
    /// Told when there is something to claim.
    queue: Notify,
    /// Told when a job has ended.
    ended: Notify,
    /// Set when the process is about to end.
    stopping: CancellationToken,
}

impl App {
    pub(crate) fn new(
        store: Arc<dyn TrainerStore>,
        registry: Arc<dyn Registry>,
        validator: Arc<dyn Validator>,
        clock: Arc<dyn Clock>,
        sources: Sources,
        families: &'static [&'static dyn Family],
        settings: Settings,
    ) -> Self {
        Self {
            store,
            registry,
            validator,
            clock,
            sources,
            families,
            features: Arc::new(FeatureCache::new(settings.feature_cache)),
            settings,
            imports: Semaphore::new(IMPORTS),
            reproductions: Semaphore::new(1),
            feed: Feed::default(),
            stops: Hub::default(),
            run_news: Hub::default(),
            run_stops: Hub::default(),
            drives: Notify::new(),
            queue: Notify::new(),
            ended: Notify::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// The families that can be trained.
    pub(crate) fn families(&self) -> &'static [&'static dyn Family] {
        self.families
    }

    /// Finishes what is under way in the store.
    pub(crate) async fn close(&self) {
        self.store.close().await;
    }
}
