//! A window of a large history is read by its key, not by looking at everything.

use std::time::Instant;

use lineal_db::DatabaseUrl;
use lineal_registry::{domain::performance::Window, store::SqliteStore};
use sqlx::{Connection, Executor, PgConnection, Row, SqliteConnection};

use crate::fixture::{Store, first_page, model, postgres_url, tenant};
use lineal_kernel::Timestamp;

const ROWS: i64 = 1_000_000;
/// 2025-01-01T00:00:00Z
const START: i64 = 1_735_689_600_000_000;
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

/// A statement of the store, as it stands in its source.
fn statement(name: &str) -> String {
    let source = include_str!("../../src/store/sql/performance.rs");
    let quoted = source.split(&format!("const {name}: &str = \"")).nth(1).unwrap().split("\";").next().unwrap();
    quoted.replace("\\\n", "")
}

/// The parameters of the last hour, in the place of their numbers.
fn last_hour(statement: &str) -> String {
    let end = START + ROWS / 10 * MINUTE;
    let from = end - HOUR;
    let values =
        ["'default'", "'m3'", "'auc'", &from.to_string(), &end.to_string(), "0", "'*'", &from.to_string(), "0"]
            .map(str::to_owned);
    let values = values.into_iter().chain(["''".to_owned(), "501".to_owned()]).enumerate().collect::<Vec<_>>();
    // The highest numbers first: $1 begins $11 too.
    values.iter().rev().fold(statement.to_owned(), |text, (i, value)| text.replace(&format!("${}", i + 1), value))
}

async fn read(store: &Store, backend: &str) {
    let end = Timestamp::from_micros(START + ROWS / 10 * MINUTE);
    let start = Timestamp::from_micros(end.micros() - HOUR);
    let window = Window { model: model("m3"), number: None, slot: None, metric: "auc".into(), start, end };
    let begun = Instant::now();
    let found = store.performance(&tenant(), &window, &first_page()).await.unwrap().items;
    eprintln!("{backend}: the last hour of one of ten models among {ROWS} rows in {:?}", begun.elapsed());
    assert_eq!(found.len(), 60);
}

#[tokio::test]
async fn sqlite_searches_the_key() {
    // F30
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registry.db");
    let store: Store = std::sync::Arc::new(SqliteStore::open(&DatabaseUrl::Sqlite(file.clone())).await.unwrap());
    let mut database = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let fill = format!(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {ROWS}) \
         INSERT INTO performance SELECT 'default', 'm' || (i % 10), 'auc', {START} + i / 10 * {MINUTE}, 1, '', 'finite', \
         0.5, 1 FROM n"
    );
    database.execute(sqlx::AssertSqlSafe(fill)).await.unwrap();
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", last_hour(&statement("POINTS"))));
    let plan = database.fetch_all(explain).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
    let [search] = plan.as_slice() else { panic!("{plan:?}") };
    assert!(
        search.starts_with("SEARCH performance USING PRIMARY KEY (tenant=? AND model=? AND metric=? AND"),
        "{plan:?}"
    );
    read(&store, "SQLite").await;
    store.close().await;
}

#[tokio::test]
async fn postgres_reads_one_partition_by_its_key() {
    // F30
    let url = postgres_url();
    let store = lineal_registry::store::open(&url).await.unwrap();
    let DatabaseUrl::Postgres { url: server, schema } = url else { panic!("no PostgreSQL") };
    let mut database = PgConnection::connect(&server).await.unwrap();
    database.execute(sqlx::AssertSqlSafe(format!("SET search_path TO {schema}"))).await.unwrap();
    // The store itself makes a partition for each month that the rows fill.
    for minute in (0..ROWS / 10).step_by(10_000) {
        let time = Timestamp::from_micros(START + minute * MINUTE);
        crate::performance::record_at(&store, time).await;
    }
    let fill = format!(
        "INSERT INTO performance SELECT 'default', 'm' || (i % 10), 'auc', {START} + i / 10 * {MINUTE}, 1, '', 'finite', \
         0.5, 1 FROM generate_series(0::bigint, {ROWS} - 1) i"
    );
    database.execute(sqlx::AssertSqlSafe(fill)).await.unwrap();
    database.execute("ANALYZE performance").await.unwrap();
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN {}", last_hour(&statement("POINTS"))));
    let plan = database.fetch_all(explain).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let scans: Vec<&String> =
        plan.iter().filter(|line| line.contains(" on performance_") || line.contains("Scan")).collect();
    assert!(scans.iter().all(|line| !line.contains("Seq Scan")), "{plan:#?}");
    assert!(scans.iter().any(|line| line.contains("performance_202503")), "{plan:#?}");
    assert!(scans.iter().all(|line| !line.contains("performance_202501")), "{plan:#?}");
    read(&store, "PostgreSQL").await;
    store.close().await;
}
