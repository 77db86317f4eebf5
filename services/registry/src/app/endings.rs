//! How a move ends that does not commit, and how it is found out whether one did.

use std::time::Duration;

use lineal_db::StoreError;
use lineal_kernel::VersionNumber;

use super::carrying::Carrying;
use crate::{
    domain::{
        audit::AuditEntry,
        error::RegistryError,
        promotion::{Promotion, PromotionState, ReloadPolicy},
    },
    store::CommitError,
};

/// Between two questions to a store that is away.
const PAUSE: Duration = Duration::from_millis(200);

impl Carrying {
    /// Too few replicas prepared it.
    pub(super) async fn refuse_unprepared(self) -> Result<Promotion, RegistryError> {
        let outcomes = &self.promotion.replicas;
        let refusal = match self.promotion.policy {
            ReloadPolicy::Quorum(needed) => {
                let prepared = outcomes.iter().filter(|outcome| outcome.prepared).count();
                RegistryError::QuorumMissed { needed, prepared }
            }
            ReloadPolicy::All | ReloadPolicy::None => {
                let refused = outcomes.iter().filter(|outcome| !outcome.prepared);
                let refusals = refused.map(|outcome| (outcome.replica.clone(), outcome.problem.clone()));
                RegistryError::ReplicaRefused { refusals: refusals.collect() }
            }
        };
        self.refuse(refusal).await
    }

    /// Ends a move that changed nothing.
    async fn refuse(mut self, error: RegistryError) -> Result<Promotion, RegistryError> {
        match self.end(&error.to_string()).await {
            Ok(()) => Err(error.audited()),
            Err(StoreError::Conflict) => self.cancelled().await,
            Err(failure) => {
                // The refusal holds all the same; the reconciler ends the promotion.
                tracing::warn!(promotion_id = %self.promotion.promotion_id, error = %failure, "could not record a refusal");
                Err(error)
            }
        }
    }

    /// Writes down that it changed nothing.
    async fn end(&mut self, why: &str) -> Result<(), StoreError> {
        let ended = Promotion {
            state: PromotionState::Refused,
            refusal: why.to_owned(),
            under_way: false,
            ..self.promotion.clone()
        };
        let (tenant, news) = (&self.caller.tenant, self.story.news());
        self.registry.store.end_promotion(tenant, &ended, &self.refused(why), &news).await
    }

    fn refused(&self, why: &str) -> AuditEntry {
        AuditEntry { created: self.registry.clock.now(), ..self.attempt.clone().refused(why) }
    }

    /// Someone else has ended it: who and why stands in its row.
    pub(super) async fn cancelled(self) -> Result<Promotion, RegistryError> {
        let found = self.registry.promotion(&self.caller, &self.promotion.promotion_id).await?;
        if matches!(found.state, PromotionState::Committed | PromotionState::Converged) {
            return Ok(found);
        }
        let error = RegistryError::PromotionCancelled { promotion_id: found.promotion_id, why: found.refusal };
        let recorded = self.registry.store.record(&self.refused(&error.to_string())).await;
        // Those that were still loading are told as well; one that does not answer keeps nobody waiting.
        let tasks = self.registry.tasks.clone();
        tasks.spawn(async move { self.release(&self.replicas).await });
        Err(if recorded.is_ok() { error.audited() } else { error })
    }

    /// Ends a move that came too late: what it was decided on has changed, or the same request was sent twice and the other one
    /// made it.
    pub(super) async fn overtaken(self, error: CommitError) -> Result<Promotion, RegistryError> {
        let champion = self.registry.champion(&self.caller, &self.decided.model, &self.decided.slot).await?;
        if champion != self.decided.to {
            self.release(self.prepared()).await;
        }
        let refusal = match error {
            CommitError::ChampionMoved { model, found } => {
                let member = self.promotion.members.iter().find(|member| member.model == model.as_str());
                let expected = member.map_or(self.promotion.from_number, |member| member.from_number);
                RegistryError::ChampionMoved { expected, found }
            }
            CommitError::VersionFailed { model, number } => RegistryError::ChainMemberFailed { model, number },
            CommitError::VersionTainted { model, number } => {
                let version = self.registry.version(&self.caller, &model, number).await?;
                version.untainted().err().unwrap_or(StoreError::Conflict.into())
            }
            CommitError::VerdictChanged { found } => RegistryError::VerdictChanged {
                model: self.decided.model.clone(),
                number: VersionNumber::new(self.promotion.to_number)?,
                expected: self.promotion.report_id.clone(),
                found,
            },
            CommitError::ChainBroken => self.torn().await?,
            // The key of the request is taken by now.
            CommitError::Store(StoreError::Conflict) => {
                let found = champion.map_or(0, VersionNumber::get);
                RegistryError::ChampionMoved { expected: self.promotion.from_number, found }
            }
            CommitError::Store(error) => error.into(),
            CommitError::Ended => return self.cancelled().await,
        };
        let (registry, caller, attempt) = (self.registry.clone(), self.caller.clone(), self.attempt.clone());
        let refused = self.refuse(refusal).await;
        match registry.made_meanwhile(&caller, &attempt).await? {
            Some(promotion) => Ok(promotion),
            None => refused,
        }
    }

    /// Which champion would have been left without its upstream.
    async fn torn(&self) -> Result<RegistryError, RegistryError> {
        let (registry, caller, decided) = (&self.registry, &self.caller, &self.decided);
        let head = match decided.to {
            Some(number) => Some(registry.version(caller, &decided.model, number).await?),
            None => None,
        };
        let chain = registry.chain_move(caller, &decided.model, &decided.slot, head.as_ref()).await;
        Ok(chain.err().unwrap_or(StoreError::Conflict.into()))
    }

    /// Finds out whether a commit happened whose answer was lost: an end that the store accepts shows that nothing moved, and one
    /// that it refuses, that the row knows. Writers take turns, so nothing is undecided behind it.
    pub(super) async fn find_out(&mut self, error: StoreError) -> Result<(), RegistryError> {
        let id = self.promotion.promotion_id.clone();
        tracing::warn!(promotion_id = %id, %error, "the commit failed; finding out what became of it");
        let why = format!("the database failed at the commit: {error}");
        let limit = self.registry.limits.outcome;
        let row = tokio::time::timeout(limit, async {
            loop {
                match self.end(&why).await {
                    Ok(()) => return None,
                    Err(StoreError::Conflict) => {
                        if let Ok(Some(found)) = self.registry.store.promotion(&self.caller.tenant, &id).await {
                            return Some(found);
                        }
                    }
                    Err(_) => {}
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        match row.await {
            Ok(None) => {
                self.release(self.prepared()).await;
                Err(RegistryError::from(error).audited())
            }
            Ok(Some(found)) if found.state == PromotionState::Committed => {
                self.promotion.generation = found.generation;
                self.promotion.committed_us = found.committed_us;
                Ok(())
            }
            Ok(Some(found)) => {
                self.release(self.prepared()).await;
                Err(RegistryError::PromotionCancelled { promotion_id: id, why: found.refusal })
            }
            // What was prepared stays: it may be champion. The reconciler ends the promotion when the store is back.
            Err(_) => {
                let request_id = self.promotion.request_id.clone();
                Err(RegistryError::OutcomeUnknown { promotion_id: id, request_id })
            }
        }
    }
}
