//! What nobody carries any more: ended here, by one process at a time.

use std::time::Duration;

use lineal_db::StoreError;
use lineal_kernel::{Caller, Slot, VersionNumber};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        error::RegistryError,
        promotion::{Promotion, PromotionState},
    },
};

/// How often.
const RECONCILE: Duration = Duration::from_secs(2);

impl Registry {
    /// Does what nobody asks for again and again until `shutdown`, which also ends the streams of those who watch.
    pub async fn reconcile(&self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(RECONCILE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = self.reconcile_once().await {
                tracing::warn!(%error, "could not look after what others left; trying again");
            }
        }
        self.stopping.cancel();
    }

    /// Looks after promotions, watches new champions and tidies up.
    pub async fn reconcile_once(&self) -> Result<(), RegistryError> {
        self.look_after_promotions().await?;
        let caller = Caller::service("registry");
        self.watch_bakes(&caller).await?;
        self.fold_usage(&caller).await?;
        self.drop_performance().await
    }

    /// Cancels what was left before its commit, ends what was left after it, marks what has converged, and makes the model cards
    /// that are missing. Does nothing while
    /// another process is at it.
    pub async fn look_after_promotions(&self) -> Result<(), RegistryError> {
        let Some(_turn) = self.store.reconciler().await? else { return Ok(()) };
        let caller = Caller::service("registry");
        self.recover(&caller).await?;
        self.converge(&caller).await?;
        self.make_cards(&caller).await
    }

    /// Cancels what is preparing in nobody's hands: its alias has not moved.
    pub(crate) async fn recover(&self, caller: &Caller) -> Result<(), RegistryError> {
        for mut promotion in self.abandoned(caller, PromotionState::Preparing).await? {
            promotion.state = PromotionState::Cancelled;
            promotion.under_way = false;
            "the registry stopped before the commit".clone_into(&mut promotion.refusal);
            let model = promotion.model.parse()?;
            let slot = Slot::parse(&promotion.slot)?;
            let entry = AuditEntry::new(caller, self.clock.now(), promotion.kind.word())
                .about(&model, &slot, VersionNumber::new(promotion.to_number).ok())
                .refused(promotion.refusal.as_str());
            match self.store.end_promotion(&caller.tenant, &promotion, &entry, &[]).await {
                Ok(()) => {}
                Err(StoreError::Conflict) => continue,
                Err(error) => return Err(error.into()),
            }
            tracing::warn!(promotion_id = %promotion.promotion_id, "cancelled a promotion that was left before its commit");
        }
        Ok(())
    }

    /// Ends the calls that were left after the commit, and marks promotions converged once every live replica serves their
    /// generation.
    async fn converge(&self, caller: &Caller) -> Result<(), RegistryError> {
        let committed = self.abandoned(caller, PromotionState::Committed).await?;
        if committed.is_empty() {
            return Ok(());
        }
        let served = self.live_replicas(caller).await?.iter().map(|replica| replica.generation).min();
        for mut promotion in committed {
            let converged = served.is_some_and(|served| promotion.generation <= served);
            if !converged && !promotion.under_way {
                continue;
            }
            promotion.under_way = false;
            if converged {
                promotion.state = PromotionState::Converged;
                promotion.converged_us = Some(self.clock.now().micros());
            }
            let base = PromotionState::Committed;
            match self.store.record_outcomes(&caller.tenant, &promotion, base, &[]).await {
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Promotions in this state that no process carries: their calls are answered, or their process is gone, or it lost its
    /// database at the wrong moment.
    async fn abandoned(&self, caller: &Caller, state: PromotionState) -> Result<Vec<Promotion>, RegistryError> {
        let mut abandoned = Vec::new();
        for promotion in self.store.promotions_in(&caller.tenant, state.word()).await? {
            if promotion.under_way && self.is_carried(&promotion).await? {
                continue;
            }
            if !promotion.under_way && state == PromotionState::Committed {
                abandoned.push(promotion);
                continue;
            }
            // What was read before its carrier let go may be older than what that wrote last.
            let found = self.store.promotion(&caller.tenant, &promotion.promotion_id).await?;
            abandoned.extend(found.filter(|found| found.state == state));
        }
        Ok(abandoned)
    }

    async fn is_carried(&self, promotion: &Promotion) -> Result<bool, RegistryError> {
        if promotion.process == self.store.process() {
            return Ok(self.carried.holds(&promotion.promotion_id));
        }
        Ok(!self.store.is_gone(&promotion.process).await?)
    }
}
