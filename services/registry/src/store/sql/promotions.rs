//! Moves of champions.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{AliasName, ModelName, PageRequest, Slot, TenantId, Timestamp, VersionNumber};
use sqlx::Row;

use super::{
    Connection, DbRow, Store, aliases, audit,
    rows::{self, Read},
};
use crate::{
    domain::{
        alias::Alias,
        audit::AuditEntry,
        chains::{self, Link},
        promotion::{Promotion, PromotionFilter, PromotionKind, PromotionState},
        reign::Reign,
    },
    failpoints::stop_here,
    store::{Page, PromotionStore, Result},
};

const GET: &str = "SELECT body FROM promotions WHERE tenant = $1 AND promotion_id = $2";
const LIST: &str = "SELECT body FROM promotions WHERE tenant = $1 AND ($2 IS NULL OR model = $2) \
     AND ($3 IS NULL OR kind = $3) AND ($4 IS NULL OR state = $4) AND ($5 = '' OR promotion_id < $5) \
     ORDER BY promotion_id DESC LIMIT $6";
const IN_STATE: &str = "SELECT body FROM promotions WHERE tenant = $1 AND state = $2 ORDER BY promotion_id";
const INSERT: &str = "INSERT INTO promotions (tenant, promotion_id, model, slot, state, generation, body) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const UPDATE: &str = "UPDATE promotions SET state = $3, generation = $4, body = $5 \
     WHERE tenant = $1 AND promotion_id = $2 AND state = $6";
const NEXT_GENERATION: &str = "INSERT INTO generations (tenant, generation) VALUES ($1, 1) \
     ON CONFLICT (tenant) DO UPDATE SET generation = generations.generation + 1 RETURNING generation";
const REMOVE_ALIAS: &str = "DELETE FROM aliases WHERE tenant = $1 AND model = $2 AND slot = $3 AND name = 'champion'";
const END_REIGN: &str = "UPDATE reigns SET to_generation = $4, ended_by = $5, ended_us = $6 \
     WHERE tenant = $1 AND model = $2 AND slot = $3 AND to_generation IS NULL";
const BEGIN_REIGN: &str = "INSERT INTO reigns (tenant, model, slot, from_generation, number, started_us) \
     VALUES ($1, $2, $3, $4, $5, $6)";
const REIGNS: &str =
    "SELECT * FROM reigns WHERE tenant = $1 AND model = $2 AND slot = $3 ORDER BY from_generation DESC";
const REIGNS_OF: &str =
    "SELECT * FROM reigns WHERE tenant = $1 AND model = $2 AND number = $3 ORDER BY from_generation DESC";
const REIGNED_AT: &str = "SELECT 1 FROM reigns WHERE tenant = $1 AND model = $2 AND number = $3 \
     AND from_generation <= $4 AND (to_generation IS NULL OR to_generation > $4) \
     AND $4 <= (SELECT generation FROM generations WHERE tenant = $1)";

#[async_trait]
impl PromotionStore for Store {
    async fn promotion(&self, tenant: &TenantId, promotion_id: &str) -> Result<Option<Promotion>> {
        let row = sqlx::query(GET).bind(tenant.as_str()).bind(promotion_id).fetch_optional(self.db.reader()).await?;
        row.map(|row| row.json("body")).transpose()
    }

    async fn promotions(
        &self,
        tenant: &TenantId,
        filter: &PromotionFilter,
        page: &PageRequest,
    ) -> Result<Page<Promotion>> {
        let found = sqlx::query(LIST)
            .bind(tenant.as_str())
            .bind(filter.model.as_ref().map(ModelName::as_str))
            .bind(filter.kind.map(PromotionKind::word))
            .bind(filter.state.map(PromotionState::word))
            .bind(rows::after(page))
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let promotions = found.iter().map(|row| row.json("body")).collect::<Result<_>>()?;
        Ok(rows::page(promotions, page, |promotion: &Promotion| promotion.promotion_id.clone()))
    }

    async fn begin_promotion(&self, tenant: &TenantId, promotion: &Promotion) -> Result<()> {
        let mut tx = self.db.begin().await?;
        insert(&mut tx, tenant, promotion).await?;
        Ok(tx.commit().await?)
    }

    async fn refuse_promotion(&self, tenant: &TenantId, promotion: &Promotion, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        insert(&mut tx, tenant, promotion).await?;
        audit::append(&mut tx, entry, 0, &promotion.promotion_id).await?;
        Ok(tx.commit().await?)
    }

    async fn commit_promotion(&self, tenant: &TenantId, promotion: &Promotion, entry: &AuditEntry) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        stop_here!("locked");
        let steps = steps(promotion)?;
        let mut found = Vec::with_capacity(steps.len());
        for step in &steps {
            found.push(step.compare(&mut tx, tenant).await?);
        }
        stop_here!("compared");
        let generation: i64 = sqlx::query_scalar(NEXT_GENERATION).bind(tenant.as_str()).fetch_one(&mut *tx).await?;
        let generation = generation.unsigned_abs();
        for (step, champion) in steps.iter().zip(found) {
            step.take(&mut tx, tenant, champion, promotion.kind, generation, entry.created).await?;
        }
        let slot = &entry.slot;
        let champions = aliases::served(&mut tx, tenant).await?;
        let champions: Vec<Link> = champions.iter().filter(|entry| entry.alias.slot == *slot).map(Link::from).collect();
        if chains::intact(&champions).is_err() {
            return Err(StoreError::Conflict);
        }
        stop_here!("alias_moved");
        let committed = Promotion {
            state: PromotionState::Committed,
            generation,
            committed_us: Some(entry.created.micros()),
            ..promotion.clone()
        };
        update(&mut tx, tenant, &committed, PromotionState::Preparing).await?;
        for step in &steps[..steps.len() - 1] {
            let member = AuditEntry { request: None, ..entry.clone() };
            let member = member.about(&step.model, slot, step.to);
            audit::append(&mut tx, &member, generation, &promotion.promotion_id).await?;
        }
        audit::append(&mut tx, entry, generation, &promotion.promotion_id).await?;
        stop_here!("audited");
        tx.commit().await?;
        Ok(generation)
    }

    async fn end_promotion(&self, tenant: &TenantId, promotion: &Promotion, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        update(&mut tx, tenant, promotion, PromotionState::Preparing).await?;
        audit::append(&mut tx, entry, 0, &promotion.promotion_id).await?;
        Ok(tx.commit().await?)
    }

    async fn record_outcomes(&self, tenant: &TenantId, promotion: &Promotion, base: PromotionState) -> Result<()> {
        let mut tx = self.db.begin().await?;
        update(&mut tx, tenant, promotion, base).await?;
        Ok(tx.commit().await?)
    }

    fn process(&self) -> &str {
        self.db.process()
    }

    async fn is_gone(&self, process: &str) -> Result<bool> {
        self.db.is_gone(process).await
    }

    async fn promotions_in(&self, tenant: &TenantId, state: &str) -> Result<Vec<Promotion>> {
        let found = sqlx::query(IN_STATE).bind(tenant.as_str()).bind(state).fetch_all(self.db.reader()).await?;
        found.iter().map(|row| row.json("body")).collect()
    }

    async fn reigns(&self, tenant: &TenantId, model: &ModelName, slot: &Slot) -> Result<Vec<Reign>> {
        let found = sqlx::query(REIGNS)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(slot.to_string())
            .fetch_all(self.db.reader())
            .await?;
        found.iter().map(reign).collect()
    }

    async fn reigned_at(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        number: VersionNumber,
        generation: u64,
    ) -> Result<bool> {
        let row = sqlx::query(REIGNED_AT)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(rows::column(number.get()))
            .bind(rows::column(generation))
            .fetch_optional(self.db.reader())
            .await?;
        Ok(row.is_some())
    }
}

/// One champion's move inside a commit.
struct Step {
    model: ModelName,
    slot: Slot,
    from: u64,
    to: Option<VersionNumber>,
}

/// The moves of a promotion: upstream members first, the version it is about last.
fn steps(promotion: &Promotion) -> Result<Vec<Step>> {
    let corrupt = |error: lineal_kernel::FieldError| StoreError::corrupt(error.to_string());
    let slot = Slot::parse(&promotion.slot).map_err(corrupt)?;
    let members = promotion.members.iter().map(|member| (&member.model, member.from_number, member.to_number));
    let head = (&promotion.model, promotion.from_number, promotion.to_number);
    let steps = members.chain([head]).map(|(model, from, to)| {
        let model = ModelName::new(model).map_err(corrupt)?;
        Ok(Step { model, slot: slot.clone(), from, to: VersionNumber::new(to).ok() })
    });
    steps.collect()
}

impl Step {
    /// The champion as it stands; `Conflict` if someone else has moved it.
    async fn compare(&self, tx: &mut Connection, tenant: &TenantId) -> Result<Option<Alias>> {
        let found = aliases::get(tx, tenant, &self.model, &self.slot, &AliasName::champion()).await?;
        let number = found.as_ref().map_or(0, |alias| alias.number.get());
        if number == self.from { Ok(found) } else { Err(StoreError::Conflict) }
    }

    /// Ends one reign and begins the next, in the history and in the alias.
    async fn take(
        &self,
        tx: &mut Connection,
        tenant: &TenantId,
        champion: Option<Alias>,
        kind: PromotionKind,
        generation: u64,
        now: Timestamp,
    ) -> Result<()> {
        sqlx::query(END_REIGN)
            .bind(tenant.as_str())
            .bind(self.model.as_str())
            .bind(self.slot.to_string())
            .bind(rows::column(generation))
            .bind(kind.word())
            .bind(now.micros())
            .execute(&mut *tx)
            .await?;
        let Some(number) = self.to else { return self.remove(tx, tenant).await };
        sqlx::query(BEGIN_REIGN)
            .bind(tenant.as_str())
            .bind(self.model.as_str())
            .bind(self.slot.to_string())
            .bind(rows::column(generation))
            .bind(rows::column(number.get()))
            .bind(now.micros())
            .execute(&mut *tx)
            .await?;
        let base_revision = champion.map_or(0, |alias| alias.revision);
        let alias = Alias {
            model: self.model.clone(),
            slot: self.slot.clone(),
            name: AliasName::champion(),
            number,
            generation,
            revision: base_revision + 1,
            updated: now,
        };
        aliases::put(tx, tenant, &alias, base_revision).await
    }

    async fn remove(&self, tx: &mut Connection, tenant: &TenantId) -> Result<()> {
        sqlx::query(REMOVE_ALIAS)
            .bind(tenant.as_str())
            .bind(self.model.as_str())
            .bind(self.slot.to_string())
            .execute(tx)
            .await?;
        Ok(())
    }
}

async fn insert(tx: &mut Connection, tenant: &TenantId, promotion: &Promotion) -> Result<()> {
    sqlx::query(INSERT)
        .bind(tenant.as_str())
        .bind(&promotion.promotion_id)
        .bind(&promotion.model)
        .bind(&promotion.slot)
        .bind(promotion.state.word())
        .bind(rows::column(promotion.generation))
        .bind(rows::json(promotion)?)
        .execute(tx)
        .await?;
    Ok(())
}

/// Writes a promotion that is still in state `base`; `Conflict` otherwise.
async fn update(tx: &mut Connection, tenant: &TenantId, promotion: &Promotion, base: PromotionState) -> Result<()> {
    let written = sqlx::query(UPDATE)
        .bind(tenant.as_str())
        .bind(&promotion.promotion_id)
        .bind(promotion.state.word())
        .bind(rows::column(promotion.generation))
        .bind(rows::json(promotion)?)
        .bind(base.word())
        .execute(tx)
        .await?;
    if written.rows_affected() == 0 {
        return Err(StoreError::Conflict);
    }
    Ok(())
}

/// A version's times as champion, latest first.
pub(super) async fn reigns_of(
    tx: &mut Connection,
    tenant: &TenantId,
    model: &ModelName,
    number: VersionNumber,
) -> Result<Vec<Reign>> {
    let found = sqlx::query(REIGNS_OF)
        .bind(tenant.as_str())
        .bind(model.as_str())
        .bind(rows::column(number.get()))
        .fetch_all(tx)
        .await?;
    found.iter().map(reign).collect()
}

pub(super) fn reign(row: &DbRow) -> Result<Reign> {
    let to_generation: Option<i64> = row.try_get("to_generation")?;
    let ended_by: Option<String> = row.try_get("ended_by")?;
    let ended: Option<i64> = row.try_get("ended_us")?;
    Ok(Reign {
        model: row.parsed("model")?,
        slot: row.slot()?,
        number: VersionNumber::new(row.number("number")?).map_err(|error| StoreError::corrupt(error.problem))?,
        from_generation: row.number("from_generation")?,
        to_generation: to_generation.map(i64::unsigned_abs),
        ended_by: ended_by.map(|word| word.parse()).transpose().map_err(|error: String| StoreError::corrupt(error))?,
        started: row.moment("started_us")?,
        ended: ended.map(Timestamp::from_micros),
    })
}
