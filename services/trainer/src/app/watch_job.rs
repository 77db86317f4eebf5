//! Following a job.

use std::sync::Arc;

use async_stream::try_stream;
use futures::Stream;

use super::App;
use crate::domain::{JobEvent, JobId, TrainerError};

/// Events read at once.
const BATCH: u32 = 100;

impl App {
    /// The events of a job after number `after`: those of the past, then new ones, until the one that ends the job.
    pub(crate) async fn watch_job(
        self: &Arc<Self>,
        id: JobId,
        after: u64,
    ) -> Result<impl Stream<Item = Result<JobEvent, TrainerError>> + Send + use<>, TrainerError> {
        self.job(&id).await?;
        let app = Arc::clone(self);
        Ok(try_stream! {
            // Followed before it is read, so that nothing falls in between.
            let mut news = app.events.follow(&id);
            let mut after = after;
            loop {
                news.mark_unchanged();
                // The job before its events: if it has ended by now, so have they.
                let ended = app.job(&id).await?.state.is_final();
                let events = app.store.events(&id, after, BATCH).await?;
                if let Some(last) = events.last() {
                    after = last.sequence;
                } else if ended {
                    return;
                }
                let more = ended || events.len() == BATCH as usize;
                for event in events {
                    yield event;
                }
                if more {
                    continue;
                }
                if app.stopping.run_until_cancelled(news.changed()).await.is_none() {
                    Err(TrainerError::Stopping)?;
                }
            }
        })
    }
}
