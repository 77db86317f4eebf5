//! The registry on SQLite. SQL is written with `$N` and without dialect, so that another database can share it.

mod aliases;
mod audit;
mod models;
mod promotions;
mod replicas;
mod rows;
mod runs;
mod snapshots;
mod versions;

use async_trait::async_trait;
use lineal_db::{DatabaseUrl, OpenError, Sqlite};

use super::RegistryStore;

/// One file with everything the registry keeps.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    db: Sqlite,
}

impl SqliteStore {
    /// Opens or creates the file and brings its schema up to date.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let DatabaseUrl::Sqlite(path) = url;
        Ok(Self { db: Sqlite::open(path, &sqlx::migrate!("./migrations")).await? })
    }
}

#[async_trait]
impl RegistryStore for SqliteStore {
    async fn close(&self) {
        self.db.close().await;
    }
}
