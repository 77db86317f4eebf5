//! SQLite: the embedded default, one process.

pub(super) use lineal_db::Sqlite as Database;
pub(super) use sqlx::{SqliteConnection as Connection, sqlite::SqliteRow as DbRow};

pub use self::sql::Store as SqliteStore;

const MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations/sqlite");

#[path = "lists/sqlite.rs"]
mod lists;

#[path = "months/sqlite.rs"]
mod months;

#[path = "sql/mod.rs"]
#[allow(clippy::duplicate_mod, reason = "the same code is compiled once for each driver")]
mod sql;
