//! Comparisons of candidates with champions.

use async_trait::async_trait;
use lineal_db::StoreError;
use lineal_kernel::{FieldError, ModelName, PageRequest, TenantId, VersionNumber};
use serde::{Deserialize, Serialize};

use super::{
    DbRow, Store, audit,
    rows::{self, Read},
};
use crate::{
    domain::{
        audit::AuditEntry,
        comparison::{Comparison, Outcome, Pair},
    },
    store::{ComparisonStore, Page, Result},
};

const INSERT: &str = "INSERT INTO comparisons (tenant, comparison_id, model, candidate_number, champion_number, \
     report_id, body, created_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const GET: &str = "SELECT * FROM comparisons WHERE tenant = $1 AND comparison_id = $2";
const LIST: &str = "SELECT * FROM comparisons WHERE tenant = $1 AND model = $2 \
     AND ($3 = 0 OR candidate_number = $3) AND ($4 = 0 OR champion_number = $4) \
     AND ($5 = '' OR comparison_id < $5) ORDER BY comparison_id DESC LIMIT $6";

/// The part of a comparison that nobody looks for.
#[derive(Serialize, Deserialize)]
struct Body {
    outcome: Outcome,
    actor: String,
}

#[async_trait]
impl ComparisonStore for Store {
    async fn record_comparison(&self, tenant: &TenantId, comparison: &Comparison, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let body = Body { outcome: comparison.outcome.clone(), actor: comparison.actor.clone() };
        sqlx::query(INSERT)
            .bind(tenant.as_str())
            .bind(&comparison.comparison_id)
            .bind(comparison.model.as_str())
            .bind(rows::column(comparison.candidate.get()))
            .bind(rows::column(comparison.champion.get()))
            .bind(&comparison.report_id)
            .bind(rows::json(&body)?)
            .bind(comparison.created.micros())
            .execute(&mut *tx)
            .await?;
        audit::append(&mut tx, entry, 0, &comparison.comparison_id).await?;
        Ok(tx.commit().await?)
    }

    async fn comparison(&self, tenant: &TenantId, comparison_id: &str) -> Result<Option<Comparison>> {
        let row = sqlx::query(GET).bind(tenant.as_str()).bind(comparison_id).fetch_optional(self.db.reader()).await?;
        row.as_ref().map(comparison).transpose()
    }

    async fn comparisons(
        &self,
        tenant: &TenantId,
        model: &ModelName,
        pair: Pair,
        page: &PageRequest,
    ) -> Result<Page<Comparison>> {
        let number = |number: Option<VersionNumber>| number.map_or(0, |number| rows::column(number.get()));
        let found = sqlx::query(LIST)
            .bind(tenant.as_str())
            .bind(model.as_str())
            .bind(number(pair.candidate))
            .bind(number(pair.champion))
            .bind(rows::after(page))
            .bind(rows::limit(page))
            .fetch_all(self.db.reader())
            .await?;
        let comparisons = found.iter().map(comparison).collect::<Result<_>>()?;
        Ok(rows::page(comparisons, page, |comparison: &Comparison| comparison.comparison_id.clone()))
    }
}

fn comparison(row: &DbRow) -> Result<Comparison> {
    let corrupt = |error: FieldError| StoreError::corrupt(error.problem);
    let Body { outcome, actor } = row.json("body")?;
    Ok(Comparison {
        comparison_id: row.text("comparison_id")?,
        model: row.parsed("model")?,
        candidate: VersionNumber::new(row.number("candidate_number")?).map_err(corrupt)?,
        champion: VersionNumber::new(row.number("champion_number")?).map_err(corrupt)?,
        report_id: row.text("report_id")?,
        outcome,
        actor,
        created: row.moment("created_us")?,
    })
}
