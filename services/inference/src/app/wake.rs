//! Wake: a slot that sleeps is loaded for the request that comes, once for all that come meanwhile.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use lineal_kernel::{Clock, ModelName, Slot};
use tokio::sync::{OnceCell, Semaphore};

use super::{Replica, loader::LOADS_AT_ONCE};
use crate::{
    InferenceError,
    domain::{Cold, Facts, Woken},
    error::chain,
};

/// Slots that wake, and requests that wait for that.
pub(super) struct Wakes {
    /// One permit for each request that may wait.
    places: Semaphore,
    limit: usize,
    under_way: Mutex<HashMap<(ModelName, Slot), Waking>>,
    fell_asleep: AtomicU64,
    woke: AtomicU64,
}

/// Filled once the slot is awake, or could not be woken.
type Waking = Arc<OnceCell<Result<(), String>>>;

/// How slots slept so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WakeCounts {
    /// Slots that fell asleep.
    pub(crate) sleeps: u64,
    /// Slots that woke.
    pub(crate) wakes: u64,
    /// Requests that wait now.
    pub(crate) waiting: usize,
}

impl Wakes {
    /// At most `limit` requests wait.
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        let (fell_asleep, woke) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { places: Semaphore::new(limit), limit, under_way: Mutex::default(), fell_asleep, woke }
    }

    pub(super) fn counts(&self) -> WakeCounts {
        let waiting = self.limit - self.places.available_permits();
        WakeCounts { sleeps: self.fell_asleep.load(Relaxed), wakes: self.woke.load(Relaxed), waiting }
    }

    pub(super) fn count_sleeps(&self, slots: usize) {
        self.fell_asleep.fetch_add(slots as u64, Relaxed);
    }

    /// Forgets what everybody has stopped waiting for.
    pub(super) fn expire(&self) {
        self.with(|all| all.retain(|_, waking| Arc::strong_count(waking) > 1));
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<(ModelName, Slot), Waking>) -> T) -> T {
        change(&mut self.under_way.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request that waits. It counts as one without an answer, unless it finds what answers it.
struct Waiting<'a> {
    cold: &'a Cold,
    routed: bool,
    clock: &'a dyn Clock,
    begun: Instant,
    found: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.found {
            return;
        }
        let (took, now) = (self.begun.elapsed(), self.clock.now());
        self.cold.usage.ended(None, took, now);
        if self.routed {
            self.cold.arm.usage.ended(None, took, now);
        }
    }
}

impl Replica {
    /// How slots slept so far.
    pub(crate) fn wake_counts(&self) -> WakeCounts {
        self.wakes.counts()
    }

    /// Has a prediction wait until its slot is awake; `routed` if it asked for no version.
    pub(super) async fn wait(&self, cold: &Cold, routed: bool) -> Result<(), InferenceError> {
        let mut waiting = Waiting { cold, routed, clock: &*self.clock, begun: Instant::now(), found: false };
        self.wake(&cold.facts).await?;
        waiting.found = true;
        Ok(())
    }

    /// Serves the slot again that `facts` are of. Whoever comes while it wakes waits for the same; after a failure the next caller
    /// tries again.
    pub(super) async fn wake(&self, facts: &Facts) -> Result<(), InferenceError> {
        let Facts { model, slot, .. } = facts;
        let limit = self.wakes.limit;
        let _place = self.wakes.places.try_acquire().map_err(|_| InferenceError::WakeQueueFull { limit })?;
        let waking = self.wakes.with(|all| {
            // What woke is served before it is forgotten here, so that nobody loads it again.
            let sleeps = !self.table.load().sleepers(model, slot).is_empty();
            sleeps.then(|| all.entry((model.clone(), slot.clone())).or_default().clone())
        });
        let Some(waking) = waking else { return Ok(()) };
        let woken = waking.get_or_init(|| self.wake_once(model, slot)).await.clone();
        woken.map_err(|problem| InferenceError::WakeFailed { model: model.clone(), slot: slot.clone(), problem })
    }

    /// If the one who does this leaves, another who waits takes over; the loads go on meanwhile.
    async fn wake_once(&self, model: &ModelName, slot: &Slot) -> Result<(), String> {
        let begun = Instant::now();
        let woken = self.load_sleepers(model, slot).await;
        if let Ok(bundles) = &woken {
            let now = self.clock.now();
            self.table.rcu(|table| table.awake(model, slot, bundles, now));
            for (digest, _) in bundles {
                self.bundles.release(*digest);
            }
            self.wakes.woke.fetch_add(1, Relaxed);
            tracing::info!(%model, %slot, took = ?begun.elapsed(), "a slot woke");
        }
        self.wakes.with(|all| all.remove(&(model.clone(), slot.clone())));
        let failed = woken.map(drop).map_err(|error| chain(&error));
        failed.inspect_err(|problem| tracing::warn!(%model, %slot, problem, "a slot could not be woken"))
    }

    /// The bundles of a slot that sleeps. One that cannot be served keeps no champion from being served.
    async fn load_sleepers(&self, model: &ModelName, slot: &Slot) -> Result<Vec<Woken>, InferenceError> {
        let load = |cold: Arc<Cold>| async move {
            let Facts { alias, digest, .. } = &cold.facts;
            match self.bundles.load(*digest).await {
                Ok(bundle) => Ok((*digest, Ok(bundle))),
                Err(error) if !alias.is_champion() && error.is_of_bundle() => {
                    let problem = chain(&error);
                    tracing::warn!(%model, %slot, %alias, %problem, "an alias is not served");
                    Ok((*digest, Err(problem)))
                }
                Err(error) => Err(error),
            }
        };
        let sleepers = self.table.load().sleepers(model, slot);
        let loads: Vec<_> = sleepers.into_iter().map(load).collect();
        stream::iter(loads).buffered(LOADS_AT_ONCE).try_collect().await
    }
}
