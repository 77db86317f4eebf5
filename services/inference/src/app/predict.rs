//! Predict: one version answers all rows.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use lineal_data::Frame;
use lineal_kernel::Slot;
use lineal_models::{Answer, LeftOut, ServedModel};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::{Replica, mirror::draw};
use crate::{
    InferenceError,
    domain::{Entry, Found, Pedigree, Place, Target, Wanted, prediction_id},
    prediction_log::Logged,
};

/// Values that are scored on the serving thread: below this, handing over costs more than scoring.
const INLINE_VALUES: usize = 4096;
/// Bytes of a graph that is run on the serving thread: a larger one takes longer for each row than handing over does.
const INLINE_GRAPH: usize = 1 << 20;

/// Whether `model` scores so many values in less time than handing them over takes. A graph whose sessions are all at work does not: who
/// serves would wait for runs in the background.
pub(super) fn is_quick(model: &ServedModel, rows: usize, columns: usize) -> bool {
    rows * columns <= INLINE_VALUES && (!model.has_graph() || (model.bytes() <= INLINE_GRAPH && model.is_free()))
}

/// The answer to one request.
#[derive(Debug)]
pub(crate) struct Prediction {
    /// One for each row.
    pub(crate) scores: Vec<f64>,
    /// The members of an ensemble that are not in all of them.
    pub(crate) left_out: Vec<LeftOut>,
    /// What was scored.
    pub(crate) frame: Arc<Frame>,
    /// Where they come from.
    pub(crate) pedigree: Pedigree,
    /// When the rows were there.
    pub(crate) begun: Instant,
    /// Waiting for a thread.
    pub(crate) waiting: Duration,
    /// Features and model.
    pub(crate) scoring: Duration,
}

impl Replica {
    /// What answers a request, woken if it sleeps. The target keeps answering whatever is reloaded meanwhile.
    pub(crate) async fn find(&self, model: &str, slot: &Slot, wanted: &Wanted) -> Result<Target, InferenceError> {
        loop {
            let found = self.table.load().find(model, slot, wanted)?;
            match found {
                Found::Awake(target) => return Ok(target),
                Found::Asleep(cold) => self.wake(&cold.facts, 0).await?,
            }
        }
    }

    /// The same where a slot's traffic may be split: a request that asks for no version goes where its `sticky_key` belongs, or
    /// without one where chance sends it. `bytes` says how large the request is, which is asked only if it has to wait.
    pub(crate) async fn route(
        &self,
        model: &str,
        slot: &Slot,
        wanted: &Wanted,
        sticky_key: &str,
        bytes: impl Fn() -> usize,
    ) -> Result<Target, InferenceError> {
        loop {
            let found = match wanted {
                Wanted::Any if sticky_key.is_empty() => self.table.load().route(model, slot, draw),
                Wanted::Any => self.table.load().route(model, slot, || Place::of_key(model, slot, sticky_key)),
                _ => self.table.load().find(model, slot, wanted),
            };
            match found? {
                Found::Awake(target) => return Ok(target),
                // Apart, so that a request that need not wait has no room for it.
                Found::Asleep(cold) => Box::pin(self.wait(&cold, *wanted == Wanted::Any, bytes())).await?,
            }
        }
    }

    /// Scores the rows of `frame`, unless too many are being scored.
    pub(crate) async fn predict(&self, target: Target, frame: Frame) -> Result<Prediction, InferenceError> {
        let begun = Instant::now();
        let admitted = self.admit(frame.rows())?;
        let frame = Arc::new(frame);
        let entry = &target.entry;
        let (Answer { scores, left_out }, waiting) = match &entry.gatherer {
            Some(gatherer) if gatherer.takes(frame.rows()) => {
                self.score_together(entry, gatherer, &frame, admitted).await?
            }
            _ if is_quick(entry.model(), frame.rows(), frame.names().count()) => {
                (entry.model().answer(&frame)?, Duration::ZERO)
            }
            _ => self.score_apart(entry.clone(), frame.clone(), admitted).await?,
        };
        let scoring = begun.elapsed().saturating_sub(waiting);
        let scored_time = self.clock.now();
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let replica = self.config.replica.clone();
        let prediction_id = prediction_id(&target.entry.facts, target.generation, scored_time, &replica, sequence);
        let pedigree = Pedigree { prediction_id, target, replica, scored_time };
        if let Some(log) = self.log().filter(|log| log.wants(&pedigree.prediction_id)) {
            let (scores, left_out) = (scores.clone(), left_out.clone());
            log.offer(Logged { pedigree: pedigree.clone(), frame: frame.clone(), scores, left_out });
        }
        Ok(Prediction { scores, left_out, frame, pedigree, begun, waiting, scoring })
    }

    /// A permit for so many rows; rows wait for nobody, their memory is there already.
    fn admit(&self, rows: usize) -> Result<OwnedSemaphorePermit, InferenceError> {
        let full = || InferenceError::RowsInFlight { limit: self.config.rows_in_flight };
        let count = u32::try_from(rows).map_err(|_| full())?;
        self.rows.clone().try_acquire_many_owned(count).map_err(|_| full())
    }

    /// Scores a large batch, or with a large graph, on a thread that serves nothing else; also how long it waited for one. If nobody
    /// waits for the answer any more when its turn comes, the batch is dropped.
    async fn score_apart(
        &self,
        entry: Arc<Entry>,
        frame: Arc<Frame>,
        admitted: OwnedSemaphorePermit,
    ) -> Result<(Answer, Duration), InferenceError> {
        let begun = Instant::now();
        let permit = self.large_batches.clone().acquire_owned().await;
        let gone = CancellationToken::new();
        let _caller = gone.clone().drop_guard();
        let score = move || {
            // Given back when the work ends, also if nobody waits for it any more.
            let _permits = (permit, admitted);
            if gone.is_cancelled() {
                return Ok((Answer::default(), Duration::ZERO));
            }
            let waited = begun.elapsed();
            Ok((entry.model().answer(&frame)?, waited))
        };
        tokio::task::spawn_blocking(score).await?
    }
}
