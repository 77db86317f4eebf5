//! SQLite keeps all months in one table.

use std::collections::BTreeSet;

use lineal_db::Sqlite;
use lineal_kernel::Timestamp;
use sqlx::SqliteConnection;

use crate::store::Result;

const ANY: &str = "SELECT 1 FROM performance WHERE time_us < $1 LIMIT 1";
const DROP: &str = "DELETE FROM performance WHERE time_us < $1";

#[allow(clippy::unused_async, reason = "PostgreSQL has to make partitions")]
pub(in crate::store) async fn prepare(_: &mut SqliteConnection, _: &BTreeSet<Timestamp>) -> Result<()> {
    Ok(())
}

pub(in crate::store) async fn drop_before(db: &Sqlite, before: Timestamp) -> Result<()> {
    if sqlx::query(ANY).bind(before.micros()).fetch_optional(db.reader()).await?.is_some() {
        let mut tx = db.begin().await?;
        sqlx::query(DROP).bind(before.micros()).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}
