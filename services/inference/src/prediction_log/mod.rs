//! The prediction log: answers with their inputs, as Parquet files of one model and day each.
//!
//! Requests hand their answer to a bounded queue and go on; one task writes. A file appears whole, at
//! `model=<model>/day=<day>/<replica>-<id>.parquet`; what a process that dies has not written yet is lost with it.

mod file;
mod writer;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use lineal_data::Frame;
use lineal_kernel::{Digest, FieldError, Name};
use lineal_models::LeftOut;
use tokio::{
    sync::{
        mpsc::{UnboundedSender, unbounded_channel},
        oneshot,
    },
    time::timeout,
};

use crate::{domain::Pedigree, folder::Place};
use writer::Writer;

/// How long the end may take.
const FAREWELL: Duration = Duration::from_secs(10);

/// What is logged, and where.
#[derive(Debug, Clone)]
pub struct PredictionLogConfig {
    place: Place,
    share: f64,
    /// Bytes after which a file is finished.
    pub rotate_bytes: usize,
    /// Time after which a file is finished.
    pub rotate_after: Duration,
    /// Rows that may wait to be written; further ones are dropped and counted.
    pub queue_rows: usize,
}

impl PredictionLogConfig {
    /// A log at `place`, a path or a url of an object store, of a `share` of all answers, with files of at most 16 MiB or five minutes
    /// and 65,536 rows that may wait.
    ///
    /// # Errors
    /// A place that cannot be, or a share that is not between 0 and 1.
    pub fn new(place: &str, share: f64) -> Result<Self, FieldError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(FieldError::new("share", "expected a number from 0 to 1"));
        }
        Ok(Self {
            place: Place::parse(place).map_err(|error| error.under("place"))?,
            share,
            rotate_bytes: 16 << 20,
            rotate_after: Duration::from_mins(5),
            queue_rows: 1 << 16,
        })
    }
}

/// One answer to be logged.
#[derive(Debug)]
pub(crate) struct Logged {
    pub(crate) pedigree: Pedigree,
    /// The inputs as they were given.
    pub(crate) frame: Arc<Frame>,
    pub(crate) scores: Vec<f64>,
    /// The members of an ensemble that are not in all of them.
    pub(crate) left_out: Vec<LeftOut>,
}

/// What the log did so far.
#[derive(Debug, Default)]
pub(crate) struct LogCounts {
    /// Rows in files that are whole.
    pub(crate) logged: AtomicU64,
    /// Rows that did not fit into the queue or could not be stored.
    pub(crate) dropped: AtomicU64,
    /// Rows that wait.
    pub(crate) queued: AtomicUsize,
    /// Files that are whole.
    pub(crate) files: AtomicU64,
}

/// What the writer is told.
enum Message {
    Answer(Box<Logged>),
    /// Write everything and say so.
    Close(oneshot::Sender<()>),
}

/// The way into the log.
#[derive(Debug)]
pub(crate) struct PredictionLog {
    share: f64,
    queue_rows: usize,
    counts: Arc<LogCounts>,
    queue: UnboundedSender<Message>,
}

impl PredictionLog {
    /// Starts to write, after sweeping up what an earlier process of this replica left.
    pub(crate) fn start(config: PredictionLogConfig, replica: &Name) -> Self {
        let (queue, messages) = unbounded_channel();
        let counts = Arc::new(LogCounts::default());
        let (share, queue_rows) = (config.share, config.queue_rows);
        tokio::spawn(Writer::new(config, replica.clone(), counts.clone()).run(messages));
        Self { share, queue_rows, counts, queue }
    }

    /// Whether the answer with this id belongs to the share that is logged: every replica says the same.
    pub(crate) fn wants(&self, prediction_id: &str) -> bool {
        position(prediction_id) < self.share
    }

    /// Takes an answer if there is room for it, and drops it otherwise. Never waits.
    pub(crate) fn offer(&self, answer: Logged) {
        let rows = answer.frame.rows();
        let before = self.counts.queued.fetch_add(rows, Ordering::Relaxed);
        // An answer that alone is too large still goes in, if nothing else waits.
        let fits = before == 0 || before + rows <= self.queue_rows;
        if !fits || self.queue.send(Message::Answer(Box::new(answer))).is_err() {
            self.counts.queued.fetch_sub(rows, Ordering::Relaxed);
            self.counts.dropped.fetch_add(rows as u64, Ordering::Relaxed);
        }
    }

    /// What the log did so far.
    pub(crate) fn counts(&self) -> &LogCounts {
        &self.counts
    }

    /// Writes everything that was offered.
    pub(crate) async fn close(&self) {
        let (written, done) = oneshot::channel();
        if self.queue.send(Message::Close(written)).is_err() {
            return;
        }
        if timeout(FAREWELL, done).await.is_err() {
            tracing::warn!("no time to write the last predictions into the log");
        }
    }
}

/// Where an id lies in [0, 1): the first 52 bits of its digest.
fn position(prediction_id: &str) -> f64 {
    let hex = Digest::of(prediction_id.as_bytes()).hex();
    u64::from_str_radix(&hex[..13], 16).unwrap_or(0) as f64 / (1_u64 << 52) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_that_part_of_all_ids_and_the_same_one_everywhere() {
        let ids: Vec<String> = (0..10_000).map(|i| format!("churn:1:g1:{i}:r-0:{i:08x}")).collect();
        let below = |share: f64| ids.iter().filter(|id| position(id) < share).count();
        assert_eq!((below(0.0), below(1.0)), (0, 10_000));
        assert!((900..1100).contains(&below(0.1)), "{}", below(0.1));
        assert_eq!(position(&ids[7]).to_bits(), position(&ids[7].clone()).to_bits());
    }

    #[test]
    fn a_share_beyond_one_is_refused() {
        for share in [-0.1, 1.1, f64::NAN] {
            assert_eq!(PredictionLogConfig::new("log", share).unwrap_err().path, "share");
        }
        assert_eq!(PredictionLogConfig::new("", 1.0).unwrap_err().path, "place");
    }
}
