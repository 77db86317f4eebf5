//! Moves of champions.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{ModelName, PageRequest, Slot, TenantId, Timestamp, VersionNumber};
use sqlx::Row;

use super::{
    Connection, DbRow, Store, audit, bakes, blocks, commits,
    rows::{self, Read},
    stories,
};
use crate::{
    domain::{
        audit::AuditEntry,
        promotion::{Promotion, PromotionFilter, PromotionKind, PromotionState},
        reign::Reign,
        story::{Happening, PromotionEvent},
    },
    failpoints::stop_here,
    store::{CommitError, Page, PromotionStore, Result, Turn},
};

/// Promotions and the card of the champion that each made.
const GET: &str = "SELECT p.body, c.facts FROM promotions p LEFT JOIN model_cards c \
     ON c.tenant = p.tenant AND c.model = p.model AND c.slot = p.slot AND c.from_generation = p.generation \
     WHERE p.tenant = $1 AND p.promotion_id = $2";
const OF_REQUEST: &str = "SELECT p.body, c.facts FROM promotions p LEFT JOIN model_cards c \
     ON c.tenant = p.tenant AND c.model = p.model AND c.slot = p.slot AND c.from_generation = p.generation \
     WHERE p.tenant = $1 AND p.request_id = $2 ORDER BY p.promotion_id DESC LIMIT 1";
const LIST: &str = "SELECT p.body, c.facts FROM promotions p LEFT JOIN model_cards c \
     ON c.tenant = p.tenant AND c.model = p.model AND c.slot = p.slot AND c.from_generation = p.generation \
     WHERE p.tenant = $1 AND ($2 IS NULL OR p.model = $2) AND ($3 IS NULL OR p.kind = $3) \
     AND ($4 IS NULL OR p.state = $4) AND ($5 = '' OR p.promotion_id < $5) ORDER BY p.promotion_id DESC LIMIT $6";
const IN_STATE: &str = "SELECT body FROM promotions WHERE tenant = $1 AND state = $2 ORDER BY promotion_id";
const INSERT: &str = "INSERT INTO promotions (tenant, promotion_id, model, slot, state, generation, body, request_id) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const UPDATE: &str = "UPDATE promotions SET state = $3, generation = $4, body = $5 \
     WHERE tenant = $1 AND promotion_id = $2 AND state = $6";
const REIGNS: &str =
    "SELECT * FROM reigns WHERE tenant = $1 AND model = $2 AND slot = $3 ORDER BY from_generation DESC";
/// Champions have reigns; where other aliases pointed is in the audit.
const SERVED_AT: &str = "SELECT 1 FROM generations g WHERE g.tenant = $1 AND $4 BETWEEN 1 AND g.generation AND (EXISTS \
     (SELECT 1 FROM reigns r WHERE r.tenant = $1 AND r.model = $2 AND r.number = $3 \
     AND r.from_generation <= $4 AND (r.to_generation IS NULL OR r.to_generation > $4)) OR EXISTS \
     (SELECT 1 FROM audit a WHERE a.tenant = $1 AND a.model = $2 AND a.number = $3 \
     AND a.action = 'set_alias' AND a.done AND a.generation <= $4 AND NOT EXISTS \
     (SELECT 1 FROM audit b WHERE b.tenant = $1 AND b.model = $2 AND b.slot = a.slot AND b.detail = a.detail \
     AND b.action = 'set_alias' AND b.done AND b.sequence > a.sequence AND b.generation <= $4)))";

#[async_trait]
impl PromotionStore for Store {
    async fn promotion(&self, tenant: &TenantId, promotion_id: &str) -> Result<Option<Promotion>> {
        let mut connection = self.db.reader().acquire().await?;
        get(&mut connection, tenant, promotion_id).await
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
        let promotions = found.iter().map(promotion).collect::<Result<_>>()?;
        Ok(rows::page(promotions, page, |promotion: &Promotion| promotion.promotion_id.clone()))
    }

    async fn promotion_of_request(&self, tenant: &TenantId, request_id: &str) -> Result<Option<Promotion>> {
        let row =
            sqlx::query(OF_REQUEST).bind(tenant.as_str()).bind(request_id).fetch_optional(self.db.reader()).await?;
        row.as_ref().map(promotion).transpose()
    }

    async fn begin_promotion(&self, tenant: &TenantId, promotion: &Promotion, news: &[PromotionEvent]) -> Result<()> {
        let mut tx = self.db.begin().await?;
        insert(&mut tx, tenant, promotion).await?;
        stories::append(&mut tx, tenant, &promotion.promotion_id, news).await?;
        Ok(tx.commit().await?)
    }

    async fn refuse_promotion(&self, tenant: &TenantId, promotion: &Promotion, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        insert(&mut tx, tenant, promotion).await?;
        audit::append(&mut tx, entry, 0, &promotion.promotion_id).await?;
        Ok(tx.commit().await?)
    }

    async fn commit_promotion(
        &self,
        tenant: &TenantId,
        promotion: &Promotion,
        entries: &[AuditEntry],
        news: &[PromotionEvent],
    ) -> std::result::Result<u64, CommitError> {
        let mut tx = self.db.begin().await?;
        stop_here!("locked");
        let generation = commits::commit(&mut tx, tenant, promotion).await?;
        let committed = Promotion { state: PromotionState::Committed, generation, ..promotion.clone() };
        update(&mut tx, tenant, &committed, PromotionState::Preparing).await?;
        stories::append(&mut tx, tenant, &promotion.promotion_id, &dated(news, generation)).await?;
        let now = Timestamp::from_micros(committed.committed_us.unwrap_or(committed.created_us));
        if let Some(plan) = committed.bake {
            bakes::begin(&mut tx, tenant, &committed, plan, now).await?;
        }
        blocks::rolled_back(&mut tx, tenant, &committed, now).await?;
        for entry in entries {
            audit::append(&mut tx, entry, generation, &promotion.promotion_id).await?;
        }
        stop_here!("audited");
        tx.commit().await?;
        Ok(generation)
    }

    async fn end_promotion(
        &self,
        tenant: &TenantId,
        promotion: &Promotion,
        entry: &AuditEntry,
        news: &[PromotionEvent],
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        update(&mut tx, tenant, promotion, PromotionState::Preparing).await?;
        stories::append(&mut tx, tenant, &promotion.promotion_id, news).await?;
        audit::append(&mut tx, entry, 0, &promotion.promotion_id).await?;
        Ok(tx.commit().await?)
    }

    async fn record_outcomes(
        &self,
        tenant: &TenantId,
        promotion: &Promotion,
        base: PromotionState,
        news: &[PromotionEvent],
    ) -> Result<()> {
        let mut tx = self.db.begin().await?;
        update(&mut tx, tenant, promotion, base).await?;
        stories::append(&mut tx, tenant, &promotion.promotion_id, news).await?;
        Ok(tx.commit().await?)
    }

    fn process(&self) -> &str {
        self.db.process()
    }

    async fn is_gone(&self, process: &str) -> Result<bool> {
        self.db.is_gone(process).await
    }

    async fn reconciler(&self) -> Result<Option<Turn>> {
        Ok(self.db.sole_reconciler().await?.map(|turn| Box::new(turn) as Turn))
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

    async fn served_at(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        number: VersionNumber,
        generation: u64,
    ) -> Result<bool> {
        let row = sqlx::query(SERVED_AT)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(rows::column(number.get()))
            .bind(rows::column(generation))
            .fetch_optional(self.db.reader())
            .await?;
        Ok(row.is_some())
    }
}

/// One promotion.
pub(super) async fn get(tx: &mut Connection, tenant: &TenantId, promotion_id: &str) -> Result<Option<Promotion>> {
    let row = sqlx::query(GET).bind(tenant.as_str()).bind(promotion_id).fetch_optional(tx).await?;
    row.as_ref().map(promotion).transpose()
}

/// The generation becomes known only inside the commit.
fn dated(news: &[PromotionEvent], generation: u64) -> Vec<PromotionEvent> {
    let mut news = news.to_vec();
    for event in &mut news {
        if let Happening::Committed { generation: unknown } = &mut event.what {
            *unknown = generation;
        }
    }
    news
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
        .bind(&promotion.request_id)
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

fn promotion(row: &DbRow) -> Result<Promotion> {
    let card: Option<&str> = row.try_get("facts")?;
    let card = card.map(|_| row.parsed("facts")).transpose()?;
    Ok(Promotion { card, ..row.json("body")? })
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
