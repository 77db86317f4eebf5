//! Who was champion when.

use async_trait::async_trait;
use lineal_kernel::{ModelName, PageRequest, Slot, TenantId, Timestamp};
use sqlx::Row;

use super::{
    DbRow, Store, promotions,
    rows::{self, Read},
};
use crate::domain::history::{Occupant, Tenure, Vacancy};
use crate::store::{HistoryStore, Page, Result};

/// Reigns of a slot with the move that began each; a generation is made by one move.
const LIST: &str = "SELECT r.*, p.body FROM reigns r \
     JOIN promotions p ON p.tenant = r.tenant AND p.generation = r.from_generation \
     WHERE r.tenant = $1 AND r.model = $2 AND r.slot = $3 AND r.from_generation < $4 \
     ORDER BY r.from_generation DESC LIMIT $5";
const BEGUN_BY: &str = "SELECT r.*, p.body FROM reigns r \
     JOIN promotions p ON p.tenant = r.tenant AND p.generation = r.from_generation \
     WHERE r.tenant = $1 AND r.model = $2 AND r.slot = $3 AND r.started_us <= $4 \
     ORDER BY r.from_generation DESC LIMIT 1";
const NEXT: &str = "SELECT MIN(started_us) AS started_us FROM reigns \
     WHERE tenant = $1 AND model = $2 AND slot = $3 AND started_us > $4";

#[async_trait]
impl HistoryStore for Store {
    async fn occupant(&self, tenant: &TenantId, model: &ModelName, slot: &Slot, moment: Timestamp) -> Result<Occupant> {
        let mut tx = self.db.snapshot().await?;
        let latest = sqlx::query(BEGUN_BY)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(slot.to_string())
            .bind(moment.micros())
            .fetch_optional(&mut *tx)
            .await?;
        let mut since = None;
        if let Some(row) = latest {
            let tenure = tenure(&row)?;
            match tenure.reign.ended.filter(|ended| *ended <= moment) {
                None => return Ok(Occupant::Champion(Box::new(tenure))),
                ended => since = ended,
            }
        }
        let next = sqlx::query(NEXT)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(slot.to_string())
            .bind(moment.micros())
            .fetch_one(&mut *tx)
            .await?;
        let until: Option<i64> = next.try_get("started_us")?;
        Ok(Occupant::Nobody(Vacancy { since, until: until.map(Timestamp::from_micros) }))
    }

    async fn tenures(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        slot: &Slot,
        page: &PageRequest,
    ) -> Result<Page<Tenure>> {
        let found = sqlx::query(LIST)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(slot.to_string())
            .bind(rows::before(page))
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let tenures = found.iter().map(tenure).collect::<Result<_>>()?;
        Ok(rows::page(tenures, page, |tenure: &Tenure| tenure.reign.from_generation.to_string()))
    }
}

pub(super) fn tenure(row: &DbRow) -> Result<Tenure> {
    Ok(Tenure { reign: promotions::reign(row)?, begun_by: row.json("body")? })
}
