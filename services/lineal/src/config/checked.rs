//! The configuration as the program uses it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use lineal_db::DatabaseUrl;
use lineal_inference::{Batching, CanaryCheck, DynamicBatching, PredictionLogConfig};
use lineal_kernel::{ModelName, Name};
use lineal_models::LibrarySearch;
use lineal_registry::{RegistryConfig, sink::SinkConfig};
use lineal_signing::Policy;
use lineal_trainer::{SourceAddress, TrainerConfig};
use lineal_validator::ValidatorConfig;

use super::{
    ConfigError, LogSettings, RawCanaryCheck, RawConfig, RawDynamicBatching, RawOpenLineage, RawPredictionLog,
    RawTrainer, signing::signing,
};

/// Checked values, by part.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where ONNX Runtime may be.
    pub onnxruntime: LibrarySearch,
    /// The listener.
    pub server: ServerSettings,
    /// Where the services find each other.
    pub peers: Peers,
    /// The registry.
    pub registry: RegistryConfig,
    /// The trainer.
    pub trainer: TrainerConfig,
    /// The validator.
    pub validator: ValidatorConfig,
    /// The inference service.
    pub inference: InferenceSettings,
    /// What is logged.
    pub log: LogSettings,
}

/// The listener.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// gRPC of all roles in this process.
    pub listen: SocketAddr,
    /// Plaintext health for probes.
    pub health_listen: Option<SocketAddr>,
    /// How long calls are still accepted after NOT_SERVING was said.
    pub notice: Duration,
    /// How long calls in flight may take to finish.
    pub drain: Duration,
}

/// Addresses of the services; `None` for this process.
#[derive(Debug, Clone)]
pub struct Peers {
    /// The registry.
    pub registry: Option<String>,
    /// The trainer.
    pub trainer: Option<String>,
    /// The validator.
    pub validator: Option<String>,
    /// The inference service.
    pub inference: Option<String>,
}

/// The inference service; the rest of its configuration is known once the listener is bound.
#[derive(Debug, Clone)]
pub struct InferenceSettings {
    /// Where others reach this replica; `None` for the listener's address.
    pub advertise: Option<String>,
    /// Name of this replica.
    pub replica: Name,
    /// Folder of cached bundles.
    pub cache_dir: PathBuf,
    /// Rows in memory to be scored at the same time.
    pub rows_in_flight: usize,
    /// How requests are scored together.
    pub batching: DynamicBatching,
    /// How long a version may take to load.
    pub load_deadline: Duration,
    /// Files that are scored at the same time.
    pub scoring_batches: usize,
    /// Which answers are logged.
    pub prediction_log: Option<PredictionLogConfig>,
    /// Rows of copied requests that wait for shadows at the same time.
    pub mirrored_rows: usize,
    /// What a version must do before it answers a part of a slot's requests.
    pub canary_check: CanaryCheck,
    /// By whom a bundle must be signed to be loaded.
    pub signatures: Policy,
    /// How long nobody asks a slot before its models leave memory.
    pub idle_after: Option<Duration>,
}

/// Gathers problems with their paths.
#[derive(Default)]
pub(super) struct Problems(Vec<(String, String)>);

impl Problems {
    pub(super) fn check<T, E: std::fmt::Display>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.0.push((path.to_owned(), error.to_string()))).ok()
    }

    fn seconds(&mut self, path: &str, seconds: u64) -> Option<Duration> {
        let bounded = (1..=86_400).contains(&seconds).then(|| Duration::from_secs(seconds));
        self.check(path, bounded.ok_or("expected 1 to 86400 seconds"))
    }

    fn mebibytes(&mut self, path: &str, size: usize) -> Option<usize> {
        let bytes = size.checked_mul(1 << 20).filter(|_| size <= 1 << 20);
        self.check(path, bytes.ok_or("expected at most 1048576 MiB"))
    }

    fn count(&mut self, path: &str, count: usize) -> Option<usize> {
        self.check(path, (1..=256).contains(&count).then_some(count).ok_or("expected 1 to 256"))
    }

    /// An address that may be left empty.
    fn address(&mut self, path: &str, address: &str) -> Option<String> {
        if address.is_empty() {
            return None;
        }
        let usable = lineal_rpc::connect(address, "config").map(|_| address.to_owned());
        self.check(path, usable)
    }

    fn socket(&mut self, path: &str, text: &str) -> Option<SocketAddr> {
        self.check(path, text.parse().map_err(|_| format!("`{text}` is not IP:PORT, e.g. 127.0.0.1:7400")))
    }
}

impl Config {
    /// Checks every value and reports all problems together.
    pub(super) fn check(raw: RawConfig) -> Result<Self, ConfigError> {
        let mut problems = Problems::default();
        let checked = Self::checked(raw, &mut problems);
        match checked {
            Some(config) if problems.0.is_empty() => Ok(config),
            _ => Err(ConfigError::new(problems.0)),
        }
    }

    fn checked(raw: RawConfig, problems: &mut Problems) -> Option<Self> {
        problems.check("version", (raw.version == 1).then_some(()).ok_or("this release reads version 1"));
        problems.check(
            "log.level",
            raw.log.level.parse::<tracing::Level>().map_err(|_| "expected error, warn, info, debug or trace"),
        );
        let data = PathBuf::from(&raw.data_dir);
        let server = server(&raw, problems);
        let peers = peers(&raw, problems);
        let registry = registry(&raw, &data, problems);
        let trainer_database = database(problems, "trainer", &raw.trainer.database_url, &data);
        let concurrency = problems.count("trainer.concurrency", raw.trainer.concurrency);
        let lease = problems.seconds("trainer.lease_seconds", raw.trainer.lease_seconds);
        let threads = problems.count("trainer.threads", raw.trainer.threads);
        let table_limit = problems.mebibytes("trainer.table_limit_mib", raw.trainer.table_limit_mib.max(1));
        let feature_cache = problems.mebibytes("trainer.feature_cache_mib", raw.trainer.feature_cache_mib);
        let sources = sources(&raw.trainer, problems);
        let validator_database = database(problems, "validator", &raw.validator.database_url, &data);
        let signing = signing(&raw.signing, problems);
        let inference = inference(&raw, &data, problems);
        let (signatures, signing_key) = signing?;
        Some(Self {
            onnxruntime: onnxruntime(&raw),
            server: server?,
            peers,
            registry: registry?,
            trainer: TrainerConfig {
                database: trainer_database?,
                concurrency: concurrency?,
                per_model: raw.trainer.jobs_per_model,
                threads: threads?,
                table_limit: table_limit?,
                feature_cache: feature_cache?,
                lease: lease?,
                libraries: libraries(&raw.trainer),
                sources: sources?,
                scratch: data.join("scratch"),
                release: env!("CARGO_PKG_VERSION").to_owned(),
                signing_key,
                signatures: signatures.clone(),
            },
            validator: ValidatorConfig { database: validator_database?, signatures: signatures.clone() },
            inference: InferenceSettings { signatures, ..inference? },
            log: raw.log,
        })
    }
}

/// Where foreign families' libraries may be: a file of the configuration wins against the environment.
fn libraries(raw: &RawTrainer) -> LibrarySearch {
    let found = LibrarySearch::in_environment(|name| std::env::var_os(name));
    LibrarySearch {
        lightgbm: named(&raw.lightgbm_library).or(found.lightgbm),
        xgboost: named(&raw.xgboost_library).or(found.xgboost),
        ..found
    }
}

/// Where the engine of ONNX models may be.
fn onnxruntime(raw: &RawConfig) -> LibrarySearch {
    let found = LibrarySearch::in_environment(|name| std::env::var_os(name));
    LibrarySearch { onnxruntime: named(&raw.onnxruntime_library).or(found.onnxruntime), ..found }
}

fn named(file: &str) -> Option<PathBuf> {
    (!file.is_empty()).then(|| PathBuf::from(file))
}

/// Where rows can be imported from. Clients of object storage find their keys in the environment, as everywhere.
fn sources(raw: &RawTrainer, problems: &mut Problems) -> Option<BTreeMap<Name, SourceAddress>> {
    let environment =
        || std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let checked = raw.sources.iter().map(|(name, source)| {
        let path = format!("trainer.sources.{name}");
        let address = problems.check(&format!("{path}.url"), SourceAddress::parse(&source.url, environment()));
        Some((problems.check(&path, Name::new(name).map_err(|error| error.problem))?, address?))
    });
    checked.collect()
}

fn server(raw: &RawConfig, problems: &mut Problems) -> Option<ServerSettings> {
    let listen = problems.socket("server.listen", &raw.server.listen);
    let health_listen = match raw.server.health_listen.as_str() {
        "" => Some(None),
        text => problems.socket("server.health_listen", text).map(Some),
    };
    let notice = match raw.server.notice_seconds {
        0 => Some(Duration::ZERO),
        seconds => problems.seconds("server.notice_seconds", seconds),
    };
    let drain = problems.seconds("server.drain_seconds", raw.server.drain_seconds);
    Some(ServerSettings { listen: listen?, health_listen: health_listen?, notice: notice?, drain: drain? })
}

fn peers(raw: &RawConfig, problems: &mut Problems) -> Peers {
    Peers {
        registry: problems.address("peers.registry", &raw.peers.registry),
        trainer: problems.address("peers.trainer", &raw.peers.trainer),
        validator: problems.address("peers.validator", &raw.peers.validator),
        inference: problems.address("peers.inference", &raw.peers.inference),
    }
}

fn registry(raw: &RawConfig, data: &Path, problems: &mut Problems) -> Option<RegistryConfig> {
    let environment = problems.check("environment", Name::new(&raw.environment).map_err(|error| error.problem));
    let database = database(problems, "registry", &raw.registry.database_url, data);
    let lease = problems.seconds("registry.lease_seconds", raw.registry.lease_seconds);
    let prepare = problems.seconds("registry.prepare_timeout_seconds", raw.registry.prepare_timeout_seconds);
    let reload = problems.seconds("registry.reload_timeout_seconds", raw.registry.reload_timeout_seconds);
    let check_every = problems.seconds("registry.check_every_seconds", raw.registry.check_every_seconds);
    let days = raw.registry.performance_retention_days;
    let openlineage = openlineage(&raw.registry.openlineage, problems);
    Some(RegistryConfig {
        environment: environment?,
        database: database?,
        artifacts: folder(&raw.registry.artifacts, data, "artifacts"),
        lease: lease?,
        prepare_timeout: prepare?,
        reload_timeout: reload?,
        check_every: check_every?,
        performance_retention: (days > 0).then(|| Duration::from_hours(days.saturating_mul(24))),
        openlineage,
    })
}

/// Who is to be told; `None` also for values whose problems were noted.
fn openlineage(raw: &RawOpenLineage, problems: &mut Problems) -> Option<SinkConfig> {
    let timeout = problems.seconds("registry.openlineage.timeout_seconds", raw.timeout_seconds);
    let url = problems.address("registry.openlineage.url", &raw.url)?;
    let url = problems.check("registry.openlineage.url", url.parse::<http::Uri>())?;
    Some(SinkConfig { url, token: raw.token.clone(), timeout: timeout?, poll: Duration::from_secs(1) })
}

fn inference(raw: &RawConfig, data: &Path, problems: &mut Problems) -> Option<InferenceSettings> {
    let advertise = problems.address("inference.advertise", &raw.inference.advertise);
    let name = if raw.inference.replica.is_empty() { "local" } else { &raw.inference.replica };
    let replica = problems.check("inference.replica", Name::new(name).map_err(|error| error.problem));
    let cache_dir = folder(&raw.inference.cache_dir, data, "cache");
    let rows = raw.inference.max_rows_in_flight;
    // A whole request always fits.
    let enough = (rows >= 65_536).then_some(rows).ok_or("expected 65536, the most rows of one request, or more");
    let rows_in_flight = problems.check("inference.max_rows_in_flight", enough);
    let batching = batching(&raw.inference.dynamic_batching, problems);
    let load_deadline = problems.seconds("inference.load_timeout_seconds", raw.inference.load_timeout_seconds);
    let scoring_batches = problems.count("inference.scoring_batches", raw.inference.scoring_batches);
    let prediction_log = prediction_log(&raw.inference.prediction_log, problems);
    let RawCanaryCheck { requests, max_p99_ms } = raw.inference.canary_check;
    let idle_after = match raw.inference.idle_after_seconds {
        0 => None,
        seconds => problems.seconds("inference.idle_after_seconds", seconds),
    };
    Some(InferenceSettings {
        advertise,
        replica: replica?,
        cache_dir,
        rows_in_flight: rows_in_flight?,
        batching: batching?,
        load_deadline: load_deadline?,
        scoring_batches: scoring_batches?,
        prediction_log,
        mirrored_rows: raw.inference.max_mirrored_rows,
        canary_check: CanaryCheck { requests, max_p99: Duration::from_millis(max_p99_ms) },
        signatures: Policy::default(),
        idle_after,
    })
}

/// How requests are scored together.
fn batching(raw: &RawDynamicBatching, problems: &mut Problems) -> Option<DynamicBatching> {
    const PATH: &str = "inference.dynamic_batching";
    let default = model_batching(PATH, raw.max_batch_size, raw.max_queue_delay_ms, problems);
    let mut models = BTreeMap::new();
    for (name, own) in &raw.models {
        let path = format!("{PATH}.models.{name}");
        let rows = own.max_batch_size.unwrap_or(raw.max_batch_size);
        let delay = own.max_queue_delay_ms.unwrap_or(raw.max_queue_delay_ms);
        let batching = model_batching(&path, rows, delay, problems);
        let name = problems.check(&path, ModelName::new(name).map_err(|error| error.problem));
        models.extend(name.zip(batching));
    }
    Some(DynamicBatching { default: default?, models })
}

fn model_batching(path: &str, rows: usize, delay: u64, problems: &mut Problems) -> Option<Batching> {
    let rows = (1..=1024).contains(&rows).then_some(rows).ok_or("expected 1 to 1024 rows");
    let delay = (delay <= 1000).then_some(delay).ok_or("expected at most 1000 ms");
    let max_rows = problems.check(&format!("{path}.max_batch_size"), rows);
    let max_delay = problems.check(&format!("{path}.max_queue_delay_ms"), delay).map(Duration::from_millis);
    Some(Batching { max_rows: max_rows?, max_delay: max_delay? })
}

/// What is logged; `None` also for values whose problems were noted.
fn prediction_log(raw: &RawPredictionLog, problems: &mut Problems) -> Option<PredictionLogConfig> {
    const PATH: &str = "inference.prediction_log";
    let rotate_bytes = problems.mebibytes(&format!("{PATH}.rotate_mib"), raw.rotate_mib.max(1));
    let rotate_after = problems.seconds(&format!("{PATH}.rotate_seconds"), raw.rotate_seconds);
    if raw.place.is_empty() {
        return None;
    }
    let checked = PredictionLogConfig::new(&raw.place, raw.share);
    let noted = checked.map_err(|error| problems.0.push((format!("{PATH}.{}", error.path), error.problem)));
    let mut config = noted.ok()?;
    config.rotate_bytes = rotate_bytes?;
    config.rotate_after = rotate_after?;
    config.queue_rows = raw.queue_rows;
    Some(config)
}

fn database(problems: &mut Problems, role: &str, url: &str, data: &Path) -> Option<DatabaseUrl> {
    let parsed = DatabaseUrl::parse(url, data, role);
    problems.check(&format!("{role}.database_url"), parsed)
}

fn folder(given: &str, data: &Path, name: &str) -> PathBuf {
    if given.is_empty() { data.join(name) } else { PathBuf::from(given) }
}
