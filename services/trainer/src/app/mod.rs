//! What the trainer does, one verb per file.

mod cancel_job;
mod create_job;
mod definitions;
mod execution;
mod failure;
mod hub;
mod read_jobs;
mod steps;
mod watch_job;
mod worker;

use std::{sync::Arc, time::Duration};

use lineal_kernel::Clock;
use lineal_models::Family;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{registry::Registry, store::TrainerStore};
use hub::Hub;

/// How the trainer works, as configured.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Jobs that run at the same time.
    pub(crate) concurrency: usize,
    /// Threads of one fit.
    pub(crate) threads: usize,
    /// How long a job belongs to a worker that gives no sign of life.
    pub(crate) lease: Duration,
    /// The version of this program.
    pub(crate) release: String,
}

/// The trainer without its transport.
pub(crate) struct App {
    store: Arc<dyn TrainerStore>,
    registry: Arc<dyn Registry>,
    clock: Arc<dyn Clock>,
    families: &'static [&'static dyn Family],
    settings: Settings,
    /// Told of every event of a job.
    events: Hub,
    /// Told of every request to cancel a job.
    cancels: Hub,
    /// Told when there is something to claim.
    queue: Notify,
    /// Set when the process is about to end.
    stopping: CancellationToken,
}

impl App {
    pub(crate) fn new(
        store: Arc<dyn TrainerStore>,
        registry: Arc<dyn Registry>,
        clock: Arc<dyn Clock>,
        families: &'static [&'static dyn Family],
        settings: Settings,
    ) -> Self {
        Self {
            store,
            registry,
            clock,
            families,
            settings,
            events: Hub::default(),
            cancels: Hub::default(),
            queue: Notify::new(),
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
