//! Predict: one version answers all rows.

use std::sync::{Arc, atomic::Ordering};

use lineal_data::Frame;
use lineal_kernel::Slot;

use super::Replica;
use crate::{
    InferenceError,
    domain::{Entry, Pedigree, Target, Wanted, prediction_id},
};

/// Values that are scored on the serving thread: below this, handing over costs more than scoring.
const INLINE_VALUES: usize = 4096;

/// The answer to one request.
#[derive(Debug)]
pub(crate) struct Prediction {
    /// One for each row.
    pub(crate) scores: Vec<f64>,
    /// Where they come from.
    pub(crate) pedigree: Pedigree,
}

impl Replica {
    /// What answers a request. The target keeps answering whatever is reloaded meanwhile.
    pub(crate) fn find(&self, model: &str, slot: &Slot, wanted: &Wanted) -> Result<Target, InferenceError> {
        self.table.load().find(model, slot, wanted)
    }

    /// Scores the rows of `frame`.
    pub(crate) async fn predict(&self, target: Target, frame: Frame) -> Result<Prediction, InferenceError> {
        let scores = if frame.rows() * frame.names().count() <= INLINE_VALUES {
            target.entry.model().score(&frame)?
        } else {
            self.score_apart(target.entry.clone(), frame).await?
        };
        let scored_time = self.clock.now();
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let replica = self.config.replica.clone();
        let prediction_id = prediction_id(&target.entry.facts, target.generation, scored_time, &replica, sequence);
        Ok(Prediction { scores, pedigree: Pedigree { prediction_id, target, replica, scored_time } })
    }

    /// Scores a large batch on a thread that serves nothing else.
    async fn score_apart(&self, entry: Arc<Entry>, frame: Frame) -> Result<Vec<f64>, InferenceError> {
        let permit = self.large_batches.clone().acquire_owned().await;
        let score = move || {
            // Given back when the work ends, also if nobody waits for it any more.
            let _permit = permit;
            entry.model().score(&frame)
        };
        Ok(tokio::task::spawn_blocking(score).await??)
    }
}
