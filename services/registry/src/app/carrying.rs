//! One move in the hands of this process: begin, prepare, commit, reload.

use std::time::Duration;

use lineal_db::StoreError;
use lineal_kernel::{Caller, Timestamp};

use super::{carried::Hold, moves::Means};
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        display::DisplayState,
        error::RegistryError,
        moves::Move,
        promotion::{Promotion, PromotionKind, PromotionState, ReloadPolicy},
        replica::Replica,
        story::{Happening, Story},
    },
    failpoints::stop_here,
    fleet::Bundle,
    store::CommitError,
};

/// A move on its way. Whatever becomes of the process, the promotion's row says how far it came.
pub(super) struct Carrying {
    pub(super) registry: Registry,
    pub(super) caller: Caller,
    pub(super) decided: Move,
    pub(super) attempt: AuditEntry,
    pub(super) promotion: Promotion,
    pub(super) story: Story,
    pub(super) replicas: Vec<Replica>,
    pub(super) bundles: Vec<Bundle>,
    /// Where the versions that become champions stand before, upstream first.
    stages: Vec<&'static str>,
    _hold: Hold,
}

impl Carrying {
    /// Takes a decided move in hand.
    pub(super) fn new(registry: Registry, caller: Caller, decided: Move, means: Means, attempt: AuditEntry) -> Self {
        let promotion = registry.intend(&caller, &decided, means.members, &attempt);
        Self {
            _hold: registry.carried.hold(&promotion.promotion_id),
            story: Story::default(),
            replicas: means.replicas,
            bundles: means.bundles,
            stages: means.stages,
            registry,
            caller,
            decided,
            attempt,
            promotion,
        }
    }

    /// Carries it out to its end.
    pub(super) async fn run(mut self) -> Result<Promotion, RegistryError> {
        self.begin().await?;
        stop_here!("intended");
        if self.promotion.policy != ReloadPolicy::None && !self.bundles.is_empty() {
            let Some(outcomes) = self.while_telling(self.prepare()).await else { return self.cancelled().await };
            self.promotion.replicas = outcomes;
            stop_here!("prepared");
            if !self.promotion.policy.is_met(&self.promotion.replicas) {
                self.release(self.prepared()).await;
                return self.refuse_unprepared().await;
            }
        }
        match self.commit().await {
            Ok(generation) => self.promotion.generation = generation,
            // A conflict is an answer; after any other failure the answer may be all that was lost.
            Err(CommitError::Store(error)) if !matches!(error, StoreError::Conflict) => self.find_out(error).await?,
            Err(error) => return self.overtaken(error).await,
        }
        stop_here!("committed");
        self.promotion.state = PromotionState::Committed;
        Ok(self.reload().await)
    }

    /// How long replicas have to prepare.
    pub(super) fn prepare_timeout(&self) -> Duration {
        Duration::from_micros(self.promotion.prepare_timeout_us)
    }

    /// Writes the intent down. If that fails nothing has moved; should the row be there all the same, the reconciler ends it.
    async fn begin(&self) -> Result<(), RegistryError> {
        let replicas = self.replicas.iter().map(|replica| replica.name.to_string()).collect();
        self.story.note(self.registry.clock.now(), Happening::Began { replicas });
        let news = self.story.news();
        self.registry.store.begin_promotion(&self.caller.tenant, &self.promotion, &news).await?;
        self.story.written(&news);
        Ok(())
    }

    async fn commit(&mut self) -> Result<u64, CommitError> {
        let now = self.registry.clock.now();
        let news = self.story.news_with(now, Happening::Committed { generation: 0 });
        let committing = Promotion { committed_us: Some(now.micros()), ..self.promotion.clone() };
        let store = &self.registry.store;
        let mut lines = self.lines(now);
        if let Some(line) = lines.last_mut() {
            let events = self.registry.events.as_ref();
            line.messages.extend(events.map(|events| events.moved(&committing, now)));
        }
        let generation = store.commit_promotion(&self.caller.tenant, &committing, &lines, &news).await?;
        self.story.written(&news);
        self.promotion.committed_us = committing.committed_us;
        Ok(generation)
    }

    /// The audit's lines of the commit: for each champion the one that leaves, then the one that follows; the caller's request last.
    fn lines(&self, now: Timestamp) -> Vec<AuditEntry> {
        let attempt = AuditEntry { created: now, detail: self.promotion.told(), ..self.attempt.clone() };
        let leaves = self.promotion.kind.leaves_as().word();
        let production = DisplayState::Production.word();
        if self.promotion.kind == PromotionKind::Demote {
            return vec![AuditEntry { number: self.promotion.from_number, ..attempt }.moved(production, leaves)];
        }
        let members = self.promotion.members.iter().map(|it| (&it.model, it.from_number, it.to_number));
        let head = (&self.promotion.model, self.promotion.from_number, self.promotion.to_number);
        let mut lines = Vec::new();
        for ((model, from, to), stage) in members.chain([head]).zip(&self.stages) {
            let about = AuditEntry { model: model.clone(), request: None, ..attempt.clone() };
            if from != 0 {
                let left = AuditEntry { action: "archive".into(), number: from, ..about.clone() };
                lines.push(left.moved(production, leaves));
            }
            lines.push(AuditEntry { number: to, ..about }.moved(stage, production));
        }
        if let Some(line) = lines.last_mut() {
            line.request.clone_from(&attempt.request);
        }
        lines
    }
}
