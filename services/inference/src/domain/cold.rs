//! What stays of a version whose model is not in memory.

use std::sync::Arc;

use lineal_kernel::Timestamp;
use lineal_models::{ServedModel, Task};

use super::{Arm, Counters, Entry, Facts, Gatherer};

/// An alias whose version sleeps: everything of its [`Entry`] but the model.
#[derive(Debug)]
pub(crate) struct Cold {
    pub(crate) facts: Facts,
    /// What the version predicts.
    pub(crate) task: Task,
    /// What the version did in this process.
    pub(crate) usage: Arc<Counters>,
    /// What it did of that behind this alias.
    pub(crate) arm: Arc<Arm>,
    /// How requests are scored together when it is awake, with nobody who waits.
    gatherer: Option<Gatherer>,
    /// Why it does not answer its part of the traffic when it is awake.
    pub(crate) barred: Option<String>,
}

impl Cold {
    /// What stays of an entry that falls asleep.
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            facts: entry.facts.clone(),
            task: entry.model().task(),
            usage: entry.usage.clone(),
            arm: entry.arm.clone(),
            gatherer: entry.gatherer.as_ref().map(Gatherer::anew),
            barred: entry.barred.clone(),
        }
    }

    /// The entry that it was, with its bundle loaded again at `since`.
    pub(super) fn entry(&self, bundle: Arc<ServedModel>, since: Timestamp) -> Entry {
        let Self { facts, usage, arm, gatherer, barred, .. } = self;
        let entry = Entry::new(facts.clone(), bundle, usage.clone(), arm.clone(), barred.clone(), since);
        entry.gathering(gatherer.as_ref().map(Gatherer::anew))
    }
}
