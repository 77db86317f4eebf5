//! Telling those who follow a job or a run that there is news of it.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// Wakes followers. The news itself is in the store: waking too often is harmless.
#[derive(Debug)]
pub(super) struct Hub<Id> {
    followed: Mutex<HashMap<Id, watch::Sender<()>>>,
}

impl<Id> Default for Hub<Id> {
    fn default() -> Self {
        Self { followed: Mutex::default() }
    }
}

impl<Id: Clone + Eq + Hash> Hub<Id> {
    /// Changes whenever there is news of `id` from now on. What nobody follows any more is forgotten.
    pub(super) fn follow(&self, id: &Id) -> watch::Receiver<()> {
        let mut followed = self.lock();
        followed.retain(|_, sender| sender.receiver_count() > 0);
        followed.entry(id.clone()).or_insert_with(|| watch::channel(()).0).subscribe()
    }

    /// There is news of `id`.
    pub(super) fn tell(&self, id: &Id) {
        let mut followed = self.lock();
        if followed.get(id).is_some_and(|sender| sender.send(()).is_err()) {
            followed.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, watch::Sender<()>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_followed_is_kept() {
        let hub = Hub::default();
        let first = hub.follow(&1);
        let again = hub.follow(&1);
        drop(hub.follow(&2));
        drop(first);
        let _third = hub.follow(&3);
        let mut kept: Vec<_> = hub.lock().keys().copied().collect();
        kept.sort_unstable();
        assert_eq!(kept, [1, 3]);
        hub.tell(&1);
        assert!(again.has_changed().unwrap());
    }
}
