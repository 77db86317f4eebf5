//! Hints: replicas hear at once that an alias has changed, and nobody waits for them.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::join_all;
use lineal_kernel::{Caller, Name, TenantId};

use crate::{Registry, domain::replica::Replica};

/// The latest generation that each replica is to hear of, for as long as a call to it is under way. However fast aliases change, a
/// replica has one call at a time, and a mute one keeps no more than that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hints(Arc<Mutex<HashMap<Listener, u64>>>);

/// A replica of a tenant.
type Listener = (TenantId, Name);

impl Hints {
    /// Whether to call the replica now; otherwise the call that is under way is followed by another.
    fn begin(&self, listener: &Listener, generation: u64) -> bool {
        match self.lock().entry(listener.clone()) {
            Entry::Occupied(mut latest) => {
                let latest = latest.get_mut();
                *latest = generation.max(*latest);
                false
            }
            Entry::Vacant(free) => {
                free.insert(generation);
                true
            }
        }
    }

    /// What the replica is to hear after it has been told of `generation`.
    fn after(&self, listener: &Listener, generation: u64) -> Option<u64> {
        let mut all = self.lock();
        let later = all.get(listener).copied().filter(|latest| *latest > generation);
        if later.is_none() {
            all.remove(listener);
        }
        later
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Listener, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// Tells every live replica of a generation that has been committed. Whoever misses it, be it that this process ends first,
    /// compares generations at its next heartbeat.
    pub(super) fn hint(&self, caller: &Caller, generation: u64) {
        let (registry, caller) = (self.clone(), caller.clone());
        let hinting = async move {
            match registry.live_replicas(&caller).await {
                Ok(replicas) => {
                    join_all(replicas.iter().map(|replica| registry.hint_one(&caller, replica, generation))).await;
                }
                Err(error) => tracing::warn!(%error, generation, "replicas hear of the generation by heartbeat only"),
            }
        };
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move { stopping.run_until_cancelled(hinting).await });
    }

    async fn hint_one(&self, caller: &Caller, replica: &Replica, generation: u64) {
        let listener = (caller.tenant.clone(), replica.name.clone());
        let mut next = self.hints.begin(&listener, generation).then_some(generation);
        while let Some(generation) = next {
            if let Err(problem) = self.fleet.reload(replica, generation).await {
                tracing::info!(replica = %replica.name, generation, problem, "a hint was missed");
            }
            next = self.hints.after(&listener, generation);
        }
    }
}
