//! The schema of a SQLite file through restarts and releases.

use std::path::Path;

use lineal_db::DatabaseUrl;
use lineal_registry::domain::audit::AuditSearch;
use lineal_registry::store::SqliteStore;
use sqlx::{Connection, Row, SqliteConnection};

use crate::fixture::{first_page, number, register, sqlite, tenant};

async fn connect(file: &Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap()
}

async fn schema(file: &Path) -> Vec<(String, String)> {
    let tables = "SELECT name, COALESCE(sql, '') AS sql FROM sqlite_schema \
         UNION ALL SELECT 'migration', version || description || installed_on FROM _sqlx_migrations ORDER BY 1, 2";
    let rows = sqlx::query(tables).fetch_all(&mut connect(file).await).await.unwrap();
    rows.iter().map(|row| (row.get("name"), row.get("sql"))).collect()
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    // F162
    let (store, folder) = sqlite().await;
    let made = register(&store, "churn").await;
    store.close().await;
    let file = folder.path().join("registry.db");
    let before = schema(&file).await;
    assert!(before.iter().any(|(name, _)| name == "one_champion_per_slot"));

    let store = SqliteStore::open(&DatabaseUrl::Sqlite(file.clone())).await.unwrap();
    let store: crate::fixture::Store = std::sync::Arc::new(store);
    let read = store.version(&tenant(), &made.model, number(1)).await.unwrap().unwrap();
    assert_eq!(read.version, made);
    assert_eq!(store.audit(&tenant(), &AuditSearch::default(), &first_page()).await.unwrap().items.len(), 1);
    store.close().await;
    assert_eq!(schema(&file).await, before);
}

#[tokio::test]
async fn the_schema_of_a_newer_release_is_refused() {
    // F162
    let (store, folder) = sqlite().await;
    store.close().await;
    let file = folder.path().join("registry.db");
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'from the future', TRUE, x'00', 0)";
    sqlx::query(newer).execute(&mut connect(&file).await).await.unwrap();
    let refused = SqliteStore::open(&DatabaseUrl::Sqlite(file)).await.unwrap_err().to_string();
    assert!(refused.contains("registry.db") && refused.contains("if a newer release wrote it, use that release"));
}
