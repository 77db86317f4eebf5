//! Bake times of promotions.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{FieldError, ModelName, TenantId, Timestamp, VersionNumber};
use sqlx::QueryBuilder;

use super::{
    Connection, DbRow, Sql, Store,
    rows::{self, Read},
    usage,
};
use crate::{
    domain::{
        bake::{Bake, BakePlan, BakeState},
        promotion::Promotion,
    },
    store::{BakeStore, Result},
};

const BEGIN: &str = "INSERT INTO bakes (tenant, promotion_id, until_us, base_requests, base_errors, state, problem, \
     rollback_id) VALUES ($1, $2, $3, $4, $5, 'baking', '', '')";
const BAKING: &str = "SELECT b.*, p.body FROM bakes b \
     JOIN promotions p ON p.tenant = b.tenant AND p.promotion_id = b.promotion_id \
     WHERE b.tenant = $1 AND b.state = 'baking' ORDER BY b.promotion_id";
const END: &str = "UPDATE bakes SET state = $3, problem = $4, rollback_id = $5 \
     WHERE tenant = $1 AND promotion_id = $2 AND state = 'baking'";

#[async_trait]
impl BakeStore for Store {
    async fn baking(&self, tenant: &TenantId) -> Result<Vec<(Promotion, Bake)>> {
        let found = sqlx::query(BAKING).bind(tenant.as_str()).fetch_all(self.db.reader()).await?;
        found.iter().map(|row| Ok((row.json("body")?, bake(row)?))).collect()
    }

    async fn bakes(&self, tenant: &TenantId, promotion_ids: &[String]) -> Result<BTreeMap<String, Bake>> {
        if promotion_ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut sql: Sql = QueryBuilder::new("SELECT * FROM bakes WHERE tenant = ");
        sql.push_bind(tenant.as_str()).push(" AND promotion_id");
        rows::among(&mut sql, promotion_ids);
        let found = sql.build().fetch_all(self.db.reader()).await?;
        found.iter().map(|row| Ok((row.text("promotion_id")?, bake(row)?))).collect()
    }

    async fn end_bake(&self, tenant: &TenantId, bake: &Bake) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(END)
            .bind(tenant.as_str())
            .bind(&bake.promotion_id)
            .bind(bake.state.word())
            .bind(&bake.problem)
            .bind(&bake.rollback_id)
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }
}

/// Begins to watch the new champion inside the transaction of its commit.
pub(super) async fn begin(
    tx: &mut Connection,
    tenant: &TenantId,
    promotion: &Promotion,
    plan: BakePlan,
    now: Timestamp,
) -> Result<()> {
    let corrupt = |error: FieldError| StoreError::corrupt(error.to_string());
    let model = ModelName::new(&promotion.model).map_err(corrupt)?;
    let number = VersionNumber::new(promotion.to_number).map_err(corrupt)?;
    let sums = usage::sums(tx, tenant, &model, &[number]).await?;
    let base = sums.get(&number).copied().unwrap_or_default();
    let until = now.plus(std::time::Duration::from_micros(plan.micros));
    sqlx::query(BEGIN)
        .bind(tenant.as_str())
        .bind(&promotion.promotion_id)
        .bind(until.micros())
        .bind(rows::column(base.requests))
        .bind(rows::column(base.errors))
        .execute(tx)
        .await?;
    Ok(())
}

fn bake(row: &DbRow) -> Result<Bake> {
    Ok(Bake {
        promotion_id: row.text("promotion_id")?,
        until: row.moment("until_us")?,
        base_requests: row.number("base_requests")?,
        base_errors: row.number("base_errors")?,
        state: row.parsed::<BakeState>("state")?,
        problem: row.text("problem")?,
        rollback_id: row.text("rollback_id")?,
    })
}
