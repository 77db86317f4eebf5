//! Watching new champions through their bake time, and going back where one fails.

use std::collections::BTreeMap;

use lineal_kernel::{AliasName, Caller, ModelName, RequestId, Slot, Timestamp, VersionNumber};

use crate::{
    Registry,
    domain::{
        bake::{Bake, BakeState, Finding, verdict_since},
        error::RegistryError,
        moves::Rollback,
        promotion::{Promotion, PromotionKind, Trigger},
    },
};

impl Registry {
    /// Looks at every champion that is watched by this process, or by one that is gone.
    pub(crate) async fn watch_bakes(&self, caller: &Caller) -> Result<(), RegistryError> {
        for (promotion, bake) in self.store.baking(&caller.tenant).await? {
            if promotion.process != self.store.process() && !self.store.is_gone(&promotion.process).await? {
                continue;
            }
            if let Some(ended) = self.look(caller, &promotion, bake).await? {
                self.store.end_bake(&caller.tenant, &ended).await?;
                tracing::info!(promotion_id = %promotion.promotion_id, state = ended.state.word(), problem = %ended.problem, "the bake time is over");
            }
        }
        Ok(())
    }

    /// How the bake time ended, if it has. A stop between a rollback and this note of it is made up for here: the rollback is
    /// found by its key, and not made twice.
    async fn look(&self, caller: &Caller, promotion: &Promotion, bake: Bake) -> Result<Option<Bake>, RegistryError> {
        let key = RequestId::new(&format!("bake-{}", promotion.promotion_id))?;
        let made = self.store.recorded(&caller.tenant, PromotionKind::Rollback.word(), key.as_str()).await?;
        if let Some(made) = made {
            let rollback = self.promotion(caller, &made.subject).await?;
            return Ok(Some(Bake {
                state: BakeState::RolledBack,
                problem: rollback.reason,
                rollback_id: made.subject,
                ..bake
            }));
        }
        let (model, slot) = (ModelName::new(&promotion.model)?, Slot::parse(&promotion.slot)?);
        let champion = self.store.alias(&caller.tenant, &model, &slot, &AliasName::champion()).await?;
        if champion.is_none_or(|champion| champion.generation != promotion.generation) {
            return Ok(Some(Bake { state: BakeState::Superseded, ..bake }));
        }
        match self.judge(caller, promotion, &bake, &model).await? {
            Finding::Sound => Ok(None),
            Finding::Over => Ok(Some(Bake { state: BakeState::Baked, ..bake })),
            Finding::Failing { reason, evidence } => {
                let wish = Rollback {
                    model,
                    slot,
                    number: None,
                    expected: Some(promotion.to_number),
                    policy: promotion.policy,
                    prepare_timeout: None,
                    reason,
                    trigger: Trigger::Bake,
                    evidence,
                    request_id: key,
                };
                self.give_up(caller, wish, bake).await.map(Some)
            }
        }
    }

    async fn judge(
        &self,
        caller: &Caller,
        promotion: &Promotion,
        bake: &Bake,
        model: &ModelName,
    ) -> Result<Finding, RegistryError> {
        let Some(plan) = promotion.bake else { return Ok(Finding::Over) };
        let number = VersionNumber::new(promotion.to_number)?;
        let view = self.version(caller, model, number).await?;
        let commit = Timestamp::from_micros(promotion.committed_us.unwrap_or(promotion.created_us));
        let usage = self.store.usage(&caller.tenant, model, &[number]).await?;
        let totals = usage.get(&number).copied().unwrap_or_default();
        Ok(plan.judge(bake, &totals, verdict_since(&view, &promotion.slot, commit), self.clock.now()))
    }

    /// Rolls back. If that is refused, people have to decide: trying on would only repeat the refusal.
    async fn give_up(&self, caller: &Caller, wish: Rollback, bake: Bake) -> Result<Bake, RegistryError> {
        let problem = wish.reason.clone();
        match self.rollback(caller, wish).await {
            Ok(rollback) => {
                let rollback_id = rollback.promotion_id;
                Ok(Bake { state: BakeState::RolledBack, problem, rollback_id, ..bake })
            }
            Err(error) if error.is_refusal() => {
                Ok(Bake { state: BakeState::Stuck, problem: format!("{problem}; no rollback: {error}"), ..bake })
            }
            Err(error) => Err(error),
        }
    }

    /// The bake times of promotions that have one.
    pub(crate) async fn bakes(
        &self,
        caller: &Caller,
        promotions: &[Promotion],
    ) -> Result<BTreeMap<String, Bake>, RegistryError> {
        let with = promotions.iter().filter(|promotion| promotion.bake.is_some());
        let ids: Vec<String> = with.map(|promotion| promotion.promotion_id.clone()).collect();
        Ok(self.store.bakes(&caller.tenant, &ids).await?)
    }
}
