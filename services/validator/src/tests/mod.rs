//! The whole service on a real database and real bundles; only the registry is played.

mod bundles;
mod registry;
mod remote;
mod settings;
mod signatures;
mod store;
mod validate;
mod wire;

use std::sync::Arc;

use lineal_db::DatabaseUrl;
use lineal_kernel::{Caller, ManualClock, ModelName, RequestId, Slot, Timestamp, VersionNumber};
use lineal_models::Bundle;
use lineal_signing::Policy;
use tempfile::TempDir;

use crate::{
    app::{App, Validate},
    domain::{Conditions, Report, ValidatorError},
    store::SqliteStore,
};
use registry::FakeRegistry;

/// The service over a played registry.
struct Harness {
    app: Arc<App>,
    registry: Arc<FakeRegistry>,
    clock: ManualClock,
    folder: TempDir,
}

impl Harness {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = Arc::new(FakeRegistry::default());
        let clock = ManualClock::at(Timestamp::from_micros(1_736_951_422_000_000));
        let app = Self::app(&folder, &registry, &clock, Policy::default()).await;
        Self { app, registry, clock, folder }
    }

    async fn app(folder: &TempDir, registry: &Arc<FakeRegistry>, clock: &ManualClock, signatures: Policy) -> Arc<App> {
        let url = DatabaseUrl::Sqlite(folder.path().join("validator.db"));
        let store = Arc::new(SqliteStore::open(&url).await.unwrap());
        let registry = Arc::<FakeRegistry>::clone(registry);
        Arc::new(App { store, registry, clock: Arc::new(clock.clone()), signatures })
    }

    /// The same service after its process was started again.
    async fn restarted(self) -> Self {
        self.trusting(Policy::default()).await
    }

    /// The same with keys that are trusted.
    async fn trusting(self, signatures: Policy) -> Self {
        self.app.store.close().await;
        let app = Self::app(&self.folder, &self.registry, &self.clock, signatures).await;
        Self { app, ..self }
    }

    /// Registers `bundle`, made with the churn reference set, as a version.
    fn register(&self, version: u64, bundle: &Bundle) {
        self.registry.upload(bundle, &bundles::world().reference);
        self.registry.register(version, bundle);
    }

    async fn validate(&self, command: Validate) -> Result<Report, ValidatorError> {
        self.app.validate(&caller(), command).await
    }
}

fn caller() -> Caller {
    Caller { actor: "ana".to_owned(), ..Caller::service("test") }
}

fn number(number: u64) -> VersionNumber {
    VersionNumber::new(number).unwrap()
}

/// A request to judge a version of `churn` under the default policy.
fn judge(version: u64) -> Validate {
    Validate {
        model: ModelName::new("churn").unwrap(),
        slot: Slot::default(),
        number: number(version),
        conditions: None,
        request_id: RequestId::random(),
    }
}

fn judge_by(version: u64, limits: &[(&str, f64)], comparison: &str) -> Validate {
    let limits: Vec<_> = limits.iter().map(|&(metric, limit)| (metric.to_owned(), limit)).collect();
    Validate { conditions: Some(Conditions::new(&limits, comparison, false).unwrap()), ..judge(version) }
}

/// Which gates passed, in order.
fn passed(report: &Report) -> Vec<bool> {
    report.gates.iter().map(|gate| gate.passed).collect()
}
