//! Following a job.

use std::sync::Arc;

use async_stream::try_stream;
use futures::{Stream, StreamExt as _};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{MissedTickBehavior, interval},
};

use super::{App, BEAT};
use crate::domain::{JobEvent, JobId, JobState, TrainerError};

/// Events read at once.
const BATCH: u32 = 100;

impl App {
    /// The events of a job after number `after`: those of the past, then new ones, until the one that ends the job.
    pub(crate) async fn watch_job(
        self: &Arc<Self>,
        id: JobId,
        after: u64,
    ) -> Result<impl Stream<Item = Result<JobEvent, TrainerError>> + Send + use<>, TrainerError> {
        let job = self.job(&id).await?;
        let app = Arc::clone(self);
        Ok(try_stream! {
            if job.state.is_final() && after >= job.last_sequence {
                return;
            }
            // Followed before the past is read, so that nothing falls in between.
            let mut live = app.feed.follow(&job);
            let mut after = after;
            loop {
                loop {
                    let events = app.store.events(&id, after, BATCH).await?;
                    let more = events.len() == BATCH as usize;
                    for event in events {
                        after = event.sequence;
                        let ended = event.state.is_final();
                        yield event;
                        if ended {
                            return;
                        }
                    }
                    if !more {
                        break;
                    }
                }
                loop {
                    let event = match app.stopping.run_until_cancelled(live.recv()).await {
                        None => Err(TrainerError::Stopping)?,
                        Some(Ok(event)) => event,
                        // It fell behind, or the last event is in the store.
                        Some(Err(RecvError::Lagged(_) | RecvError::Closed)) => break,
                    };
                    let ended = event.state.is_final();
                    if event.sequence > after.saturating_add(1) {
                        break;
                    }
                    if event.sequence > after {
                        after = event.sequence;
                        yield JobEvent::clone(&event);
                    }
                    if ended {
                        return;
                    }
                }
            }
        })
    }

    /// Gives the events of watched jobs to their watchers as they come, from this process or another.
    pub(super) async fn feed_watchers(&self) {
        let mut news = self.store.news();
        let mut ticks = interval(BEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.feed.told() => {}
                Some((state, id)) = news.next() => {
                    self.feed.tell(&id);
                    if state != JobState::Running {
                        self.queue.notify_waiters();
                    }
                }
                // Against news that was missed.
                _ = ticks.tick() => self.compare().await,
            }
            for (id, sent) in self.feed.stale() {
                self.publish(&id, sent).await;
            }
        }
    }

    /// Marks watched jobs that have later events; those already sent are not read again.
    async fn compare(&self) {
        match self.store.heads(&self.feed.watched()).await {
            Ok(heads) => heads.iter().for_each(|(id, last)| self.feed.tell_of(id, *last)),
            Err(error) => tracing::warn!(%error, "could not look for news of watched jobs"),
        }
    }

    async fn publish(&self, id: &JobId, mut sent: u64) {
        loop {
            match self.store.events(id, sent, BATCH).await {
                Ok(events) => {
                    let more = events.len() == BATCH as usize;
                    sent = events.last().map_or(sent, |event| event.sequence);
                    self.feed.publish(id, events);
                    if !more {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, job_id = %id, "could not read the events of a watched job");
                    return;
                }
            }
        }
    }
}
