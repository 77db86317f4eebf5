//! Model cards.

use async_trait::async_trait;
use lineal_kernel::{ModelName, TenantId, VersionNumber};

use super::{
    Store, history,
    lineage::name,
    rows::{self, Read},
};
use crate::domain::history::Tenure;
use crate::store::{CardRecord, CardStore, Result};

const UNCARDED: &str = "SELECT r.*, p.body FROM reigns r \
     JOIN promotions p ON p.tenant = r.tenant AND p.generation = r.from_generation \
     WHERE r.tenant = $1 AND NOT EXISTS (SELECT 1 FROM model_cards c WHERE c.tenant = r.tenant AND c.model = r.model \
     AND c.slot = r.slot AND c.from_generation = r.from_generation) \
     ORDER BY r.from_generation DESC LIMIT $2";
const INSERT: &str = "INSERT INTO model_cards (tenant, model, slot, from_generation, number, facts, text) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, model, slot, from_generation) DO NOTHING";
const GET: &str = "SELECT * FROM model_cards WHERE tenant = $1 AND model = $2 AND number = $3 \
     ORDER BY from_generation DESC LIMIT 1";

#[async_trait]
impl CardStore for Store {
    async fn uncarded(&self, tenant: &TenantId, limit: u32) -> Result<Vec<Tenure>> {
        let found =
            sqlx::query(UNCARDED).bind(tenant.as_str()).bind(i64::from(limit)).fetch_all(self.db.reader()).await?;
        found.iter().map(history::tenure).collect()
    }

    async fn record_card(&self, tenant: &TenantId, card: &CardRecord) -> Result<()> {
        let mut tx = self.db.begin().await?;
        sqlx::query(INSERT)
            .bind(tenant.as_str())
            .bind(card.model.as_str())
            .bind(card.slot.to_string())
            .bind(rows::column(card.generation))
            .bind(rows::column(card.number.get()))
            .bind(card.facts.to_string())
            .bind(card.text.to_string())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn card(&self, tenant: &TenantId, model: &ModelName, number: VersionNumber) -> Result<Option<CardRecord>> {
        let row = sqlx::query(GET)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(rows::column(number.get()))
            .fetch_optional(self.db.reader())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (model, number) = name(&row, "model", "number")?;
        Ok(Some(CardRecord {
            model,
            slot: row.slot()?,
            number,
            generation: row.number("from_generation")?,
            facts: row.parsed("facts")?,
            text: row.parsed("text")?,
        }))
    }
}
