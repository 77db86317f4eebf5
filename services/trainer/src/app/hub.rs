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
    /// Changes whenever there is news of `id` from now on.
    pub(super) fn follow(&self, id: &Id) -> watch::Receiver<()> {
        self.lock().entry(id.clone()).or_insert_with(|| watch::channel(()).0).subscribe()
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
