//! The configuration as it is written down. Unknown keys are refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A whole `lineal.yaml`; `deploy/lineal.yaml` explains every key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// Version of this layout.
    pub version: u64,
    /// The environment that this process belongs to.
    pub environment: String,
    /// Databases, artifacts and cached bundles.
    pub data_dir: String,
    /// File of ONNX Runtime's library; empty to look for it.
    pub onnxruntime_library: String,
    /// The listener.
    pub server: RawServer,
    /// Where the services find each other.
    pub peers: RawPeers,
    /// The registry.
    pub registry: RawRegistry,
    /// The trainer.
    pub trainer: RawTrainer,
    /// The validator.
    pub validator: RawValidator,
    /// The inference service.
    pub inference: RawInference,
    /// Who signs bundles, and who is trusted.
    pub signing: RawSigning,
    /// What is logged.
    pub log: LogSettings,
}

impl Default for RawConfig {
    fn default() -> Self {
        Self {
            version: 1,
            environment: "default".to_owned(),
            data_dir: "./lineal-data".to_owned(),
            onnxruntime_library: String::new(),
            server: RawServer::default(),
            peers: RawPeers::default(),
            registry: RawRegistry::default(),
            trainer: RawTrainer::default(),
            validator: RawValidator::default(),
            inference: RawInference::default(),
            signing: RawSigning::default(),
            log: LogSettings::default(),
        }
    }
}

/// The listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawServer {
    /// gRPC of all roles in this process.
    pub listen: String,
    /// Plaintext health for probes; empty for off.
    pub health_listen: String,
    /// How long calls are still accepted after NOT_SERVING was said.
    pub notice_seconds: u64,
    /// How long calls in flight may take to finish.
    pub drain_seconds: u64,
}

impl Default for RawServer {
    fn default() -> Self {
        Self { listen: "127.0.0.1:7400".to_owned(), health_listen: String::new(), notice_seconds: 0, drain_seconds: 20 }
    }
}

/// Signatures of bundles. A key is a PEM file, or the PEM itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSigning {
    /// Public keys whose signatures admit a bundle; none to look at no signature.
    pub trusted_keys: Vec<String>,
    /// Whether a bundle that nobody signed is refused.
    pub required: bool,
    /// Private key that the trainer signs with; empty to sign nothing.
    pub key: String,
}

/// Addresses of the services; empty for this process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawPeers {
    /// The registry.
    pub registry: String,
    /// The trainer.
    pub trainer: String,
    /// The validator.
    pub validator: String,
    /// The inference service.
    pub inference: String,
}

/// The registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawRegistry {
    /// `sqlite://path`; empty for a file in the data folder.
    pub database_url: String,
    /// Folder of the artifacts; empty for one in the data folder.
    pub artifacts: String,
    /// How long a silent replica counts as live.
    pub lease_seconds: u64,
    /// How long a replica may take to load a version.
    pub prepare_timeout_seconds: u64,
    /// How long a replica may take to switch.
    pub reload_timeout_seconds: u64,
    /// How often the files of champions and rollback candidates are read again.
    pub check_every_seconds: u64,
    /// How long points of performance are kept, by whole months; 0 for ever.
    pub performance_retention_days: u64,
    /// Who is told of runs and promotions.
    pub openlineage: RawOpenLineage,
}

/// A receiver of OpenLineage events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawOpenLineage {
    /// Where events are posted; empty for nowhere.
    pub url: String,
    /// Bearer token; empty for none.
    pub token: String,
    /// How long it may take to take one event.
    pub timeout_seconds: u64,
}

impl Default for RawOpenLineage {
    fn default() -> Self {
        Self { url: String::new(), token: String::new(), timeout_seconds: 10 }
    }
}

impl Default for RawRegistry {
    fn default() -> Self {
        Self {
            database_url: String::new(),
            artifacts: String::new(),
            lease_seconds: 15,
            prepare_timeout_seconds: 60,
            reload_timeout_seconds: 10,
            check_every_seconds: 300,
            performance_retention_days: 0,
            openlineage: RawOpenLineage::default(),
        }
    }
}

/// The trainer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawTrainer {
    /// `sqlite://path`; empty for a file in the data folder.
    pub database_url: String,
    /// Jobs at the same time.
    pub concurrency: usize,
    /// Jobs of one model at the same time in all processes of the database; 0 for no limit.
    pub jobs_per_model: u32,
    /// How long a job stays with a silent process.
    pub lease_seconds: u64,
    /// Threads of each job.
    pub threads: usize,
    /// Largest table that jobs learn from as a whole.
    pub table_limit_mib: usize,
    /// Computed features that are kept for other jobs; 0 for none.
    pub feature_cache_mib: usize,
    /// Where rows can be imported from, by name.
    pub sources: BTreeMap<String, RawSource>,
    /// File of LightGBM's library; empty to look for it.
    pub lightgbm_library: String,
    /// File of XGBoost's library; empty to look for it.
    pub xgboost_library: String,
}

impl Default for RawTrainer {
    fn default() -> Self {
        Self {
            database_url: String::new(),
            concurrency: 1,
            jobs_per_model: 0,
            lease_seconds: 15,
            threads: 2,
            table_limit_mib: 4096,
            feature_cache_mib: 256,
            sources: BTreeMap::new(),
            lightgbm_library: String::new(),
            xgboost_library: String::new(),
        }
    }
}

/// A place that rows come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSource {
    /// Its address, with what opens it.
    pub url: String,
}

/// The validator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawValidator {
    /// `sqlite://path`; empty for a file in the data folder.
    pub database_url: String,
}

/// The inference service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawInference {
    /// Where others reach this replica; empty for `server.listen`.
    pub advertise: String,
    /// Name of this replica; empty for `local`.
    pub replica: String,
    /// Folder of cached bundles; empty for one in the data folder.
    pub cache_dir: String,
    /// Rows in memory to be scored at the same time.
    pub max_rows_in_flight: usize,
    /// Requests that are scored together.
    pub dynamic_batching: RawDynamicBatching,
    /// How long a version may take to load.
    pub load_timeout_seconds: u64,
    /// Files that are scored at the same time.
    pub scoring_batches: usize,
    /// Which answers are kept.
    pub prediction_log: RawPredictionLog,
    /// Rows of copied requests that wait for shadows at the same time.
    pub max_mirrored_rows: usize,
    /// What a version must do before it answers a part of a slot's requests.
    pub canary_check: RawCanaryCheck,
    /// How long nobody asks a slot before its models leave memory; 0 for never.
    pub idle_after_seconds: u64,
}

/// Requests that are scored together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawDynamicBatching {
    /// Most rows that are scored together; 1 to score every request alone.
    pub max_batch_size: usize,
    /// How long a request may wait for others.
    pub max_queue_delay_ms: u64,
    /// Models with settings of their own, by name.
    pub models: BTreeMap<String, RawModelBatching>,
}

/// Settings of one model; those that are not given are the replica's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawModelBatching {
    /// Most rows that are scored together.
    pub max_batch_size: Option<usize>,
    /// How long a request may wait for others.
    pub max_queue_delay_ms: Option<u64>,
}

impl Default for RawDynamicBatching {
    fn default() -> Self {
        Self { max_batch_size: 64, max_queue_delay_ms: 0, models: BTreeMap::new() }
    }
}

/// What a version must do before it answers a part of a slot's requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawCanaryCheck {
    /// How often it answers its golden rows; 0 for no check.
    pub requests: u32,
    /// The 99th percentile of the times that this takes, at most.
    pub max_p99_ms: u64,
}

impl Default for RawCanaryCheck {
    fn default() -> Self {
        Self { requests: 100, max_p99_ms: 50 }
    }
}

impl Default for RawInference {
    fn default() -> Self {
        Self {
            advertise: String::new(),
            replica: String::new(),
            cache_dir: String::new(),
            max_rows_in_flight: 1_048_576,
            dynamic_batching: RawDynamicBatching::default(),
            load_timeout_seconds: 45,
            scoring_batches: 1,
            prediction_log: RawPredictionLog::default(),
            max_mirrored_rows: 65_536,
            canary_check: RawCanaryCheck::default(),
            idle_after_seconds: 0,
        }
    }
}

/// Answers that are kept with their inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawPredictionLog {
    /// A folder, or the url of an object store; empty for no log.
    pub place: String,
    /// The share of all answers that is logged, 0 to 1.
    pub share: f64,
    /// Size at which a file is finished.
    pub rotate_mib: usize,
    /// Age at which a file is finished.
    pub rotate_seconds: u64,
    /// Rows that may wait to be written; further ones are dropped and counted.
    pub queue_rows: usize,
}

impl Default for RawPredictionLog {
    fn default() -> Self {
        Self { place: String::new(), share: 1.0, rotate_mib: 16, rotate_seconds: 300, queue_rows: 65_536 }
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// error, warn, info, debug or trace.
    pub level: String,
    /// For people or for collectors.
    pub format: LogFormat,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

/// The shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For collectors.
    Json,
}
