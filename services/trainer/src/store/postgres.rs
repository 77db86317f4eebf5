//! PostgreSQL: for more than one trainer process.

use std::time::Duration;

use async_stream::stream;
use futures::{StreamExt as _, stream::BoxStream};
use lineal_db::StoreError;
use sqlx::{PgPool, postgres::PgListener};

pub(super) use lineal_db::Postgres as Database;
pub(super) use sqlx::PgConnection as Connection;

pub(crate) use self::sql::Store as PostgresStore;

const MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations/postgres");
const CHANNEL: &str = "SELECT 'lineal:' || current_schema()";
const NOTIFY: &str = "SELECT pg_notify('lineal:' || current_schema(), $1)";
/// How long to wait before listening again after a failure.
const AGAIN: Duration = Duration::from_secs(1);

macro_rules! skip_locked {
    () => {
        " FOR UPDATE OF j SKIP LOCKED"
    };
}

#[path = "sql/mod.rs"]
#[allow(clippy::duplicate_mod, reason = "the same code is compiled once for each driver")]
mod sql;

/// Tells the other processes at the commit.
async fn notify(tx: &mut Connection, news: &str) -> Result<(), StoreError> {
    sqlx::query(NOTIFY).bind(news).execute(tx).await?;
    Ok(())
}

fn news(db: &Database) -> BoxStream<'static, String> {
    let pool = db.reader().clone();
    stream! {
        loop {
            match listen(&pool).await {
                Ok(mut listener) => {
                    while let Ok(news) = listener.recv().await {
                        yield news.payload().to_owned();
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot listen for news, asking at intervals meanwhile"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
    .boxed()
}

async fn listen(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let channel: String = sqlx::query_scalar(CHANNEL).fetch_one(pool).await?;
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(&channel).await?;
    Ok(listener)
}
