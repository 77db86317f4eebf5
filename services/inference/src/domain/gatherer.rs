//! Callers who wait for one loaded model.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lineal_data::Frame;
use lineal_models::{Answer, ScoreError};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, oneshot},
    time::Instant,
};

use super::batching::{Batching, Queue, Waits};

/// A request that waits, and its caller.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) frame: Arc<Frame>,
    pub(crate) since: Instant,
    /// For as long as the rows are in memory, also those that nobody waits for any more.
    pub(crate) admitted: OwnedSemaphorePermit,
    /// Where the answer goes, with how long it waited.
    pub(crate) answer: oneshot::Sender<Result<(Answer, Duration), ScoreError>>,
}

impl Waits for Waiting {
    fn rows(&self) -> usize {
        self.frame.rows()
    }

    fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }
}

/// Callers who wait for one loaded model. It belongs to the model's entry: whatever is reloaded meanwhile, they are answered by the
/// version that they were routed to.
pub(crate) struct Gatherer {
    batching: Batching,
    max_runs: usize,
    queue: Mutex<Queue<Waiting>>,
    /// Told when there are enough rows for a run.
    full: Notify,
}

impl Gatherer {
    /// For a model of which so many runs may go on at once.
    pub(crate) fn new(batching: Batching, max_runs: usize) -> Self {
        Self { batching, max_runs, queue: Mutex::new(Queue::new(batching.max_rows, max_runs)), full: Notify::new() }
    }

    /// One like this for whom nobody waits yet.
    pub(crate) fn anew(&self) -> Self {
        Self::new(self.batching, self.max_runs)
    }

    /// How it is set.
    pub(crate) fn batching(&self) -> Batching {
        self.batching
    }

    /// Whether a request of so many rows is scored with others.
    pub(crate) fn takes(&self, rows: usize) -> bool {
        rows < self.batching.max_rows
    }

    /// Lines up; whether a run is due.
    pub(crate) fn join(&self, waiting: Waiting) -> bool {
        let mut queue = self.lock();
        let due = queue.join(waiting);
        if queue.is_full() {
            self.full.notify_one();
        }
        due
    }

    /// Until when the request that waits longest may wait for others: past, if there are enough, and `None` if nobody waits.
    pub(crate) fn until(&self) -> Option<Instant> {
        let queue = self.lock();
        let delay = if queue.is_full() { Duration::ZERO } else { self.batching.max_delay };
        queue.first().map(|first| first.since + delay)
    }

    /// Returns once there may be enough rows.
    pub(crate) async fn full(&self) {
        self.full.notified().await;
    }

    /// How many rows wait, up to those of a full run.
    pub(crate) fn rows(&self) -> usize {
        self.lock().rows()
    }

    /// The requests of one run, and whether another one is due, as [`Queue::take`].
    pub(crate) fn take(&self) -> (Vec<Waiting>, bool) {
        self.lock().take()
    }

    /// A run ended; whether another one is due.
    pub(crate) fn end(&self) -> bool {
        self.lock().end()
    }

    fn lock(&self) -> MutexGuard<'_, Queue<Waiting>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Gatherer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gatherer").field("batching", &self.batching).finish_non_exhaustive()
    }
}
