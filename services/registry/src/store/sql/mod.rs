//! The registry's tables. The SQL is written once, with `$N` and without dialect; the drivers differ in the six names that this
//! module takes from its parent.

mod aliases;
mod audit;
mod bakes;
mod blocks;
mod cards;
mod checks;
mod commits;
mod comparisons;
mod display;
mod environment;
mod experiments;
mod facts;
mod history;
mod lineage;
mod metrics;
mod models;
mod outbox;
mod performance;
mod promotions;
mod relatives;
mod replicas;
mod rows;
mod runs;
mod scoring_batches;
mod search;
mod settings;
mod signatures;
mod snapshots;
mod stories;
mod usage;
mod version_search;
mod versions;
mod views;

use async_trait::async_trait;
use lineal_db::{DatabaseUrl, OpenError};
use sqlx::QueryBuilder;

use super::{Connection, Database, DbRow, MIGRATIONS, lists, months};
use crate::store::RegistryStore;

/// SQL that is put together from fixed pieces and bound values.
type Sql = QueryBuilder<<Connection as sqlx::Connection>::Database>;

/// Everything the registry keeps, in one database.
#[derive(Debug, Clone)]
pub struct Store {
    db: Database,
}

impl Store {
    /// Opens or creates the database and brings its schema up to date.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let db = Database::open(url, &MIGRATIONS).await?;
        audit::seal(&db).await.map_err(|error| OpenError::Migrate {
            database: url.to_string(),
            source: sqlx::migrate::MigrateError::Source(error.into()),
        })?;
        Ok(Self { db })
    }
}

#[async_trait]
impl RegistryStore for Store {
    async fn close(&self) {
        self.db.close().await;
    }
}
