//! Blocks of versions.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{FieldError, ModelName, TenantId, Timestamp, VersionNumber};
use serde::Serialize;
use sqlx::QueryBuilder;

use super::{
    Connection, Sql, Store, audit,
    rows::{self, Read},
    versions,
};
use crate::{
    domain::{
        audit::AuditEntry,
        block::{self, BlockStage, Blocks, RecordBlock},
        promotion::{Promotion, PromotionKind},
    },
    store::{BlockStore, Result},
};

const PUT: &str = "INSERT INTO version_blocks (tenant, model, number, stage, body, updated_us) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, model, number, stage) \
     DO UPDATE SET body = excluded.body, updated_us = excluded.updated_us";

#[async_trait]
impl BlockStore for Store {
    async fn blocks(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        numbers: &[VersionNumber],
    ) -> Result<BTreeMap<VersionNumber, Blocks>> {
        let mut found: BTreeMap<VersionNumber, Blocks> = BTreeMap::new();
        if numbers.is_empty() {
            return Ok(found);
        }
        let mut sql: Sql = QueryBuilder::new("SELECT number, stage, body FROM version_blocks WHERE tenant = ");
        sql.push_bind(tenant.as_str()).push(" AND model = ").push_bind(model.as_str()).push(" AND number");
        rows::among_numbers(&mut sql, numbers);
        for row in sql.build().fetch_all(self.db.reader()).await? {
            let blocks = found.entry(versions::number(&row)?).or_default();
            blocks.insert(row.parsed::<BlockStage>("stage")?, row.json("body")?);
        }
        Ok(found)
    }

    async fn record_block(&self, tenant: &TenantId, wish: &RecordBlock, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        put(&mut tx, tenant, (&wish.model, wish.number), wish.stage, &wish.body, entry.created).await?;
        audit::append(&mut tx, entry, 0, wish.stage.word()).await?;
        Ok(tx.commit().await?)
    }
}

/// Stores the block of a stage inside the transaction of what it speaks of.
pub(super) async fn put(
    tx: &mut Connection,
    tenant: &TenantId,
    (model, number): (&ModelName, VersionNumber),
    stage: BlockStage,
    body: &impl Serialize,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(PUT)
        .bind(tenant.as_str())
        .bind(model.as_str())
        .bind(rows::column(number.get()))
        .bind(stage.word())
        .bind(rows::json(body)?)
        .bind(now.micros())
        .execute(tx)
        .await?;
    Ok(())
}

/// Stores on every version that a committed rollback leaves or brings back what it did to it; other moves leave no block.
pub(super) async fn rolled_back(
    tx: &mut Connection,
    tenant: &TenantId,
    rollback: &Promotion,
    now: Timestamp,
) -> Result<()> {
    if rollback.kind != PromotionKind::Rollback {
        return Ok(());
    }
    let members = rollback.members.iter().map(|member| (&member.model, member.from_number, member.to_number));
    for (model, from, to) in members.chain([(&rollback.model, rollback.from_number, rollback.to_number)]) {
        let model = ModelName::new(model).map_err(|error: FieldError| StoreError::corrupt(error.to_string()))?;
        for (number, left) in [(from, true), (to, false)] {
            let Ok(number) = VersionNumber::new(number) else { continue };
            let body = block::rollback(rollback, left);
            put(tx, tenant, (&model, number), BlockStage::Rollback, &body, now).await?;
        }
    }
    Ok(())
}
