//! The stories of promotions.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::TenantId;

use super::{
    Connection, Store, promotions,
    rows::{self, Read},
};
use crate::{
    domain::{promotion::Promotion, story::PromotionEvent},
    store::{Result, StoryStore},
};

const INSERT: &str = "INSERT INTO promotion_events (tenant, promotion_id, sequence, body) VALUES ($1, $2, $3, $4)";
const LAST: &str = "SELECT MAX(sequence) FROM promotion_events WHERE tenant = $1 AND promotion_id = $2";
const AFTER: &str = "SELECT body FROM promotion_events WHERE tenant = $1 AND promotion_id = $2 AND sequence > $3 \
     ORDER BY sequence";

#[async_trait]
impl StoryStore for Store {
    async fn tell(&self, tenant: &TenantId, promotion_id: &str, news: &[PromotionEvent]) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let found = promotions::get(&mut tx, tenant, promotion_id).await?;
        if !found.is_some_and(|promotion| promotion.under_way) {
            return Err(StoreError::Conflict);
        }
        append(&mut tx, tenant, promotion_id, news).await?;
        Ok(tx.commit().await?)
    }

    async fn story(
        &self,
        tenant: &TenantId,
        promotion_id: &str,
        sequence: u64,
    ) -> Result<Option<(Promotion, Vec<PromotionEvent>)>> {
        let mut tx = self.db.snapshot().await?;
        let Some(promotion) = promotions::get(&mut tx, tenant, promotion_id).await? else { return Ok(None) };
        let found = sqlx::query(AFTER)
            .bind(tenant.as_str())
            .bind(promotion_id)
            .bind(rows::column(sequence))
            .fetch_all(&mut *tx)
            .await?;
        let mut events: Vec<PromotionEvent> = Vec::new();
        for row in &found {
            events.extend(row.json::<Vec<_>>("body")?);
        }
        events.retain(|event| event.sequence > sequence);
        Ok(Some((promotion, events)))
    }
}

/// Adds the events that are not there yet. A write whose answer was lost may have brought some of them.
pub(super) async fn append(
    tx: &mut Connection,
    tenant: &TenantId,
    promotion_id: &str,
    news: &[PromotionEvent],
) -> Result<()> {
    let last: Option<i64> =
        sqlx::query_scalar(LAST).bind(tenant.as_str()).bind(promotion_id).fetch_one(&mut *tx).await?;
    let last = last.unwrap_or(0).unsigned_abs();
    let news: Vec<_> = news.iter().filter(|event| event.sequence > last).collect();
    let Some(newest) = news.last() else { return Ok(()) };
    sqlx::query(INSERT)
        .bind(tenant.as_str())
        .bind(promotion_id)
        .bind(rows::column(newest.sequence))
        .bind(rows::json(&news)?)
        .execute(tx)
        .await?;
    Ok(())
}
