//! A trainer to experiment with.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, sync::Arc, time::Duration};

use futures::StreamExt as _;
use lineal_db::DatabaseUrl;
use lineal_kernel::{Caller, ManualClock, Name, RequestId, Timestamp};
use lineal_models::Family;
use lineal_signing::{Policy, SigningKey};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    families::{Chatty, Counting, Deaf, Endless, Panicking},
    registry::FakeRegistry,
    validator::FakeValidator,
};
use crate::{
    app::{App, Settings},
    domain::{CreateJob, Job, JobEvent, JobId, JobState, SourceFormat, SpecDraft, Step},
    sources::{SourceAddress, Sources},
    store::{PostgresStore, SqliteStore, TrainerStore},
};

/// Nothing in a test takes this long.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long a lease lasts.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// The customers whose `churn` is to be predicted.
pub(super) const CHURN: &[u8] = include_bytes!("../../../lineal/data/churn.csv");

/// A trainer, its registry and its database.
pub(super) struct Lab {
    pub(super) app: Arc<App>,
    pub(super) store: Arc<dyn TrainerStore>,
    pub(super) registry: Arc<FakeRegistry>,
    pub(super) validator: Arc<FakeValidator>,
    pub(super) clock: ManualClock,
    pub(super) sources: BTreeMap<Name, SourceAddress>,
    folder: TempDir,
}

/// A trainer at work.
pub(super) struct Running {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(super) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

impl Lab {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("trainer.db"));
        Self::on(Arc::new(SqliteStore::open(&url).await.unwrap()), folder)
    }

    /// The same on PostgreSQL.
    pub(super) async fn postgres() -> Self {
        Self::on(Arc::new(PostgresStore::open(&postgres_url()).await.unwrap()), tempfile::tempdir().unwrap())
    }

    fn on(store: Arc<dyn TrainerStore>, folder: TempDir) -> Self {
        let registry = Arc::new(FakeRegistry::new());
        let clock = ManualClock::at(Timestamp::from_micros(1_736_951_422_000_000));
        let validator = Arc::new(FakeValidator::default());
        let sources = BTreeMap::new();
        let app = app(&store, &registry, &validator, &clock, &sources, folder.path(), |_| ());
        Self { app, store, registry, validator, clock, sources, folder }
    }

    /// The same database and registry in a new process.
    pub(super) fn restart(&mut self) {
        self.restart_set(|_| ());
    }

    /// The folder of its database and its files.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The same with a source of rows.
    pub(super) fn restart_on(&mut self, name: &str, address: &str) {
        let settings = std::iter::empty();
        self.sources.insert(Name::new(name).unwrap(), SourceAddress::parse(address, settings).unwrap());
        self.restart();
    }

    /// The same with room for tables of so many bytes.
    pub(super) fn restart_with(&mut self, table_limit: usize) {
        self.restart_set(|settings| settings.table_limit = table_limit);
    }

    /// The same with a key that signs, and with those that are trusted.
    pub(super) fn restart_signing(&mut self, key: Option<SigningKey>, trusted: Policy) {
        self.restart_set(|settings| (settings.signing_key, settings.signatures) = (key, trusted));
    }

    fn restart_set(&mut self, change: impl FnOnce(&mut Settings)) {
        let Self { store, registry, validator, clock, sources, folder, .. } = self;
        self.app = app(store, registry, validator, clock, sources, folder.path(), change);
    }

    /// Starts the workers.
    pub(super) fn run(&self) -> Running {
        let (app, shutdown) = (Arc::clone(&self.app), CancellationToken::new());
        let token = shutdown.clone();
        Running { shutdown, task: tokio::spawn(async move { app.run(token).await }) }
    }

    /// A job on `csv` with changes to the usual specification.
    pub(super) async fn create(&self, csv: &[u8], change: impl FnOnce(&mut SpecDraft)) -> Job {
        let command = self.command(csv, change);
        self.app.create_job(&caller(), command).await.unwrap()
    }

    pub(super) fn command(&self, csv: &[u8], change: impl FnOnce(&mut SpecDraft)) -> CreateJob {
        let draft = self.draft(csv, change);
        CreateJob::check(draft, false, RequestId::random().as_str(), self.app.families()).unwrap()
    }

    pub(super) fn draft(&self, csv: &[u8], change: impl FnOnce(&mut SpecDraft)) -> SpecDraft {
        let mut draft = SpecDraft {
            model: "churn".to_owned(),
            dataset: "customers".to_owned(),
            source_digest: self.registry.add(csv).to_string(),
            format: Some(SourceFormat::Csv),
            label_column: "churn".to_owned(),
            family: "logistic_regression".to_owned(),
            ..SpecDraft::default()
        };
        change(&mut draft);
        draft
    }

    /// Works until `job` has ended, then restarts.
    pub(super) async fn finish(&mut self, job: &Job) -> Job {
        let running = self.run();
        self.events(&job.id, 0).await;
        running.stop().await;
        self.restart();
        self.app.job(&job.id).await.unwrap()
    }

    /// The same for a job whose worker is gone: it is queued again, and runs after its pause.
    pub(super) async fn take_up(&mut self, job: &Job) -> Job {
        let running = self.run();
        self.event(&job.id, |event| event.sequence > 1 && event.state == JobState::Queued).await;
        self.clock.advance(Duration::from_mins(1));
        self.events(&job.id, 0).await;
        running.stop().await;
        self.restart();
        self.stored(&job.id).await
    }

    /// All events from `after` to the last one.
    pub(super) async fn events(&self, id: &JobId, after: u64) -> Vec<JobEvent> {
        let events = self.app.watch_job(id.clone(), after).await.unwrap();
        let events: Vec<_> = tokio::time::timeout(PATIENCE, events.collect()).await.unwrap();
        events.into_iter().map(Result::unwrap).collect()
    }

    /// The first event for which `wanted` holds.
    pub(super) async fn event(&self, id: &JobId, wanted: impl Fn(&JobEvent) -> bool) -> JobEvent {
        let mut events = Box::pin(self.app.watch_job(id.clone(), 0).await.unwrap());
        let found = async {
            loop {
                let event = events.next().await.unwrap().unwrap();
                if wanted(&event) {
                    return event;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap()
    }

    /// Waits until the endless fit of the job has begun.
    pub(super) async fn fitting(&self, id: &JobId) {
        self.event(id, |event| event.step == Some(Step::Train) && event.progress > 0.0).await;
    }

    /// What is in the store, without the application.
    pub(super) async fn stored(&self, id: &JobId) -> Job {
        self.store.job(id).await.unwrap().unwrap()
    }
}

fn app(
    store: &Arc<dyn TrainerStore>,
    registry: &Arc<FakeRegistry>,
    validator: &Arc<FakeValidator>,
    clock: &ManualClock,
    sources: &BTreeMap<Name, SourceAddress>,
    folder: &Path,
    change: impl FnOnce(&mut Settings),
) -> Arc<App> {
    static ODD: [&dyn Family; 5] = [&Panicking, &Endless, &Chatty, &Deaf, &Counting];
    let families: Vec<_> = lineal_models::families().iter().copied().chain(ODD).collect();
    let mut settings = Settings {
        concurrency: 2,
        per_model: 0,
        threads: 1,
        table_limit: usize::MAX,
        feature_cache: 1 << 20,
        lease: LEASE,
        scratch: folder.join("scratch"),
        release: "0.0.0-test".to_owned(),
        signing_key: None,
        signatures: Policy::default(),
    };
    change(&mut settings);
    let (clock, sources) = (Arc::new(clock.clone()), Sources::new(sources.clone()));
    Arc::new(App::new(store.clone(), registry.clone(), validator.clone(), clock, sources, families.leak(), settings))
}

/// A schema of its own in the PostgreSQL that `tests/with-postgres` started. Without one the tests fail: a backend that is skipped
/// by accident keeps no promise.
#[allow(clippy::disallowed_methods, reason = "the tests' own setting")]
pub(super) fn postgres_url() -> DatabaseUrl {
    let server = std::env::var("LINEAL_TEST_POSTGRES").unwrap_or_default();
    assert!(
        !server.is_empty(),
        "LINEAL_TEST_POSTGRES names no server; run `make test`, or tests/with-postgres COMMAND"
    );
    let schema = format!("test_{}", uuid::Uuid::now_v7().simple());
    DatabaseUrl::Postgres { url: server, schema }
}

pub(super) fn caller() -> Caller {
    Caller { actor: "ada".to_owned(), ..Caller::service("test") }
}

/// `rows` customers of whom those with more calls tend to leave.
pub(super) fn customers(rows: usize) -> Vec<u8> {
    let mut csv = "calls,minutes,churn\n".to_owned();
    for row in 0..rows {
        let (calls, minutes) = (row % 7, (row * 37) % 101);
        let leaves = (calls * 10 + minutes) % 60 > 35;
        let _ = writeln!(csv, "{calls},{minutes}.5,{}", if leaves { "yes" } else { "no" });
    }
    csv.into_bytes()
}

/// A tag's value or another entry, for short assertions.
pub(super) fn entry<'a>(map: &'a BTreeMap<String, String>, key: &str) -> &'a str {
    map.get(key).map_or("absent", String::as_str)
}
