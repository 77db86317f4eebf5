//! Promotions, rollbacks and demotions: what is asked and decided. `moves` carries the decisions out.

use lineal_db::StoreError;
use lineal_kernel::{AliasName, Caller, ModelName, PageRequest, Slot, VersionNumber};

use super::{checks::Pace, requests::request};
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        chains::Member,
        error::RegistryError,
        lineage::Recipe,
        moves::{Demote, Promote, Rollback},
        promotion::{CancelPromotion, Promotion, PromotionFilter, PromotionKind, Skipped},
        reign::{self, Reign},
        version::VersionView,
    },
    store::Page,
};

/// The audit's word for the end of a promotion before its commit.
const CANCEL: &str = "cancel_promotion";

/// What a promotion would do.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) from: Option<VersionNumber>,
    pub(crate) to: VersionNumber,
    pub(crate) generation: u64,
    pub(crate) replicas: Vec<String>,
    pub(crate) blockers: Vec<String>,
    pub(crate) recipe: Recipe,
    pub(crate) members: Vec<Member>,
}

impl Registry {
    /// Says what `promote` would do, and changes nothing.
    pub(crate) async fn plan_promotion(&self, caller: &Caller, wish: &Promote) -> Result<Plan, RegistryError> {
        let candidate = self.version(caller, &wish.model, wish.number).await?;
        let from = self.champion(caller, &wish.model, &wish.slot).await?;
        let replicas = self.live_replicas(caller).await?;
        let mut blockers = Vec::new();
        blockers.extend(wish.decide(&candidate, from).err().map(|error| error.to_string()));
        blockers.extend(
            self.verify_bundle(candidate.version.digest, Pace::Fast).await.err().map(|error| error.to_string()),
        );
        let chain = self.chain_move(caller, &wish.model, &wish.slot, Some(&candidate)).await;
        let members = match chain {
            Ok(chain) => {
                let sound =
                    |member: &VersionView| member.untainted().and_then(|()| member.unsampled(wish.allow_sampled));
                let used = chain.pinned.iter().chain(&chain.upstreams);
                let unsound = used.filter_map(|member| sound(member).err());
                blockers.extend(unsound.map(|error| error.to_string()));
                chain.members
            }
            Err(error) => {
                blockers.push(error.to_string());
                Vec::new()
            }
        };
        Ok(Plan {
            from,
            to: wish.number,
            generation: self.store.generation(&caller.tenant).await? + 1,
            replicas: replicas.into_iter().map(|replica| replica.name.to_string()).collect(),
            blockers,
            recipe: candidate.version.lineage.recipe,
            members,
        })
    }

    /// Makes a validated version champion.
    pub(crate) async fn promote(&self, caller: &Caller, wish: Promote) -> Result<Promotion, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if let Some(id) = self.replayed(caller, PromotionKind::Promote.word(), &request).await? {
            return self.promotion(caller, &id).await;
        }
        let candidate = self.version(caller, &wish.model, wish.number).await?;
        let champion = self.champion(caller, &wish.model, &wish.slot).await?;
        let decided = wish.decide(&candidate, champion);
        let attempt = AuditEntry::new(caller, self.clock.now(), PromotionKind::Promote.word());
        let attempt = attempt.about(&wish.model, &wish.slot, Some(wish.number)).request(request);
        self.carry_out(caller, decided, attempt).await
    }

    /// Brings back an earlier champion.
    pub(crate) async fn rollback(&self, caller: &Caller, wish: Rollback) -> Result<Promotion, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if let Some(id) = self.replayed(caller, PromotionKind::Rollback.word(), &request).await? {
            return self.promotion(caller, &id).await;
        }
        self.model(caller, &wish.model).await?;
        let reigns = self.store.reigns(&caller.tenant, &wish.model, &wish.slot).await?;
        let from = reign::champion(&reigns);
        let chosen = self.choose(caller, &wish, &reigns).await;
        let attempt = AuditEntry::new(caller, self.clock.now(), PromotionKind::Rollback.word());
        let attempt = attempt.about(&wish.model, &wish.slot, wish.number).request(request);
        match chosen {
            Ok((to, skipped)) => self.carry_out(caller, Ok(wish.to(from, Some(to), skipped)), attempt).await,
            Err(error) => {
                let skipped = match &error {
                    RegistryError::NoRollbackCandidate { tried, .. } => tried.clone(),
                    _ => Vec::new(),
                };
                self.turn_away(caller, &wish.to(from, None, skipped), attempt, error).await
            }
        }
    }

    /// The version to go back to: the first candidate that has not failed and whose files, and those of the versions it uses, are whole now; and the
    /// candidates before it. A version that was named is taken or refused.
    async fn choose(
        &self,
        caller: &Caller,
        wish: &Rollback,
        reigns: &[Reign],
    ) -> Result<(VersionNumber, Vec<Skipped>), RegistryError> {
        let mut tried = Vec::new();
        for number in wish.candidates(reigns)? {
            match self.check_chain(caller, &wish.model, number).await {
                Ok(()) => return Ok((number, tried)),
                Err((reason, error)) if error.rules_out() && wish.number.is_none() => {
                    tried.push(Skipped { number: number.get(), reason });
                }
                Err((_, error)) => return Err(error),
            }
        }
        Err(RegistryError::NoRollbackCandidate { model: wish.model.clone(), tried })
    }

    /// Empties a slot.
    pub(crate) async fn demote(&self, caller: &Caller, wish: Demote) -> Result<Promotion, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if let Some(id) = self.replayed(caller, PromotionKind::Demote.word(), &request).await? {
            return self.promotion(caller, &id).await;
        }
        self.model(caller, &wish.model).await?;
        let champion = self.champion(caller, &wish.model, &wish.slot).await?;
        let decided = wish.decide(champion);
        let attempt = AuditEntry::new(caller, self.clock.now(), PromotionKind::Demote.word());
        let attempt = attempt.about(&wish.model, &wish.slot, champion).request(request);
        self.carry_out(caller, decided, attempt).await
    }

    /// Ends a promotion before its commit. Whichever process carries it notices: at the next look, or when it commits.
    pub(crate) async fn cancel_promotion(
        &self,
        caller: &Caller,
        wish: CancelPromotion,
    ) -> Result<Promotion, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if let Some(id) = self.replayed(caller, CANCEL, &request).await? {
            return self.promotion(caller, &id).await;
        }
        let cancelled = self.promotion(caller, &wish.promotion_id).await?.cancelled(&caller.actor, &wish.reason)?;
        let entry = AuditEntry::new(caller, self.clock.now(), CANCEL)
            .about(
                &cancelled.model.parse()?,
                &Slot::parse(&cancelled.slot)?,
                VersionNumber::new(cancelled.to_number).ok(),
            )
            .detail(wish.reason.as_str())
            .request(request.clone());
        match self.store.end_promotion(&caller.tenant, &cancelled, &entry, &[]).await {
            Ok(()) => return Ok(cancelled),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(id) = self.replayed(caller, CANCEL, &request).await? {
            return self.promotion(caller, &id).await;
        }
        // It ended in between, and says how.
        let found = self.promotion(caller, &wish.promotion_id).await?;
        Err(found.cancelled(&caller.actor, "").err().unwrap_or(StoreError::Conflict.into()))
    }

    /// One promotion.
    pub(crate) async fn promotion(&self, caller: &Caller, promotion_id: &str) -> Result<Promotion, RegistryError> {
        let found = self.store.promotion(&caller.tenant, promotion_id).await?;
        found.ok_or_else(|| RegistryError::PromotionNotFound { promotion_id: promotion_id.to_owned() })
    }

    /// Promotions that pass a filter, newest first.
    pub(crate) async fn promotions(
        &self,
        caller: &Caller,
        filter: &PromotionFilter,
        page: &PageRequest,
    ) -> Result<Page<Promotion>, RegistryError> {
        Ok(self.store.promotions(&caller.tenant, filter, page).await?)
    }

    /// The recipe that came with the champion of a slot. It is read off the champion itself, so a rollback restores it too.
    pub(crate) async fn defaults(
        &self,
        caller: &Caller,
        model: &ModelName,
        slot: &Slot,
    ) -> Result<Recipe, RegistryError> {
        let champion = self.alias(caller, model, slot, &AliasName::champion()).await?;
        Ok(self.version(caller, model, champion.alias.number).await?.version.lineage.recipe)
    }
}
