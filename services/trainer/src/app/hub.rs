//! Telling those who follow a job that there is news of it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::domain::JobId;

/// Wakes followers. The news itself is in the store: waking too often is harmless.
#[derive(Debug, Default)]
pub(super) struct Hub {
    jobs: Mutex<HashMap<JobId, watch::Sender<()>>>,
}

impl Hub {
    /// Changes whenever there is news of `id` from now on.
    pub(super) fn follow(&self, id: &JobId) -> watch::Receiver<()> {
        self.lock().entry(id.clone()).or_insert_with(|| watch::channel(()).0).subscribe()
    }

    /// There is news of `id`.
    pub(super) fn tell(&self, id: &JobId) {
        let mut jobs = self.lock();
        if jobs.get(id).is_some_and(|sender| sender.send(()).is_err()) {
            jobs.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, watch::Sender<()>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
