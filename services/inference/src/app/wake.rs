//! Wake: a slot that sleeps is loaded for the request that comes, once for all that come meanwhile.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use lineal_kernel::{Clock, ModelName, Slot};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use super::{Replica, loader::LOADS_AT_ONCE};
use crate::{
    InferenceError,
    domain::{Cold, Facts, Woken},
    error::chain,
};

/// For each of so many bytes a request that waits takes one more place.
const PLACE: usize = 1 << 20;

/// Slots that wake, and requests that wait for that.
pub(super) struct Wakes {
    /// One permit for each request that may wait, which is in memory meanwhile; a large one takes several.
    places: Semaphore,
    limit: usize,
    waiting: AtomicUsize,
    under_way: Mutex<HashMap<(ModelName, Slot), Waking>>,
    fell_asleep: AtomicU64,
    woke: AtomicU64,
}

/// Filled once the slot is awake, or could not be woken.
type Waking = Arc<OnceCell<Result<(), String>>>;

/// The room of a request that waits.
struct Room<'a> {
    waiting: &'a AtomicUsize,
    _permits: SemaphorePermit<'a>,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Relaxed);
    }
}

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
        let (waiting, fell_asleep, woke) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { places: Semaphore::new(limit), limit, waiting, under_way: Mutex::default(), fell_asleep, woke }
    }

    pub(super) fn counts(&self) -> WakeCounts {
        let waiting = self.waiting.load(Relaxed);
        WakeCounts { sleeps: self.fell_asleep.load(Relaxed), wakes: self.woke.load(Relaxed), waiting }
    }

    /// Room for a request of so many bytes to wait. The largest one still fits where nobody else waits.
    fn room(&self, bytes: usize) -> Result<Room<'_>, InferenceError> {
        let limit = self.limit;
        let full = || InferenceError::WakeQueueFull { limit };
        let places = (1 + bytes / PLACE).min(limit.max(1));
        let places = u32::try_from(places).map_err(|_| full())?;
        let permits = self.places.try_acquire_many(places).map_err(|_| full())?;
        self.waiting.fetch_add(1, Relaxed);
        Ok(Room { waiting: &self.waiting, _permits: permits })
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

    /// Has a prediction whose request has so many bytes wait until its slot is awake; `routed` if it asked for no version.
    pub(super) async fn wait(&self, cold: &Cold, routed: bool, bytes: usize) -> Result<(), InferenceError> {
        let mut waiting = Waiting { cold, routed, clock: &*self.clock, begun: Instant::now(), found: false };
        self.wake(&cold.facts, bytes).await?;
        waiting.found = true;
        Ok(())
    }

    /// Serves the slot again that `facts` are of, for a request of so many bytes. Whoever comes while it wakes waits for the same; after
    /// a failure the next caller tries again.
    pub(super) async fn wake(&self, facts: &Facts, bytes: usize) -> Result<(), InferenceError> {
        let Facts { model, slot, .. } = facts;
        let _room = self.wakes.room(bytes)?;
        let waking = self.wakes.with(|all| {
            // What woke is served before it is forgotten here, so that nobody loads it again.
            let sleeps = !self.table.load().sleepers(model, slot).is_empty();
            sleeps.then(|| all.entry((model.clone(), slot.clone())).or_default().clone())
        });
        let Some(waking) = waking else { return Ok(()) };
        let woken = waking.get_or_init(|| self.wake_once(model, slot)).await.clone();
        // A reload overtook it: what is served now answers, whatever became of the old versions.
        if self.table.load().sleepers(model, slot).is_empty() {
            return Ok(());
        }
        woken.map_err(|problem| InferenceError::WakeFailed { model: model.clone(), slot: slot.clone(), problem })
    }

    /// If the one who does this leaves, another who waits takes over; the loads go on meanwhile.
    async fn wake_once(&self, model: &ModelName, slot: &Slot) -> Result<(), String> {
        let begun = Instant::now();
        let woken = self.load_sleepers(model, slot).await;
        if let Ok(bundles) = &woken {
            let now = self.clock.now();
            let before = self.table.rcu(|table| table.awake(model, slot, bundles, now));
            for (digest, _) in bundles {
                self.bundles.release(*digest);
            }
            // Else a reload overtook it. Callers who find the slot asleep then wake it as it is now.
            if before.wakes_with(model, slot, bundles) {
                self.wakes.woke.fetch_add(1, Relaxed);
                tracing::info!(%model, %slot, took = ?begun.elapsed(), "a slot woke");
            }
        }
        self.wakes.with(|all| all.remove(&(model.clone(), slot.clone())));
        let failed = woken.map(drop).map_err(|error| chain(&error));
        failed.inspect_err(|problem| tracing::warn!(%model, %slot, problem, "a slot could not be woken"))
    }

    /// The bundles of a slot that sleeps. One that cannot be loaded now, for whatever reason, keeps no champion from being served: it
    /// sleeps again with its slot, and the next wake tries it again.
    async fn load_sleepers(&self, model: &ModelName, slot: &Slot) -> Result<Vec<Woken>, InferenceError> {
        let load = |cold: Arc<Cold>| async move {
            let Facts { alias, digest, .. } = &cold.facts;
            match self.bundles.load(*digest).await {
                Ok(bundle) => Ok((*digest, Ok(bundle))),
                Err(error) if !alias.is_champion() => {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_request_takes_the_places_of_several_and_the_largest_fits_alone() {
        let wakes = Wakes::new(4);
        let large = wakes.room(3 * PLACE - 1).unwrap();
        let small = wakes.room(0).unwrap();
        assert_eq!((wakes.counts().waiting, wakes.places.available_permits()), (2, 0));
        assert!(wakes.room(0).is_err());
        drop((large, small));
        assert_eq!((wakes.counts().waiting, wakes.places.available_permits()), (0, 4));
        assert!(wakes.room(64 * PLACE).is_ok());
        assert!(Wakes::new(0).room(0).is_err(), "nobody may wait");
    }
}
