//! Mirror: shadows get copies of answered requests, and no caller waits for them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use lineal_data::Frame;
use lineal_rpc::background;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Prediction, Replica};
use crate::{
    domain::{Agreement, Entry, Place, Scored, Seat},
    failpoints::happen_here,
};

/// Copies on their way to their shadows, as many as `rows` have room for.
pub(super) struct Mirror {
    sender: mpsc::Sender<Copied>,
    /// One permit for each row that may wait.
    rows: Arc<Semaphore>,
}

/// A request, its answer, and who else is to answer it.
struct Copied {
    shadow: Arc<Entry>,
    entry: Arc<Entry>,
    frame: Arc<Frame>,
    scores: Vec<f64>,
    took: Duration,
    _waiting: OwnedSemaphorePermit,
}

impl Mirror {
    /// Shadows answer one request after the other on one thread, which ends with this.
    pub(super) fn new(rows: usize) -> Self {
        let (sender, receiver) = mpsc::channel();
        let work = || receiver.into_iter().for_each(|copied: Copied| copied.answer());
        if let Err(error) = background::spawn("shadows", work) {
            tracing::error!(%error, "there is no thread for shadows, every copy is dropped");
        }
        Self { sender, rows: Arc::new(Semaphore::new(rows.min(Semaphore::MAX_PERMITS))) }
    }
}

impl Copied {
    /// Lets the shadow answer and notes how. What a shadow does, be it to panic, ends here.
    fn answer(&self) {
        let compared = catch_unwind(AssertUnwindSafe(|| self.compare())).ok().flatten();
        self.shadow.arm.shadowing.compared(self.entry.facts.version, compared.as_ref());
    }

    /// Lets the shadow answer, and compares.
    fn compare(&self) -> Option<Agreement> {
        happen_here!("shadow");
        let begun = Instant::now();
        let scores = self.shadow.model().score(&self.frame).ok()?;
        let shadow = Scored { model: self.shadow.model(), scores: &scores, took: begun.elapsed() };
        let answer = Scored { model: self.entry.model(), scores: &self.scores, took: self.took };
        Some(Agreement::of(&answer, &shadow))
    }
}

impl Replica {
    /// Hands copies of an answered request to the shadows of its slot: of requests without a version the share that each is to get,
    /// or any request if it is `always` to be copied. Nobody shadows itself.
    pub(crate) fn mirror(&self, prediction: &Prediction, always: bool) {
        let target = &prediction.pedigree.target;
        let facts = &target.entry.facts;
        let table = self.table.load();
        for seat in table.slot(facts.model.as_str(), &facts.slot) {
            let Some(share) = seat.facts().traffic.mirror() else { continue };
            let drawn = || target.routed && draw().covered_by([share]).is_some();
            if seat.facts().alias == facts.alias || !(always || drawn()) {
                continue;
            }
            match seat {
                Seat::Served(shadow) => self.copy(prediction, shadow),
                // The slot fell asleep while the request was answered; nobody is woken for a copy.
                Seat::Cold(shadow) => {
                    shadow.arm.shadowing.choose();
                    shadow.arm.shadowing.drop_one();
                }
                Seat::Unserved { .. } => {}
            }
        }
    }

    fn copy(&self, prediction: &Prediction, shadow: &Arc<Entry>) {
        let counters = &shadow.arm.shadowing;
        counters.choose();
        let rows = u32::try_from(prediction.frame.rows()).unwrap_or(u32::MAX);
        let Ok(waiting) = self.mirror.rows.clone().try_acquire_many_owned(rows) else {
            counters.drop_one();
            return;
        };
        let copied = Copied {
            shadow: shadow.clone(),
            entry: prediction.pedigree.target.entry.clone(),
            frame: prediction.frame.clone(),
            scores: prediction.scores.clone(),
            took: prediction.scoring,
            _waiting: waiting,
        };
        if self.mirror.sender.send(copied).is_err() {
            counters.drop_one();
        }
    }
}

/// Any place, each as likely as the others.
pub(super) fn draw() -> Place {
    Place::new(rand::random_range(0..Place::COUNT))
}
