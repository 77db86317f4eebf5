//! Events of watched jobs: read once in a process, given to every watcher in it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, broadcast};

use crate::domain::{Job, JobEvent, JobId};

/// Events that a watcher may be behind before it has to read them itself.
const BACKLOG: usize = 256;

/// The watched jobs of this process.
#[derive(Debug, Default)]
pub(super) struct Feed {
    jobs: Mutex<HashMap<JobId, Channel>>,
    told: Notify,
}

#[derive(Debug)]
struct Channel {
    events: broadcast::Sender<Arc<JobEvent>>,
    /// The number of the last event given to watchers.
    sent: u64,
    /// There may be later ones.
    stale: bool,
}

impl Feed {
    /// Receives the job's events after the one it is at now, in order. One that falls behind is told so; nobody waits for it.
    pub(super) fn follow(&self, job: &Job) -> broadcast::Receiver<Arc<JobEvent>> {
        let fresh = || Channel { events: broadcast::channel(BACKLOG).0, sent: job.last_sequence, stale: true };
        let receiver = self.lock().entry(job.id.clone()).or_insert_with(fresh).events.subscribe();
        self.told.notify_one();
        receiver
    }

    /// There may be news of `id`.
    pub(super) fn tell(&self, id: &JobId) {
        if let Some(channel) = self.lock().get_mut(id) {
            channel.stale = true;
            self.told.notify_one();
        }
    }

    /// The latest event of `id` has this number.
    pub(super) fn tell_of(&self, id: &JobId, last: u64) {
        if let Some(channel) = self.lock().get_mut(id) {
            channel.stale |= channel.sent < last;
        }
    }

    /// Returns once something was told.
    pub(super) async fn told(&self) {
        self.told.notified().await;
    }

    /// Jobs that may have later events than those sent, and the number of the last one sent.
    pub(super) fn stale(&self) -> Vec<(JobId, u64)> {
        let mut jobs = self.lock();
        jobs.retain(|_, channel| channel.events.receiver_count() > 0);
        let stale = jobs
            .iter_mut()
            .filter_map(|(id, channel)| std::mem::take(&mut channel.stale).then(|| (id.clone(), channel.sent)));
        stale.collect()
    }

    /// All watched jobs.
    pub(super) fn watched(&self) -> Vec<JobId> {
        self.lock().keys().cloned().collect()
    }

    /// Gives events, those after the last ones sent, to the job's watchers. The one that ends the job is the last.
    pub(super) fn publish(&self, id: &JobId, events: Vec<JobEvent>) {
        let mut jobs = self.lock();
        let Some(channel) = jobs.get_mut(id) else { return };
        let ended = events.last().is_some_and(|event| event.state.is_final());
        for event in events {
            channel.sent = event.sequence;
            // Without a watcher there is nobody to miss it.
            let _ = channel.events.send(Arc::new(event));
        }
        if ended {
            jobs.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Channel>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
