//! A queue of the first schema opens and goes on.

use std::{borrow::Cow, sync::Arc};

use lineal_db::{DatabaseUrl, Postgres, Sqlite};
use lineal_kernel::Timestamp;
use sqlx::migrate::Migrator;

use super::lab::{Lab, customers, postgres_url};
use crate::{
    domain::{JobFilter, JobId, JobState, Stop},
    store::{PostgresStore, SqliteStore, TrainerStore},
};

/// The schema of the first release alone.
fn first(all: &Migrator) -> Migrator {
    let migrations = all.iter().filter(|migration| migration.version == 1).cloned().collect();
    Migrator { migrations: Cow::Owned(migrations), ..Migrator::DEFAULT }
}

/// What later releases added to a specification.
const LATER: [&str; 6] = ["node", "schedule", "task", "weight_column", "stopping_fraction", "upstreams"];

/// A specification as the first release wrote it.
async fn spec() -> String {
    let lab = Lab::new().await;
    let command = lab.command(&customers(60), |spec| drop(spec.tags.insert("team".to_owned(), "growth".to_owned())));
    let mut spec = serde_json::to_value(command.spec).unwrap();
    spec.as_object_mut().unwrap().retain(|key, _| !LATER.contains(&key.as_str()));
    spec.to_string()
}

macro_rules! fill {
    ($database:expr) => {{
        let (database, spec) = ($database, spec().await);
        let mut tx = database.begin().await.unwrap();
        for (id, state, attempt, asked) in [("1", "succeeded", 1_i64, 0_i64), ("2", "running", 2, 1), ("3", "queued", 0, 0)] {
            sqlx::query(
                "INSERT INTO jobs (job_id, request_id, state, model, experiment, spec, actor, attempt, create_time, \
                 start_time, last_sequence, lease_owner, lease_gen, cancel_requested) \
                 VALUES ($1, $2, $3, 'churn', '', $4, 'ada', $5, 10, 20, 1, 'gone', $5, $6)",
            )
            .bind(id)
            .bind(format!("request-{id}"))
            .bind(state)
            .bind(&spec)
            .bind(attempt)
            .bind(asked)
            .execute(&mut *tx)
            .await
            .unwrap();
            sqlx::query(
                "INSERT INTO job_events (job_id, sequence, create_time, actor, state, step, progress, metrics, message) \
                 VALUES ($1, 1, 10, 'ada', 'queued', '', 0, '{}', 'queued')",
            )
            .bind(id)
            .execute(&mut *tx)
            .await
            .unwrap();
        }
        tx.commit().await.unwrap();
        database.close().await;
    }};
}

async fn check(store: Arc<dyn TrainerStore>) {
    let tagged = JobFilter { tag: Some(("team".to_owned(), "growth".to_owned())), ..JobFilter::default() };
    let jobs = store.jobs(&tagged, None, 10).await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["3", "2", "1"]);
    assert!(jobs.iter().all(|job| job.spec.node.is_none() && job.spec.schedule.max_attempts == 3));
    assert!(jobs.iter().all(|job| job.run_time == Timestamp::from_micros(10)));
    for job in &jobs {
        assert_eq!(store.events(&job.id, 0, 10).await.unwrap().len(), 1);
    }
    let lost = store.lost(Timestamp::from_micros(0)).await.unwrap();
    let first = lost[0].as_ref().unwrap();
    assert_eq!((lost.len(), first.job.id.as_str(), first.stop), (1, "2", Some(Stop::Cancel)));
    assert_eq!(store.attempts(&first.job.id, 0, 10).await.unwrap()[0].number, 2);
    let now = Timestamp::from_micros(100);
    let claim = store.claim(store.process(), now, now, 0).await.unwrap().unwrap().unwrap();
    assert_eq!((claim.job.id.as_str(), claim.job.last_sequence), ("3", 2));
    let suspended = store.stop(&JobId::from("1".to_owned()), Stop::Suspend, "ada", now).await.unwrap().unwrap();
    assert_eq!(suspended.state, JobState::Succeeded);
    store.close().await;
}

#[tokio::test]
async fn a_queue_of_the_first_schema_goes_on_in_sqlite() {
    // F162
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("trainer.db"));
    fill!(Sqlite::open(&url, &first(&sqlx::migrate!("./migrations/sqlite"))).await.unwrap());
    check(Arc::new(SqliteStore::open(&url).await.unwrap())).await;
}

#[tokio::test]
async fn a_queue_of_the_first_schema_goes_on_in_postgres() {
    // F162
    let url = postgres_url();
    fill!(Postgres::open(&url, &first(&sqlx::migrate!("./migrations/postgres"))).await.unwrap());
    check(Arc::new(PostgresStore::open(&url).await.unwrap())).await;
}
