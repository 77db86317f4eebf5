//! The statements, written once; the drivers differ in the four names that this module takes from its parent. What is written here
//! belongs to the tenant `bare`, so that the registry's own entries stay in order.

use sqlx::{QueryBuilder, Result, Transaction};

use super::{BEGIN, Database, Pool, SETTLE};
use crate::registry::{
    bare::seed,
    contents::{MODEL, STEPS, VERSIONS},
    operations::{DEPTH, METRICS, Operation, PAGE, alias, start},
};

const RESOLVE: &str = "SELECT a.number, a.generation, a.revision, a.updated_us, v.digest, v.run_id FROM aliases a \
     JOIN versions v ON v.tenant = a.tenant AND v.model = a.model AND v.number = a.number \
     WHERE a.tenant = 'default' AND a.model = $1 AND a.slot = '' AND a.name = $2";
const NEXT_NUMBER: &str = "UPDATE models SET latest_version = latest_version + 1 WHERE tenant = 'bare' AND name = 'created' \
     RETURNING latest_version";
const CREATE: &str = "INSERT INTO versions (tenant, model, number, label, family, digest, size_bytes, state, metrics, \
     description, tags, upstreams, lineage, created_us) \
     SELECT 'bare', 'created', $1, 'gradient_boosting-' || $2, family, digest, size_bytes, state, metrics, description, tags, \
     upstreams, lineage, created_us FROM versions WHERE tenant = 'default' AND model = $3 AND number = 1";
const NEXT_ENTRY: &str = "UPDATE audit_heads SET sequence = sequence + 1 WHERE tenant = 'bare' RETURNING sequence";
const RECORD: &str = "INSERT INTO audit (tenant, sequence, created_us, actor, action, model, slot, number, from_stage, \
     to_stage, done, detail, generation, request_id, fingerprint, subject, digest) \
     VALUES ('bare', $1, 0, 'lineal-load', $2, '', '', 0, '', '', TRUE, '', 0, $3, '', '', 'bare')";
const PAGE_OF_VERSIONS: &str =
    "SELECT * FROM versions WHERE tenant = 'default' AND model = $1 ORDER BY number DESC LIMIT $2";
const OF_PAGE: [&str; 3] = [
    "SELECT * FROM aliases WHERE tenant = 'default' AND model = $1 AND number > $2",
    "SELECT * FROM reigns WHERE tenant = 'default' AND model = $1 AND number > $2",
    "SELECT * FROM validations WHERE tenant = 'default' AND model = $1 AND number > $2",
];

/// Two pools of one database, or the same one twice.
#[derive(Clone)]
pub(crate) struct Bare {
    read: Pool,
    write: Pool,
}

impl Bare {
    pub(super) fn new(read: Pool, write: Pool) -> Self {
        Self { read, write }
    }

    pub(crate) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    /// What the registry has to send for one call of `operation`.
    pub(crate) async fn run(&self, operation: Operation, run_id: &str, turn: u64) -> Result<()> {
        match operation {
            Operation::ResolveAlias => {
                sqlx::query(RESOLVE).bind(MODEL).bind(alias(turn)).fetch_one(&self.read).await?;
            }
            Operation::CreateVersion => self.create_version(turn).await?,
            Operation::LogBatch => self.log_batch(run_id, turn).await?,
            Operation::ListVersions => self.list_versions().await?,
            Operation::GetLineage => self.get_lineage(turn).await?,
        }
        Ok(())
    }

    async fn create_version(&self, turn: u64) -> Result<()> {
        let mut tx = self.write.begin_with(BEGIN).await?;
        let number: i64 = sqlx::query_scalar(NEXT_NUMBER).fetch_one(&mut *tx).await?;
        sqlx::query(CREATE).bind(number).bind(turn.to_string()).bind(MODEL).execute(&mut *tx).await?;
        record(&mut tx, "create_version", Some(turn.to_string())).await?;
        tx.commit().await
    }

    async fn log_batch(&self, run_id: &str, turn: u64) -> Result<()> {
        let (first, step) = ((turn * METRICS) as i64, turn as i64);
        let mut tx = self.write.begin_with(BEGIN).await?;
        let mut points: QueryBuilder<Database> =
            QueryBuilder::new("INSERT INTO run_metrics (tenant, run_id, sequence, key, step, time_us, kind, value) ");
        points.push_values(0..METRICS, |mut row, metric| {
            row.push("'bare'").push_bind(run_id).push_bind(first + metric as i64);
            row.push_bind(format!("metric-{metric}")).push_bind(step);
            row.push("0").push("'finite'").push_bind(metric as f64 + 0.5);
        });
        points.build().execute(&mut *tx).await?;
        let mut latest: QueryBuilder<Database> =
            QueryBuilder::new("INSERT INTO run_latest_metrics (tenant, run_id, key, step, time_us, kind, value) ");
        latest.push_values(0..METRICS, |mut row, metric| {
            row.push("'bare'").push_bind(run_id).push_bind(format!("metric-{metric}")).push_bind(step);
            row.push("0").push("'finite'").push_bind(metric as f64 + 0.5);
        });
        latest.push(
            " ON CONFLICT (tenant, run_id, key) DO UPDATE SET step = excluded.step, time_us = excluded.time_us, \
             kind = excluded.kind, value = excluded.value",
        );
        latest.build().execute(&mut *tx).await?;
        record(&mut tx, "log_batch", None).await?;
        tx.commit().await
    }

    async fn list_versions(&self) -> Result<()> {
        let mut connection = self.read.acquire().await?;
        sqlx::query(PAGE_OF_VERSIONS).bind(MODEL).bind(PAGE as i64 + 1).fetch_all(&mut *connection).await?;
        for statement in OF_PAGE {
            sqlx::query(statement).bind(MODEL).bind((VERSIONS - PAGE) as i64).fetch_all(&mut *connection).await?;
        }
        Ok(())
    }

    /// Edges layer by layer, then all versions at once. Which versions are so many steps away is known here without a look at the edges.
    async fn get_lineage(&self, turn: u64) -> Result<()> {
        let mut connection = self.read.acquire().await?;
        let (mut layer, mut seen) = (vec![start(turn)], Vec::new());
        for _ in 0..DEPTH {
            among("SELECT * FROM lineage_edges WHERE tenant = 'default' AND from_model = ", "from_number", &layer)
                .build()
                .fetch_all(&mut *connection)
                .await?;
            let mut next: Vec<_> = layer.iter().flat_map(|number| STEPS.map(|step| number - step)).collect();
            next.sort_unstable();
            next.dedup();
            seen.append(&mut layer);
            layer = next;
        }
        seen.append(&mut layer);
        let mut versions = among("SELECT * FROM versions WHERE tenant = 'default' AND model = ", "number", &seen);
        versions.build().fetch_all(&mut *connection).await?;
        Ok(())
    }

    /// Fills the tables behind what the registry itself has put there.
    pub(crate) async fn seed(&self) -> Result<()> {
        let mut tx = self.write.begin_with(BEGIN).await?;
        for statement in seed::statements() {
            sqlx::query(sqlx::AssertSqlSafe(statement)).persistent(false).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        sqlx::query(SETTLE).persistent(false).execute(&self.write).await?;
        Ok(())
    }
}

/// Rows of the model with one of these numbers.
fn among(select: &'static str, column: &'static str, numbers: &[u64]) -> QueryBuilder<Database> {
    let mut sql = QueryBuilder::new(select);
    let mut list = sql.push_bind(MODEL).push(" AND ").push(column).push(" IN (").separated(", ");
    for number in numbers {
        list.push_bind(*number as i64);
    }
    sql.push(")");
    sql
}

async fn record(tx: &mut Transaction<'_, Database>, action: &str, request_id: Option<String>) -> Result<()> {
    let sequence: i64 = sqlx::query_scalar(NEXT_ENTRY).fetch_one(&mut **tx).await?;
    sqlx::query(RECORD).bind(sequence).bind(action).bind(request_id).execute(&mut **tx).await?;
    Ok(())
}
