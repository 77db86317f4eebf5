//! Checks of bundles.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use lineal_kernel::{Digest, TenantId, Timestamp};
use sqlx::QueryBuilder;

use super::{
    Connection, DbRow, Sql, Store, audit, promotions,
    rows::{self, Read},
};
use crate::{
    domain::{audit::AuditEntry, check::Check, reign::Reign},
    store::{CheckStore, Result},
};

const GET: &str = "SELECT * FROM bundle_checks WHERE tenant = $1 AND digest = $2";
const PUT: &str = "INSERT INTO bundle_checks (tenant, digest, checked_us, problem) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (tenant, digest) DO UPDATE SET checked_us = excluded.checked_us, problem = excluded.problem \
     WHERE bundle_checks.checked_us <= excluded.checked_us";
const CLAIM: &str = "INSERT INTO check_rounds (tenant, next_us) VALUES ($1, $2) \
     ON CONFLICT (tenant) DO UPDATE SET next_us = excluded.next_us WHERE check_rounds.next_us <= $3";
const PUT_OFF: &str = "UPDATE check_rounds SET next_us = $2 WHERE tenant = $1";
const LAST_REIGNS: &str = "SELECT * FROM reigns r WHERE tenant = $1 AND NOT EXISTS (SELECT 1 FROM reigns later \
     WHERE later.tenant = r.tenant AND later.model = r.model AND later.slot = r.slot AND later.number = r.number \
     AND later.from_generation > r.from_generation) ORDER BY from_generation DESC";

#[async_trait]
impl CheckStore for Store {
    async fn check(&self, tenant: &TenantId, digest: Digest) -> Result<Option<Check>> {
        let mut connection = self.db.reader().acquire().await?;
        get(&mut connection, tenant, digest).await
    }

    async fn record_check(
        &self,
        tenant: &TenantId,
        digest: Digest,
        check: &Check,
        entry: Option<&AuditEntry>,
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(PUT)
            .bind(tenant.as_str())
            .bind(digest.to_string())
            .bind(check.time.micros())
            .bind(&check.problem)
            .execute(&mut *tx)
            .await?;
        if let Some(entry) = entry {
            audit::append(&mut tx, entry, 0, &digest.to_string()).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn claim_round(&self, tenant: &TenantId, now: Timestamp, next: Timestamp) -> Result<bool> {
        let mut tx = self.db.begin().await?;
        let claimed =
            sqlx::query(CLAIM).bind(tenant.as_str()).bind(next.micros()).bind(now.micros()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(claimed.rows_affected() > 0)
    }

    async fn put_off_round(&self, tenant: &TenantId, next: Timestamp) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(PUT_OFF).bind(tenant.as_str()).bind(next.micros()).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn last_reigns(&self, tenant: &TenantId) -> Result<Vec<Reign>> {
        let found = sqlx::query(LAST_REIGNS).bind(tenant.as_str()).fetch_all(self.db.reader()).await?;
        found.iter().map(promotions::reign).collect()
    }
}

/// The last checks of some bundles, inside a transaction.
pub(super) async fn of(
    tx: &mut Connection,
    tenant: &TenantId,
    bundles: impl Iterator<Item = Digest>,
) -> Result<HashMap<Digest, Check>> {
    let digests: HashSet<Digest> = bundles.collect();
    let digests: Vec<String> = digests.iter().map(ToString::to_string).collect();
    let mut sql: Sql = QueryBuilder::new("SELECT * FROM bundle_checks WHERE tenant = ");
    sql.push_bind(tenant.as_str()).push(" AND digest");
    rows::among(&mut sql, &digests);
    let found = sql.build().fetch_all(tx).await?;
    found.iter().map(|row| Ok((row.parsed("digest")?, check(row)?))).collect()
}

fn check(row: &DbRow) -> Result<Check> {
    Ok(Check { time: row.moment("checked_us")?, problem: row.text("problem")? })
}

async fn get(tx: &mut Connection, tenant: &TenantId, digest: Digest) -> Result<Option<Check>> {
    let row = sqlx::query(GET).bind(tenant.as_str()).bind(digest.to_string()).fetch_optional(tx).await?;
    row.as_ref().map(check).transpose()
}
