//! PostgreSQL keeps each month of performance in a partition of its own: `performance_202501` and so on.

use std::{collections::BTreeSet, time::Duration};

use lineal_db::Postgres;
use lineal_kernel::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::store::Result;

const EXISTS: &str = "SELECT to_regclass(quote_ident(current_schema()) || '.' || $1) IS NOT NULL";
const PARTITIONS: &str = "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
     WHERE i.inhparent = to_regclass(quote_ident(current_schema()) || '.performance') ORDER BY 1";

/// Makes the partitions of these months that are not there yet. Writers take turns, so nobody else makes one meanwhile; a stop
/// before the commit leaves none.
pub(in crate::store) async fn prepare(tx: &mut PgConnection, months: &BTreeSet<Timestamp>) -> Result<()> {
    for month in months {
        let name = partition(*month);
        if sqlx::query_scalar(EXISTS).bind(&name).fetch_one(&mut *tx).await? {
            continue;
        }
        let (from, to) = (month.micros(), month.plus(Duration::from_hours(32 * 24)).month().micros());
        // A name and two numbers of our own making.
        let make =
            AssertSqlSafe(format!("CREATE TABLE {name} PARTITION OF performance FOR VALUES FROM ({from}) TO ({to})"));
        sqlx::query(make).execute(&mut *tx).await?;
    }
    Ok(())
}

/// Drops the partitions of the months before the one that begins at `before`.
pub(in crate::store) async fn drop_before(db: &Postgres, before: Timestamp) -> Result<()> {
    let first = partition(before);
    let is_old = |name: &String| *name < first;
    let found: Vec<String> = sqlx::query_scalar(PARTITIONS).fetch_all(db.reader()).await?;
    if !found.iter().any(is_old) {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    let found: Vec<String> = sqlx::query_scalar(PARTITIONS).fetch_all(&mut *tx).await?;
    for name in found.iter().filter(|name| is_old(name)) {
        sqlx::query(AssertSqlSafe(format!("DROP TABLE {name}"))).execute(&mut *tx).await?;
    }
    Ok(tx.commit().await?)
}

fn partition(month: Timestamp) -> String {
    format!("performance_{}", &month.compact()[..6])
}
