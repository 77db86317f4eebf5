//! PostgreSQL: for more than one registry process.

pub(super) use lineal_db::Postgres as Database;
pub(super) use sqlx::{PgConnection as Connection, postgres::PgRow as DbRow};

pub use self::sql::Store as PostgresStore;

const MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations/postgres");

#[path = "lists/postgres.rs"]
mod lists;

#[path = "months/postgres.rs"]
mod months;

#[path = "sql/mod.rs"]
#[allow(clippy::duplicate_mod, reason = "the same code is compiled once for each driver")]
mod sql;
