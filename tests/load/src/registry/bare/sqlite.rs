//! SQLite, opened as the registry opens it.

use std::{path::Path, time::Duration};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
pub(super) use sqlx::{Sqlite as Database, SqlitePool as Pool};

pub(crate) use self::sql::Bare;

/// A writer has to say so before it reads.
const BEGIN: &str = "BEGIN IMMEDIATE";
/// What happens to a large write in time.
const SETTLE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

#[path = "sql.rs"]
#[allow(clippy::duplicate_mod, reason = "the same code is compiled once for each driver")]
mod sql;

/// Four readers, one writer.
pub(crate) async fn open(file: &Path) -> sqlx::Result<Bare> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10));
    let pool = |connections: u32| SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
    let write = pool(1).connect_with(options.clone()).await?;
    Ok(Bare::new(pool(4).connect_with(options.read_only(true)).await?, write))
}
