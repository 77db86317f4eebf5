//! How a replica is told to run.

use std::{path::PathBuf, time::Duration};

use lineal_kernel::Name;
use lineal_signing::Policy;

use crate::{CanaryCheck, DynamicBatching, PredictionLogConfig};

/// How one replica runs.
#[derive(Debug, Clone)]
pub struct InferenceConfig {
    /// The name that is this replica's own among all of them; the same after a restart.
    pub replica: Name,
    /// Where others reach it, e.g. `http://10.0.0.7:7400`.
    pub advertise: String,
    /// Folder for bundle files; only this replica writes to it.
    pub cache_dir: PathBuf,
    /// How long a bundle may take to load; shorter than a promotion waits for it.
    pub load_deadline: Duration,
    /// How long a prepared bundle waits to be served.
    pub prepared_ttl: Duration,
    /// How often the bundles for a rollback are tried.
    pub standby_every: Duration,
    /// How often it says what it counted.
    pub report_interval: Duration,
    /// Large batches that are scored at the same time; further ones wait their turn.
    pub large_batches: usize,
    /// Rows that are in memory to be scored at the same time; requests with further ones are refused.
    pub rows_in_flight: usize,
    /// How requests are scored together, by models that gain from it.
    pub batching: DynamicBatching,
    /// Files that are scored at the same time, each on a thread of its own; further ones wait their turn.
    pub scoring_batches: usize,
    /// Which answers are logged; `None` for none.
    pub prediction_log: Option<PredictionLogConfig>,
    /// Rows of copied requests that wait for shadows at the same time; requests with further ones are not copied.
    pub mirrored_rows: usize,
    /// What a version must do before it answers a part of a slot's requests.
    pub canary_check: CanaryCheck,
    /// By whom a bundle must be signed to be loaded.
    pub signatures: Policy,
    /// How long nobody asks a slot before its models leave memory, until somebody does; `None` for never.
    pub idle_after: Option<Duration>,
    /// Requests that wait at the same time for models to be loaded again; further ones are refused. Each full MiB of a request counts
    /// as one more.
    pub waiting_requests: usize,
}

impl InferenceConfig {
    /// A replica that loads a bundle in 45 seconds or not at all, whose prepared bundles wait ten minutes, that tries the way back
    /// every five, that says every three seconds what it counted, that scores one large batch on each core and one file beside
    /// them, has at most a million rows in flight, scores up to 64 of them together, and 65,536 on their way to shadows, lets answer
    /// whoever takes at most 50 ms for 99 of 100 requests, loads what nobody signed, keeps in memory whatever it serves, and logs no
    /// predictions.
    pub fn new(replica: Name, advertise: String, cache_dir: PathBuf) -> Self {
        Self {
            replica,
            advertise,
            cache_dir,
            load_deadline: Duration::from_secs(45),
            prepared_ttl: Duration::from_mins(10),
            standby_every: Duration::from_mins(5),
            report_interval: Duration::from_secs(3),
            large_batches: std::thread::available_parallelism().map_or(1, usize::from),
            rows_in_flight: 1 << 20,
            batching: DynamicBatching::default(),
            scoring_batches: 1,
            prediction_log: None,
            mirrored_rows: 1 << 16,
            canary_check: CanaryCheck::default(),
            signatures: Policy::default(),
            idle_after: None,
            waiting_requests: 1024,
        }
    }
}
