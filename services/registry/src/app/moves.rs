//! Moving a champion: from the decision to the hands that carry it out.
//!
//! The alias moves last. A move is written down before any replica is asked; whatever dies on the way, it ends as committed
//! or as cancelled, never in between.

use std::panic::resume_unwind;

use lineal_kernel::{Caller, VersionNumber};
use tokio::task::JoinError;

use super::{carrying::Carrying, checks::Pace};
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        chains::Member,
        error::RegistryError,
        moves::Move,
        promotion::{Promotion, PromotionKind, PromotionState},
        replica::Replica,
    },
    failpoints::stop_here,
    fleet::Bundle,
};

/// What a move needs.
pub(super) struct Means {
    /// The verified bundles that it brings to the replicas, upstream first; none when the slot is emptied.
    pub(super) bundles: Vec<Bundle>,
    /// Upstream members that move with it.
    pub(super) members: Vec<Member>,
    /// Those that are live.
    pub(super) replicas: Vec<Replica>,
    /// Where the versions that become champions stand before, upstream first.
    pub(super) stages: Vec<&'static str>,
}

impl Registry {
    /// Carries out a decision, or writes down that it was refused. `attempt` is the audit entry in either case. A caller that
    /// hangs up does not stop a move midway.
    pub(crate) async fn carry_out(
        &self,
        caller: &Caller,
        decided: Result<Move, RegistryError>,
        attempt: AuditEntry,
    ) -> Result<Promotion, RegistryError> {
        let error = match decided {
            Ok(decided) => {
                let (registry, caller) = (self.clone(), caller.clone());
                let moving = self.tasks.spawn(async move { registry.run_move(caller, decided, attempt).await });
                let moved = moving.await;
                stop_here!("answering");
                return match moved.map_err(JoinError::try_into_panic) {
                    Ok(moved) => moved,
                    Err(Ok(panic)) => resume_unwind(panic),
                    Err(Err(_)) => Err(RegistryError::ShuttingDown),
                };
            }
            Err(error) => error,
        };
        if let Some(promotion) = self.made_meanwhile(caller, &attempt).await? {
            return Ok(promotion);
        }
        self.store.record(&attempt.refused(error.to_string())).await?;
        Err(error.audited())
    }

    /// Writes down a move that was refused before it began. The history of rollbacks is complete, so theirs stay as promotions.
    pub(crate) async fn turn_away(
        &self,
        caller: &Caller,
        decided: &Move,
        attempt: AuditEntry,
        error: RegistryError,
    ) -> Result<Promotion, RegistryError> {
        if let Some(promotion) = self.made_meanwhile(caller, &attempt).await? {
            return Ok(promotion);
        }
        let intended = self.intend(caller, decided, Vec::new(), &attempt);
        let entry = attempt.refused(error.to_string());
        if decided.kind == PromotionKind::Rollback {
            let refusal = error.to_string();
            let promotion = Promotion { state: PromotionState::Refused, refusal, under_way: false, ..intended };
            self.store.refuse_promotion(&caller.tenant, &promotion, &entry).await?;
        } else {
            self.store.record(&entry).await?;
        }
        Err(error.audited())
    }

    /// What the same request, sent twice, has made since it was looked for.
    pub(super) async fn made_meanwhile(
        &self,
        caller: &Caller,
        attempt: &AuditEntry,
    ) -> Result<Option<Promotion>, RegistryError> {
        let Some(request) = &attempt.request else { return Ok(None) };
        match self.replayed(caller, &attempt.action, request).await? {
            Some(promotion_id) => self.promotion(caller, &promotion_id).await.map(Some),
            None => Ok(None),
        }
    }

    async fn run_move(&self, caller: Caller, decided: Move, attempt: AuditEntry) -> Result<Promotion, RegistryError> {
        stop_here!("decided");
        match self.muster(&caller, &decided).await {
            Ok(means) => Carrying::new(self.clone(), caller, decided, means, attempt).run().await,
            Err(error) => self.turn_away(&caller, &decided, attempt, error).await,
        }
    }

    async fn muster(&self, caller: &Caller, decided: &Move) -> Result<Means, RegistryError> {
        let head = match decided.to {
            Some(number) => Some(self.version(caller, &decided.model, number).await?),
            None => None,
        };
        let chain = self.chain_move(caller, &decided.model, &decided.slot, head.as_ref()).await?;
        if decided.kind == PromotionKind::Promote {
            let mut used = chain.pinned.iter().chain(&chain.upstreams).chain(&head);
            used.try_for_each(|version| version.untainted().and_then(|()| version.unsampled(decided.allow_sampled)))?;
            for pinned in &chain.pinned {
                self.check(caller, &pinned.version, Pace::Fast).await?;
            }
        }
        let mut bundles = Vec::new();
        for version in chain.upstreams.iter().chain(&head).map(|view| &view.version) {
            // A rollback has checked its whole chain in choosing it.
            if decided.kind == PromotionKind::Promote {
                self.check(caller, version, Pace::Fast).await?;
            }
            let (model, number) = (version.model.to_string(), version.number.get());
            bundles.push(Bundle { model, number, digest: version.digest });
        }
        let stages = chain.upstreams.iter().chain(&head).map(|view| view.display_state().word()).collect();
        Ok(Means { bundles, members: chain.members, replicas: self.live_replicas(caller).await?, stages })
    }

    /// A decided move as it is written down.
    pub(super) fn intend(
        &self,
        caller: &Caller,
        decided: &Move,
        members: Vec<Member>,
        attempt: &AuditEntry,
    ) -> Promotion {
        Promotion {
            promotion_id: uuid::Uuid::now_v7().to_string(),
            kind: decided.kind,
            state: PromotionState::Preparing,
            model: decided.model.to_string(),
            slot: decided.slot.to_string(),
            from_number: decided.from.map_or(0, VersionNumber::get),
            to_number: decided.to.map_or(0, VersionNumber::get),
            members,
            generation: 0,
            report_id: decided.report_id.clone(),
            policy: decided.policy,
            actor: caller.actor.clone(),
            reason: decided.reason.clone(),
            replicas: Vec::new(),
            refusal: String::new(),
            created_us: self.clock.now().micros(),
            committed_us: None,
            converged_us: None,
            process: self.store.process().to_owned(),
            prepare_timeout_us: decided.prepare_timeout.unwrap_or(self.limits.prepare).as_micros() as u64,
            under_way: true,
            request_id: attempt.request.as_ref().map(|request| request.id.as_str().to_owned()).unwrap_or_default(),
            trigger: decided.trigger,
            evidence: decided.evidence.clone(),
            skipped: decided.skipped.clone(),
            bake: decided.bake,
            card: None,
        }
    }
}
