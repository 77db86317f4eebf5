//! Runs that the first schema kept as JSON move into tables of their own.

use std::{borrow::Cow, sync::Arc};

use lineal_db::{DatabaseUrl, Postgres, Sqlite};
use lineal_registry::{
    domain::{experiment::Stage, run::RunStatus, search::Search},
    store::{PostgresStore, SqliteStore},
};
use sqlx::migrate::Migrator;

use crate::{
    fixture::{Store, first_page, postgres_url, tenant},
    runs::{point, read, words},
};

const METRICS: [(&str, f64); 9] = [
    ("auc", 0.822_216_830_223_947_6),
    ("huge", f64::MAX),
    ("ordinary", 0.309_898_437_573_417_45),
    ("smallest", 5e-324),
    ("sum", 0.1 + 0.2),
    ("tiny", f64::MIN_POSITIVE),
    ("whole", 4025.0),
    ("negative", -1.5e-300),
    ("long", 123_456_789.123_456_79),
];

const RUNS: [(&str, &str, &str); 3] = [("r1", "", "finished"), ("r2", "weekly", "failed"), ("r3", "weekly", "running")];

fn body(run_id: &str, status: &str) -> String {
    let metrics: Vec<_> = METRICS.iter().map(|(key, value)| format!("\"{key}\":{value:e}")).collect();
    let ended = if status == "running" { "null" } else { "20" };
    format!(
        r#"{{"run_id":"{run_id}","name":"it's \"ü\"","experiment":"","status":"{status}","started_us":10,"ended_us":{ended},
        "parameters":{{"seed":"0","a.b":"x'y"}},"metrics":{{{}}},"tags":{{"actor":"ana"}},
        "datasets":[{{"name":"churn","role":"training","digest":"{}","rows":7}}],"error":""}}"#,
        metrics.join(","),
        lineal_kernel::Digest::of(b"data"),
    )
}

/// The schema of the first release alone.
fn first(all: &Migrator) -> Migrator {
    let migrations = all.iter().filter(|migration| migration.version == 1).cloned().collect();
    Migrator { migrations: Cow::Owned(migrations), ..Migrator::DEFAULT }
}

macro_rules! fill {
    ($database:expr) => {{
        let database = $database;
        let mut tx = database.begin().await.unwrap();
        for (run_id, experiment, status) in RUNS {
            sqlx::query(
                "INSERT INTO runs (tenant, run_id, experiment, body, revision) VALUES ('default', $1, $2, $3, 3)",
            )
            .bind(run_id)
            .bind(experiment)
            .bind(body(run_id, status))
            .execute(&mut *tx)
            .await
            .unwrap();
        }
        tx.commit().await.unwrap();
        database.close().await;
    }};
}

async fn check(store: Store) {
    let run = read(&store, "r2").await;
    assert_eq!((run.name.as_str(), run.experiment.as_str(), run.revision), ("it's \"ü\"", "weekly", 3));
    assert_eq!((run.status, run.stage, run.started_us, run.ended_us), (RunStatus::Failed, Stage::Active, 10, Some(20)));
    assert_eq!((run.parameters, run.tags), (words(&[("seed", "0"), ("a.b", "x'y")]), words(&[("actor", "ana")])));
    assert_eq!((run.datasets[0].rows, run.datasets[0].digest), (7, Some(lineal_kernel::Digest::of(b"data"))));
    for (key, value) in METRICS {
        // SQLite reads numbers with very small exponents to 15 digits, all others exactly.
        let off = if value.abs() < 1e-100 { value.abs() * 1e-15 } else { 0.0 };
        assert!((run.metrics[key] - value).abs() <= off, "{key}: {} is not {value}", run.metrics[key]);
        let history = store.metric_history(&tenant(), "r2", key, &first_page()).await.unwrap().items;
        assert_eq!(history.iter().map(|point| (point.step, point.time.micros())).collect::<Vec<_>>(), [(0, 20)]);
    }
    assert_eq!(read(&store, "r1").await.experiment, "default");
    let experiments = store.experiments(&tenant(), None, &first_page()).await.unwrap().items;
    assert_eq!(experiments.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["default", "weekly"]);
    for experiment in &experiments {
        assert!(experiment.experiment_id.parse::<uuid::Uuid>().is_ok(), "{}", experiment.experiment_id);
        assert_eq!((experiment.created.micros(), experiment.stage), (10, Stage::Active));
    }
    let search = Search { filter: "params.seed = '0' and metrics.auc > 0.8".parse().unwrap(), ..Search::default() };
    assert_eq!(store.search_runs(&tenant(), &search, &first_page()).await.unwrap().items.len(), 3);
    // An open run goes on.
    crate::runs::measure(&store, "r3", vec![point("auc", 0.9, 1)]).await;
    assert_eq!(read(&store, "r3").await.metrics["auc"].to_bits(), 0.9_f64.to_bits());
    store.close().await;
}

#[tokio::test]
async fn runs_of_the_first_schema_move_over_in_sqlite() {
    // F162
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("registry.db"));
    fill!(Sqlite::open(&url, &first(&sqlx::migrate!("./migrations/sqlite"))).await.unwrap());
    check(Arc::new(SqliteStore::open(&url).await.unwrap())).await;
}

#[tokio::test]
async fn runs_of_the_first_schema_move_over_in_postgres() {
    // F162
    let url = postgres_url();
    fill!(Postgres::open(&url, &first(&sqlx::migrate!("./migrations/postgres"))).await.unwrap());
    check(Arc::new(PostgresStore::open(&url).await.unwrap())).await;
}
