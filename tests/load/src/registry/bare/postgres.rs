//! PostgreSQL, connected to as the registry does.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
pub(super) use sqlx::{PgPool as Pool, Postgres as Database};

pub(crate) use self::sql::Bare;

const BEGIN: &str = "BEGIN";
/// What happens to a large write in time.
const SETTLE: &str = "ANALYZE";

#[path = "sql.rs"]
#[allow(clippy::duplicate_mod, reason = "the same code is compiled once for each driver")]
mod sql;

/// Sixteen connections for everything.
pub(crate) async fn open(url: &str, schema: &str) -> sqlx::Result<Bare> {
    let options = url.parse::<PgConnectOptions>()?.options([("search_path", schema)]);
    let pool = PgPoolOptions::new().max_connections(16).test_before_acquire(false).connect_with(options).await?;
    Ok(Bare::new(pool.clone(), pool))
}

/// The process that all of the server's others come from, if the server is on this machine.
pub(crate) async fn postmaster(url: &str) -> anyhow::Result<u32> {
    use anyhow::{Context as _, ensure};
    use sqlx::Connection as _;
    let options: PgConnectOptions = url.parse()?;
    ensure!(["127.0.0.1", "localhost"].contains(&options.get_host()), "it is another machine's");
    let mut connection = sqlx::PgConnection::connect_with(&options).await?;
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await?;
    let stat = std::fs::read_to_string(format!("/proc/{backend}/stat")).context("its processes cannot be seen")?;
    connection.close().await?;
    let parent = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(1)?.parse().ok());
    parent.context("its processes cannot be told apart")
}
