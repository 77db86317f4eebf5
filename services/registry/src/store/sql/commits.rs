//! What a commit does: everything that the move was decided on is compared again, then every champion of the chain moves.

use lineal_db::StoreError;
use lineal_kernel::{AliasName, ModelName, Slot, TenantId, Timestamp, Traffic, VersionNumber};

use super::{Connection, aliases, promotions, rows, versions};
use crate::{
    domain::{
        alias::Alias,
        chains::{self, Link},
        promotion::{Promotion, PromotionKind, PromotionState},
        version::VersionState,
    },
    failpoints::stop_here,
    store::CommitError,
};

const REMOVE_ALIAS: &str = "DELETE FROM aliases WHERE tenant = $1 AND model = $2 AND slot = $3 AND name = 'champion'";
const END_REIGN: &str = "UPDATE reigns SET to_generation = $4, ended_by = $5, ended_us = $6 \
     WHERE tenant = $1 AND model = $2 AND slot = $3 AND to_generation IS NULL";
const BEGIN_REIGN: &str = "INSERT INTO reigns (tenant, model, slot, from_generation, number, started_us) \
     VALUES ($1, $2, $3, $4, $5, $6)";

/// Moves the champions of a promotion; returns the generation that this makes.
pub(super) async fn commit(tx: &mut Connection, tenant: &TenantId, promotion: &Promotion) -> Result<u64, CommitError> {
    let found = promotions::get(tx, tenant, &promotion.promotion_id).await?;
    if found.is_none_or(|found| found.state != PromotionState::Preparing) {
        return Err(CommitError::Ended);
    }
    let slot = Slot::parse(&promotion.slot).map_err(|error| StoreError::corrupt(error.to_string()))?;
    let steps = steps(promotion, &slot)?;
    let mut champions = Vec::with_capacity(steps.len());
    for step in &steps {
        champions.push(step.compare(tx, tenant, promotion.kind).await?);
    }
    verdict(tx, tenant, promotion, steps.last()).await?;
    stop_here!("compared");
    let generation = aliases::next_generation(tx, tenant).await?;
    let now = Timestamp::from_micros(promotion.committed_us.unwrap_or(promotion.created_us));
    for (step, champion) in steps.iter().zip(champions) {
        step.take(tx, tenant, champion, promotion.kind, generation, now).await?;
    }
    let served = aliases::served(tx, tenant).await?;
    let champions: Vec<Link> = served.iter().filter(|entry| entry.alias.reigns_in(&slot)).map(Link::from).collect();
    if chains::intact(&champions).is_err() {
        return Err(CommitError::ChainBroken);
    }
    stop_here!("alias_moved");
    Ok(generation)
}

/// A promotion relies on a report, which must still be the last word on the version in this slot.
async fn verdict(
    tx: &mut Connection,
    tenant: &TenantId,
    promotion: &Promotion,
    head: Option<&Step>,
) -> Result<(), CommitError> {
    let (false, Some(step)) = (promotion.report_id.is_empty(), head) else { return Ok(()) };
    let Some(number) = step.to else { return Ok(()) };
    let latest = versions::validations(tx, tenant, &step.model, number).await?;
    let latest = latest.into_iter().find(|validation| validation.slot == promotion.slot);
    match latest.map(|validation| validation.report_id) {
        Some(report_id) if report_id == promotion.report_id => Ok(()),
        found => Err(CommitError::VerdictChanged { found: found.unwrap_or_default() }),
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
fn steps(promotion: &Promotion, slot: &Slot) -> Result<Vec<Step>, StoreError> {
    let corrupt = |error: lineal_kernel::FieldError| StoreError::corrupt(error.to_string());
    let members = promotion.members.iter().map(|member| (&member.model, member.from_number, member.to_number));
    let head = (&promotion.model, promotion.from_number, promotion.to_number);
    let steps = members.chain([head]).map(|(model, from, to)| {
        let model = ModelName::new(model).map_err(corrupt)?;
        Ok(Step { model, slot: slot.clone(), from, to: VersionNumber::new(to).ok() })
    });
    steps.collect()
}

impl Step {
    /// The champion as it stands, unless someone else has moved it or the version that follows may no longer.
    async fn compare(
        &self,
        tx: &mut Connection,
        tenant: &TenantId,
        kind: PromotionKind,
    ) -> Result<Option<Alias>, CommitError> {
        let champion = aliases::get(tx, tenant, &self.model, &self.slot, &AliasName::champion()).await?;
        let found = champion.as_ref().map_or(0, |alias| alias.number.get());
        if found != self.from {
            return Err(CommitError::ChampionMoved { model: self.model.clone(), found });
        }
        if let Some(number) = self.to {
            let (state, tainted) = versions::fitness(tx, tenant, &self.model, number).await?;
            if state == VersionState::Failed {
                return Err(CommitError::VersionFailed { model: self.model.clone(), number });
            }
            if tainted && kind == PromotionKind::Promote {
                return Err(CommitError::VersionTainted { model: self.model.clone(), number });
            }
        }
        Ok(champion)
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
    ) -> Result<(), StoreError> {
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
            traffic: Traffic::None,
            generation,
            revision: base_revision + 1,
            updated: now,
        };
        aliases::put(tx, tenant, &alias, base_revision).await
    }

    async fn remove(&self, tx: &mut Connection, tenant: &TenantId) -> Result<(), StoreError> {
        sqlx::query(REMOVE_ALIAS)
            .bind(tenant.as_str())
            .bind(self.model.as_str())
            .bind(self.slot.to_string())
            .execute(tx)
            .await?;
        Ok(())
    }
}
