//! Asking replicas: all at the same time, each with its deadline, and every answer told as it comes.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use futures::future::{Either, join_all, select};
use lineal_db::StoreError;
use tokio::time::{MissedTickBehavior, timeout};

use super::carrying::Carrying;
use crate::{
    domain::{
        promotion::{Promotion, PromotionState, ReplicaOutcome},
        replica::Replica,
        story::Happening,
    },
    failpoints::stop_here,
};

/// How often news is written down, and looked whether someone has ended the promotion. However many replicas answer, it costs one
/// write in this time.
const BEAT: Duration = Duration::from_millis(100);

impl Carrying {
    /// Does `work` and writes down what happens meanwhile; `None` as soon as someone else has ended the promotion.
    pub(super) async fn while_telling<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let mut beats = tokio::time::interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beats.reset();
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                _ = beats.tick() => {}
            }
            match select(work.as_mut(), pin!(self.tell())).await {
                // A write is not broken off.
                Either::Left((done, telling)) => {
                    telling.await;
                    return Some(done);
                }
                Either::Right((true, _)) => {}
                Either::Right((false, _)) => return None,
            }
        }
    }

    /// Writes the news down; `false` once the promotion has ended. A store that is away now gets the news later.
    async fn tell(&self) -> bool {
        let (tenant, id) = (&self.caller.tenant, &self.promotion.promotion_id);
        let news = self.story.news();
        if news.is_empty() {
            let found = self.registry.store.promotion(tenant, id).await;
            return found.map_or(true, |found| found.is_some_and(|promotion| promotion.under_way));
        }
        match self.registry.store.tell(tenant, id, &news).await {
            Ok(()) => self.story.written(&news),
            Err(StoreError::Conflict) => return false,
            Err(error) => tracing::warn!(promotion_id = %id, %error, "could not write down what replicas said"),
        }
        true
    }

    /// Has every replica load every bundle.
    pub(super) async fn prepare(&self) -> Vec<ReplicaOutcome> {
        join_all(self.replicas.iter().map(|replica| self.prepare_one(replica))).await
    }

    /// Has a replica load every member of the chain, one after the other, within one deadline; the first refusal counts.
    async fn prepare_one(&self, replica: &Replica) -> ReplicaOutcome {
        let begun = Instant::now();
        let deadline = self.prepare_timeout();
        let loading = async {
            for bundle in &self.bundles {
                self.registry.fleet.prepare(replica, bundle, deadline.saturating_sub(begun.elapsed())).await?;
            }
            Ok(())
        };
        let answer = timeout(deadline, loading).await.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        stop_here!("one_prepared");
        let micros = begun.elapsed().as_micros() as u64;
        let name = replica.name.to_string();
        let what = match &answer {
            Ok(()) => Happening::Prepared { replica: name.clone(), micros },
            Err(problem) => Happening::Refused { replica: name.clone(), micros, problem: problem.clone() },
        };
        self.story.note(self.registry.clock.now(), what);
        ReplicaOutcome {
            replica: name,
            prepared: answer.is_ok(),
            prepare_micros: micros,
            problem: answer.err().unwrap_or_default(),
            ..ReplicaOutcome::default()
        }
    }

    /// The replicas that have prepared it.
    pub(super) fn prepared(&self) -> impl Iterator<Item = &Replica> {
        let asked = self.replicas.iter().zip(&self.promotion.replicas);
        asked.filter(|(_, outcome)| outcome.prepared).map(|(replica, _)| replica)
    }

    /// Tells replicas to drop the bundles.
    pub(super) async fn release(&self, replicas: impl IntoIterator<Item = &Replica>) {
        let drops = replicas.into_iter().flat_map(|replica| self.bundles.iter().map(move |it| (replica, it.digest)));
        join_all(drops.map(|(replica, digest)| self.registry.fleet.release(replica, digest))).await;
    }

    /// Tells every replica to switch; those that miss it compare generations at their next heartbeat.
    pub(super) async fn reload(mut self) -> Promotion {
        let answers = {
            let mut reloads = pin!(join_all(self.replicas.iter().map(|replica| self.reload_one(replica))));
            match self.while_telling(reloads.as_mut()).await {
                Some(answers) => answers,
                // Another process takes this one for dead and has ended the story; the champion has moved all the same.
                None => reloads.await,
            }
        };
        self.renew_leases(&answers).await;
        let asked = self.replicas.iter().map(|replica| replica.name.to_string());
        if self.promotion.replicas.is_empty() {
            let unasked = asked.map(|replica| ReplicaOutcome { replica, ..ReplicaOutcome::default() });
            self.promotion.replicas = unasked.collect();
        }
        for (outcome, (answer, micros)) in self.promotion.replicas.iter_mut().zip(answers) {
            outcome.reload_micros = micros;
            match answer {
                Ok(_) => outcome.reloaded = true,
                Err(problem) => outcome.problem = problem,
            }
        }
        self.promotion.card = self.registry.card_of(&self.caller, &self.promotion).await;
        stop_here!("acknowledged");
        self.conclude().await;
        stop_here!("recorded");
        self.promotion
    }

    /// What a replica serves afterwards, or why not the new generation, and how long that took in microseconds.
    async fn reload_one(&self, replica: &Replica) -> (Result<u64, String>, u64) {
        let begun = Instant::now();
        let generation = self.promotion.generation;
        stop_here!("reloading");
        let answer = match self.registry.fleet.reload(replica, generation).await {
            Ok(served) if served < generation => Err(format!("still serves generation {served}")),
            answer => answer,
        };
        stop_here!("one_acknowledged");
        let micros = begun.elapsed().as_micros() as u64;
        let name = replica.name.to_string();
        let what = match &answer {
            Ok(_) => Happening::Reloaded { replica: name, micros },
            Err(problem) => Happening::Behind { replica: name, micros, problem: problem.clone() },
        };
        self.story.note(self.registry.clock.now(), what);
        (answer, micros)
    }

    /// An answer is as good as a heartbeat.
    async fn renew_leases(&self, answers: &[(Result<u64, String>, u64)]) {
        let served = self.replicas.iter().zip(answers).filter_map(|(replica, (answer, _))| {
            answer.as_ref().ok().map(|generation| (replica.name.clone(), *generation))
        });
        let (served, now) = (served.collect::<Vec<_>>(), self.registry.clock.now());
        let lease_end = now.plus(self.registry.limits.lease);
        let renewed = self.registry.store.renew_leases(&self.caller.tenant, &served, now, lease_end).await;
        if let Err(error) = renewed {
            tracing::warn!(%error, "could not note what replicas serve");
        }
    }

    /// Writes down what became of it, and ends its story.
    async fn conclude(&mut self) {
        let promotion = &mut self.promotion;
        promotion.under_way = false;
        if !promotion.replicas.is_empty() && promotion.replicas.iter().all(|outcome| outcome.reloaded) {
            promotion.state = PromotionState::Converged;
            promotion.converged_us = Some(self.registry.clock.now().micros());
        }
        let (store, news) = (&self.registry.store, self.story.news());
        let base = PromotionState::Committed;
        if let Err(error) = store.record_outcomes(&self.caller.tenant, promotion, base, &news).await {
            // The champion has moved all the same; the reconciler ends the story, and says when the replicas have followed.
            tracing::warn!(promotion_id = %promotion.promotion_id, %error, "could not record what replicas answered");
        }
    }
}
