//! Count what versions do, and report it to the registry.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use lineal_kernel::{AliasName, Clock, ModelName, Slot, VersionNumber};
use tokio::time::{Duration, Instant, sleep, timeout};

use super::{Prediction, Replica, follow::FAREWELL};
use crate::{
    domain::{Arm, Counters, Counts, Facts, Spent, Target, VersionCounts},
    error::chain,
    registry::RegistryError,
};

/// Counts that did not change are said again after this time, so that the registry knows the process lives.
const SIGN_OF_LIFE: Duration = Duration::from_hours(1);
/// Versions in one report.
const AT_ONCE: usize = 1000;

/// Counters of every version that this process has served, and what the registry has heard of them.
#[derive(Debug)]
pub(super) struct UsageBook {
    /// Names the process: whoever starts again counts from zero.
    incarnation: String,
    /// Reloads look here; requests hold their version's counters already.
    counters: Mutex<BTreeMap<(ModelName, VersionNumber), Arc<Counters>>>,
    /// What the versions did of that behind each alias.
    arms: Mutex<BTreeMap<ArmName, Arc<Arm>>>,
    /// Held by the one report that is under way.
    heard: tokio::sync::Mutex<Heard>,
}

/// A version behind an alias.
pub(crate) type ArmName = (ModelName, Slot, AliasName, VersionNumber);

/// What the registry has acknowledged.
#[derive(Debug)]
struct Heard {
    counts: BTreeMap<(ModelName, VersionNumber), Counts>,
    /// When everything was said last.
    complete: Instant,
}

impl Default for UsageBook {
    fn default() -> Self {
        let heard = Heard { counts: BTreeMap::new(), complete: Instant::now() };
        Self {
            incarnation: uuid::Uuid::now_v7().to_string(),
            counters: Mutex::default(),
            arms: Mutex::default(),
            heard: heard.into(),
        }
    }
}

impl UsageBook {
    /// The counters of a version, the same ones for as long as the process lives.
    pub(super) fn of(&self, model: &ModelName, version: VersionNumber) -> Arc<Counters> {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.entry((model.clone(), version)).or_default().clone()
    }

    /// The counters of a version behind its alias, likewise.
    pub(super) fn arm(&self, facts: &Facts) -> Arc<Arm> {
        let Facts { model, slot, alias, version, .. } = facts;
        let mut arms = self.arms.lock().unwrap_or_else(PoisonError::into_inner);
        arms.entry((model.clone(), slot.clone(), alias.clone(), *version)).or_default().clone()
    }

    fn counts(&self) -> Vec<VersionCounts> {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counters.iter().map(|((model, version), counters)| VersionCounts {
            model: model.clone(),
            version: *version,
            counts: counters.counts(),
        });
        counts.collect()
    }
}

/// A request on its way. It counts when it ends, however that happens: an early return and a caller who leaves are errors.
pub(crate) struct Counted<'a> {
    counters: Arc<Counters>,
    /// Also counts it, if the slot's traffic brought it.
    arm: Option<Arc<Arm>>,
    clock: &'a dyn Clock,
    begun: std::time::Instant,
    answer: Option<Spent>,
}

impl Counted<'_> {
    /// It was answered with this prediction of so many `rows`.
    pub(crate) fn answered(mut self, prediction: &Prediction, rows: usize) {
        let Prediction { begun, waiting, scoring, .. } = *prediction;
        self.answer = Some(Spent { rows, decoding: begun - self.begun, waiting, scoring });
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let (took, now) = (self.begun.elapsed(), self.clock.now());
        self.counters.ended(self.answer, took, now);
        if let Some(arm) = &self.arm {
            arm.usage.ended(self.answer, took, now);
        }
    }
}

impl Replica {
    /// Begins to count a request that found its version.
    pub(crate) fn count(&self, target: &Target) -> Counted<'_> {
        let counters = target.entry.usage.clone();
        let arm = target.routed.then(|| target.entry.arm.clone());
        Counted { counters, arm, clock: &*self.clock, begun: std::time::Instant::now(), answer: None }
    }

    /// What every version did behind every alias, in order of models, slots, aliases and versions.
    pub(crate) fn arms(&self) -> Vec<(ArmName, Arc<Arm>)> {
        let arms = self.usage.arms.lock().unwrap_or_else(PoisonError::into_inner);
        arms.iter().map(|(name, arm)| (name.clone(), arm.clone())).collect()
    }

    /// Reports what changed, again and again until it is dropped.
    pub(super) async fn keep_reporting(&self) {
        loop {
            sleep(self.config.report_interval).await;
            if let Err(error) = self.report().await {
                tracing::warn!(error = chain(&error), "could not report usage; trying again");
            }
        }
    }

    /// Reports what changed while there is still time.
    pub(crate) async fn report_last(&self) {
        match timeout(FAREWELL, self.report()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "could not report the last usage"),
            Err(_) => tracing::warn!("no time to report the last usage"),
        }
    }

    /// Says what changed since the registry last heard of it. Counts are whole, so whatever was lost on the way is made up for.
    async fn report(&self) -> Result<(), RegistryError> {
        let mut heard = self.usage.heard.lock().await;
        let complete = heard.complete.elapsed() >= SIGN_OF_LIFE;
        let mut counts = self.usage.counts();
        counts.retain(|it| {
            let known = heard.counts.get(&(it.model.clone(), it.version)).copied().unwrap_or_default();
            complete || it.counts != known
        });
        for part in counts.chunks(AT_ONCE) {
            self.registry.report_usage(&self.config.replica, &self.usage.incarnation, part).await?;
            heard.counts.extend(part.iter().map(|it| ((it.model.clone(), it.version), it.counts)));
        }
        if complete {
            heard.complete = Instant::now();
        }
        Ok(())
    }
}
