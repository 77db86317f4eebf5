//! Gather: requests that arrive while their model is busy are scored together.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use lineal_data::Frame;
use lineal_models::{Answer, ScoreError, ServedModel};
use lineal_rpc::background;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, timeout, timeout_at},
};

use super::{Replica, predict::is_quick};
use crate::{
    InferenceError,
    domain::{Entry, Facts, Gatherer, Waiting},
    error::chain,
};

impl Replica {
    /// What lets requests for `bundle` be scored together, if that is wanted, pays, and changes no answer.
    pub(super) async fn gatherer(&self, facts: &Facts, bundle: &Arc<ServedModel>) -> Option<Gatherer> {
        let batching = self.config.batching.of(&facts.model);
        let max_runs = bundle.runs_at_once()?;
        if batching.max_rows < 2 {
            return None;
        }
        let tried = bundle.clone();
        let tried = background::run("together", move || {
            tried.is_alike_together(batching.max_rows).map_err(|error| chain(&error))
        });
        // A reload waits for it.
        let tried = match timeout(self.config.load_deadline, tried).await {
            Ok(tried) => tried.unwrap_or_else(|error| Err(error.to_string())),
            Err(_) => Err("it took too long".to_owned()),
        };
        let Facts { model, alias, version, .. } = facts;
        match tried {
            Ok(true) => Some(Gatherer::new(batching, max_runs)),
            Ok(false) => {
                tracing::info!(%model, %alias, %version, "requests are scored one by one: together, scores differ in their last bits");
                None
            }
            Err(problem) => {
                tracing::warn!(%model, %alias, %version, problem, "requests are scored one by one: the golden rows cannot be scored together");
                None
            }
        }
    }

    /// Scores the rows of `frame` with those of whoever else waits for the same entry; also how long they waited.
    pub(super) async fn score_together(
        &self,
        entry: &Arc<Entry>,
        gatherer: &Gatherer,
        frame: &Arc<Frame>,
        admitted: OwnedSemaphorePermit,
    ) -> Result<(Answer, Duration), InferenceError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { frame: frame.clone(), since: Instant::now(), admitted, answer };
        if gatherer.join(waiting) {
            Runner { entry: entry.clone(), threads: self.large_batches.clone() }.begin();
        }
        Ok(answered.await??)
    }
}

/// Sees to the runs of an entry.
#[derive(Clone)]
struct Runner {
    entry: Arc<Entry>,
    /// One permit for each thread that large batches are scored on.
    threads: Arc<Semaphore>,
}

impl Runner {
    /// Sees to one run. Whoever asked for it may be gone before it begins, the others are not.
    fn begin(&self) {
        // Without a runtime the process ends.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(self.clone().run());
        }
    }

    async fn run(self) {
        let Some(gatherer) = &self.entry.gatherer else { return };
        company(gatherer).await;
        let model = self.entry.model();
        // Who arrives while all threads are busy still comes along.
        let thread = if is_quick(model, gatherer.rows(), model.signature().inputs.len()) {
            None
        } else {
            self.threads.clone().acquire_owned().await.ok()
        };
        let (batch, due) = gatherer.take();
        let _running = (!batch.is_empty()).then(|| Running(self.clone()));
        if due {
            self.begin();
        }
        if thread.is_none() {
            score(&self.entry, batch);
        } else {
            let entry = self.entry.clone();
            let scoring = move || {
                let _thread = thread;
                score(&entry, batch);
            };
            // What went wrong, callers notice by themselves.
            let _ = tokio::task::spawn_blocking(scoring).await;
        }
    }
}

/// A run that goes on. However it ends, the next one is seen to.
struct Running(Runner);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.entry.gatherer.as_ref().is_some_and(Gatherer::end) {
            self.0.begin();
        }
    }
}

/// Waits for others: as long as the first may wait, or until there are enough. Without a delay those come along that the runtime
/// has read already.
async fn company(gatherer: &Gatherer) {
    tokio::task::yield_now().await;
    while let Some(until) = gatherer.until().filter(|until| *until > Instant::now()) {
        // A full queue is looked at again: rows of callers who are gone do not count.
        let _ = timeout_at(until, gatherer.full()).await;
    }
}

/// Scores requests together and answers each. If that fails, each is scored alone: one that cannot be scored is no other's problem.
fn score(entry: &Entry, batch: Vec<Waiting>) {
    let begun = Instant::now();
    let outputs = entry.model().outputs();
    if let Some(scores) = together(entry, &batch) {
        let mut rest = scores.as_slice();
        for Waiting { frame, since, admitted, answer } in batch {
            let (own, others) = rest.split_at(frame.rows() * outputs);
            rest = others;
            // Given back before the caller goes on: its next request finds room.
            drop(admitted);
            let own = Answer { scores: own.to_vec(), left_out: Vec::new() };
            let _ = answer.send(Ok((own, begun - since)));
        }
        return;
    }
    for Waiting { frame, since, admitted, answer } in batch.into_iter().filter(|waiting| !waiting.answer.is_closed()) {
        let begun = Instant::now();
        // A panic costs the one whose rows they are.
        let Ok(scores) = catch_unwind(AssertUnwindSafe(|| scored(entry, &frame, 1))) else { continue };
        drop(admitted);
        let _ = answer.send(scores.map(|scores| (Answer { scores, left_out: Vec::new() }, begun - since)));
    }
}

/// What one run says of several requests, row after row; `None` if there is one only, or they cannot be scored together, be it that the
/// run panics.
fn together(entry: &Entry, batch: &[Waiting]) -> Option<Vec<f64>> {
    if batch.len() < 2 {
        return None;
    }
    let run = || {
        let frames: Vec<_> = batch.iter().map(|waiting| &*waiting.frame).collect();
        scored(entry, &Frame::stack(&frames)?, batch.len()).ok()
    };
    catch_unwind(AssertUnwindSafe(run)).ok().flatten()
}

/// One run of the model, counted.
fn scored(entry: &Entry, frame: &Frame, requests: usize) -> Result<Vec<f64>, ScoreError> {
    let begun = std::time::Instant::now();
    let scores = entry.model().score(frame)?;
    entry.usage.ran(requests, frame.rows(), begun.elapsed());
    Ok(scores)
}

#[cfg(test)]
mod tests;
