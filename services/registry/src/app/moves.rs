//! Moving a champion: prepare, commit, reload, converge.
//!
//! The alias moves last. A move is written down before any replica is asked; whatever dies on the way, it ends as committed
//! or as cancelled, never in between.

use std::{panic::resume_unwind, time::Instant};

use futures::future::join_all;
use lineal_db::StoreError;
use lineal_kernel::{Caller, Slot, Timestamp, VersionNumber};
use tokio::task::JoinError;

use super::checks::Pace;
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        chains::Member,
        error::RegistryError,
        moves::Move,
        promotion::{Promotion, PromotionKind, PromotionState, ReloadPolicy, ReplicaOutcome},
        replica::{Beat, Replica},
    },
    failpoints::stop_here,
    fleet::Bundle,
};

/// What a move needs.
struct Means {
    /// The verified bundles that it brings to the replicas, upstream first; none when the slot is emptied.
    bundles: Vec<Bundle>,
    /// Upstream members that move with it.
    members: Vec<Member>,
    /// Those that are live.
    replicas: Vec<Replica>,
    /// Where the version that it is about stands before.
    stage: &'static str,
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
                let moving = self.tasks.spawn(async move { registry.run_move(&caller, decided, attempt).await });
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
        let entry = attempt.refused(error.to_string());
        if decided.kind == PromotionKind::Rollback {
            let intended = self.intend(caller, decided, Vec::new());
            let promotion = Promotion { state: PromotionState::Refused, refusal: error.to_string(), ..intended };
            self.store.refuse_promotion(&caller.tenant, &promotion, &entry).await?;
        } else {
            self.store.record(&entry).await?;
        }
        Err(error.audited())
    }

    /// What the same request, sent twice, has made since it was looked for.
    async fn made_meanwhile(&self, caller: &Caller, attempt: &AuditEntry) -> Result<Option<Promotion>, RegistryError> {
        let Some(request) = &attempt.request else { return Ok(None) };
        match self.replayed(caller, &attempt.action, request).await? {
            Some(promotion_id) => self.promotion(caller, &promotion_id).await.map(Some),
            None => Ok(None),
        }
    }

    async fn run_move(&self, caller: &Caller, decided: Move, attempt: AuditEntry) -> Result<Promotion, RegistryError> {
        stop_here!("decided");
        let Means { bundles, members, replicas, stage } = match self.muster(caller, &decided).await {
            Ok(means) => means,
            Err(error) => return self.turn_away(caller, &decided, attempt, error).await,
        };
        let mut promotion = self.intend(caller, &decided, members);
        self.store.begin_promotion(&caller.tenant, &promotion).await?;
        stop_here!("intended");

        if decided.policy != ReloadPolicy::None && !bundles.is_empty() {
            promotion.replicas = join_all(replicas.iter().map(|replica| self.prepare(replica, &bundles))).await;
            stop_here!("prepared");
            if !decided.policy.is_met(&promotion.replicas) {
                self.release(&replicas, &promotion, &bundles).await;
                let refusal = refusal(decided.policy, &promotion.replicas);
                return self.refuse(caller, promotion, attempt, refusal).await;
            }
        }

        let entry = commit_entry(&attempt, &promotion, stage, self.clock.now());
        match self.store.commit_promotion(&caller.tenant, &promotion, &entry).await {
            Ok(generation) => promotion.generation = generation,
            Err(StoreError::Conflict) => {
                let found = self.champion(caller, &decided.model, &decided.slot).await?;
                if found != decided.to {
                    self.release(&replicas, &promotion, &bundles).await;
                }
                return self.overtaken(caller, promotion, attempt, found).await;
            }
            Err(error) => return Err(error.into()),
        }
        stop_here!("committed");
        promotion.state = PromotionState::Committed;
        promotion.committed_us = Some(entry.created.micros());
        Ok(self.reload(caller, promotion, &replicas).await)
    }

    async fn muster(&self, caller: &Caller, decided: &Move) -> Result<Means, RegistryError> {
        let head = match decided.to {
            Some(number) => Some(self.version(caller, &decided.model, number).await?),
            None => None,
        };
        let chain = self.chain_move(caller, &decided.model, &decided.slot, head.as_ref()).await?;
        let mut bundles = Vec::new();
        for version in chain.upstreams.iter().chain(&head).map(|view| &view.version) {
            // A rollback has checked its whole chain in choosing it.
            if decided.kind == PromotionKind::Promote {
                self.check(caller, version, Pace::Fast).await?;
            }
            let (model, number) = (version.model.to_string(), version.number.get());
            bundles.push(Bundle { model, number, digest: version.digest });
        }
        let stage = head.map_or("production", |head| head.display_state().word());
        Ok(Means { bundles, members: chain.members, replicas: self.live_replicas(caller).await?, stage })
    }

    fn intend(&self, caller: &Caller, decided: &Move, members: Vec<Member>) -> Promotion {
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
            trigger: decided.trigger,
            evidence: decided.evidence.clone(),
            skipped: decided.skipped.clone(),
        }
    }

    /// Has a replica load every member of the chain, one after the other; the first refusal counts.
    async fn prepare(&self, replica: &Replica, bundles: &[Bundle]) -> ReplicaOutcome {
        let begun = Instant::now();
        let mut problem = None;
        for bundle in bundles {
            if let Err(refusal) = self.fleet.prepare(replica, bundle).await {
                problem = Some(refusal);
                break;
            }
        }
        stop_here!("one_prepared");
        ReplicaOutcome {
            replica: replica.name.to_string(),
            prepared: problem.is_none(),
            prepare_micros: begun.elapsed().as_micros() as u64,
            problem: problem.unwrap_or_default(),
            ..ReplicaOutcome::default()
        }
    }

    /// Tells the replicas that prepared bundles to drop them.
    async fn release(&self, replicas: &[Replica], promotion: &Promotion, bundles: &[Bundle]) {
        let asked = replicas.iter().zip(&promotion.replicas);
        let holding = asked.filter(|(_, outcome)| outcome.prepared);
        let drops = holding.flat_map(|(replica, _)| bundles.iter().map(move |bundle| (replica, bundle.digest)));
        join_all(drops.map(|(replica, digest)| self.fleet.release(replica, digest))).await;
    }

    /// Ends a move that came too late: someone else moved the champion, or the same request was sent twice and the other one
    /// made it.
    async fn overtaken(
        &self,
        caller: &Caller,
        promotion: Promotion,
        attempt: AuditEntry,
        found: Option<VersionNumber>,
    ) -> Result<Promotion, RegistryError> {
        let found = found.map_or(0, VersionNumber::get);
        let moved = RegistryError::ChampionMoved { expected: promotion.from_number, found };
        let refused = self.refuse(caller, promotion, attempt.clone(), moved).await;
        match self.made_meanwhile(caller, &attempt).await? {
            Some(promotion) => Ok(promotion),
            None => refused,
        }
    }

    /// Ends a move that changed nothing.
    async fn refuse(
        &self,
        caller: &Caller,
        mut promotion: Promotion,
        attempt: AuditEntry,
        error: RegistryError,
    ) -> Result<Promotion, RegistryError> {
        promotion.state = PromotionState::Refused;
        promotion.refusal = error.to_string();
        let entry = AuditEntry { created: self.clock.now(), ..attempt.refused(error.to_string()) };
        self.store.end_promotion(&caller.tenant, &promotion, &entry).await?;
        Err(error.audited())
    }

    /// Tells every replica; those that miss it compare generations at their next heartbeat.
    async fn reload(&self, caller: &Caller, mut promotion: Promotion, replicas: &[Replica]) -> Promotion {
        let generation = promotion.generation;
        let reloads = join_all(replicas.iter().map(|replica| async move {
            let begun = Instant::now();
            stop_here!("reloading");
            let answer = self.fleet.reload(replica, generation).await;
            if let Ok(served) = answer {
                self.heard(caller, replica, served).await;
            }
            stop_here!("one_acknowledged");
            (replica.name.to_string(), answer, begun.elapsed().as_micros() as u64)
        }));
        for (replica, answer, micros) in reloads.await {
            let known = promotion.replicas.iter().position(|outcome| outcome.replica == replica);
            let at = known.unwrap_or_else(|| {
                promotion.replicas.push(ReplicaOutcome { replica, ..ReplicaOutcome::default() });
                promotion.replicas.len() - 1
            });
            let outcome = &mut promotion.replicas[at];
            outcome.reload_micros = micros;
            match answer {
                Ok(served) if served >= generation => outcome.reloaded = true,
                Ok(served) => outcome.problem = format!("still serves generation {served}"),
                Err(problem) => outcome.problem = problem,
            }
        }
        stop_here!("acknowledged");
        if !promotion.replicas.is_empty() && promotion.replicas.iter().all(|outcome| outcome.reloaded) {
            promotion.state = PromotionState::Converged;
            promotion.converged_us = Some(self.clock.now().micros());
        }
        if let Err(error) = self.record_reload(caller, &mut promotion).await {
            // The champion has moved all the same, and heartbeats will say when the replicas have followed.
            tracing::warn!(promotion_id = %promotion.promotion_id, %error, "could not record what replicas answered");
        }
        stop_here!("recorded");
        promotion
    }

    /// An answer is as good as a heartbeat.
    async fn heard(&self, caller: &Caller, replica: &Replica, served: u64) {
        let now = self.clock.now();
        let beat = Beat { generation: served, ..Beat::default() };
        let beat = self.store.renew_lease(&caller.tenant, &replica.name, &beat, now, now.plus(self.lease)).await;
        if let Err(error) = beat {
            tracing::warn!(replica = %replica.name, %error, "could not note what a replica serves");
        }
    }

    /// Heartbeats may have shown every replica converged before the last one answered its reload.
    async fn record_reload(&self, caller: &Caller, promotion: &mut Promotion) -> Result<(), StoreError> {
        match self.store.record_outcomes(&caller.tenant, promotion, PromotionState::Committed).await {
            Err(StoreError::Conflict) => {
                promotion.state = PromotionState::Converged;
                promotion.converged_us.get_or_insert(self.clock.now().micros());
                self.store.record_outcomes(&caller.tenant, promotion, PromotionState::Converged).await
            }
            recorded => recorded,
        }
    }

    /// Marks promotions converged once every live replica serves their generation.
    pub(crate) async fn converge(&self, caller: &Caller) -> Result<(), RegistryError> {
        let committed = self.store.promotions_in(&caller.tenant, PromotionState::Committed.word()).await?;
        if committed.is_empty() {
            return Ok(());
        }
        let replicas = self.live_replicas(caller).await?;
        let Some(served) = replicas.iter().map(|replica| replica.generation).min() else { return Ok(()) };
        for mut promotion in committed.into_iter().filter(|promotion| promotion.generation <= served) {
            promotion.state = PromotionState::Converged;
            promotion.converged_us = Some(self.clock.now().micros());
            match self.store.record_outcomes(&caller.tenant, &promotion, PromotionState::Committed).await {
                // Another heartbeat was faster.
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Cancels what was under way in a process that is gone: its alias had not moved. Any process may do it, and only one of
    /// them can.
    pub(crate) async fn recover(&self, caller: &Caller) -> Result<(), RegistryError> {
        for mut promotion in self.store.promotions_in(&caller.tenant, PromotionState::Preparing.word()).await? {
            if !self.store.is_gone(&promotion.process).await? {
                continue;
            }
            promotion.state = PromotionState::Cancelled;
            "the registry stopped before the commit".clone_into(&mut promotion.refusal);
            let model = promotion.model.parse()?;
            let slot = Slot::parse(&promotion.slot)?;
            let entry = AuditEntry::new(caller, self.clock.now(), promotion.kind.word())
                .about(&model, &slot, VersionNumber::new(promotion.to_number).ok())
                .refused(promotion.refusal.as_str());
            match self.store.end_promotion(&caller.tenant, &promotion, &entry).await {
                Ok(()) => {}
                Err(StoreError::Conflict) => continue,
                Err(error) => return Err(error.into()),
            }
            tracing::warn!(promotion_id = %promotion.promotion_id, "cancelled a promotion that a stop had interrupted");
        }
        Ok(())
    }
}

fn refusal(policy: ReloadPolicy, outcomes: &[ReplicaOutcome]) -> RegistryError {
    let (prepared, refused): (Vec<_>, Vec<_>) = outcomes.iter().partition(|outcome| outcome.prepared);
    match policy {
        ReloadPolicy::Quorum(needed) => RegistryError::QuorumMissed { needed, prepared: prepared.len() },
        ReloadPolicy::All | ReloadPolicy::None => {
            let refusals = refused.into_iter().map(|outcome| (outcome.replica.clone(), outcome.problem.clone()));
            RegistryError::ReplicaRefused { refusals: refusals.collect() }
        }
    }
}

/// The audit entry of a commit: where the version that the move is about stood and stands.
fn commit_entry(attempt: &AuditEntry, promotion: &Promotion, stage: &'static str, now: Timestamp) -> AuditEntry {
    let (number, to) = match promotion.kind {
        PromotionKind::Promote | PromotionKind::Rollback => (promotion.to_number, "production"),
        PromotionKind::Demote => (promotion.from_number, "archived"),
    };
    AuditEntry { created: now, number, detail: promotion.told(), ..attempt.clone() }.moved(stage, to)
}
