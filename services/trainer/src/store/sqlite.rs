//! SQLite: the embedded default, one process.

use futures::{StreamExt as _, stream::BoxStream};
use lineal_db::StoreError;

pub(super) use lineal_db::Sqlite as Database;
pub(super) use sqlx::SqliteConnection as Connection;

pub(crate) use self::sql::Store as SqliteStore;

const MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations/sqlite");

/// Writers take turns: nobody else has a row locked.
macro_rules! skip_locked {
    () => {
        ""
    };
}

#[path = "sql/mod.rs"]
#[allow(clippy::duplicate_mod, reason = "the same code is compiled once for each driver")]
mod sql;

/// Nobody else uses the file.
#[allow(clippy::unused_async, reason = "other databases have to be told")]
async fn notify(_: &mut Connection, _: &str) -> Result<(), StoreError> {
    Ok(())
}

fn news(_: &Database) -> BoxStream<'static, String> {
    futures::stream::pending().boxed()
}
