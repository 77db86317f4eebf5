//! How the answers of a shadow compare to those that callers got.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use lineal_kernel::VersionNumber;
use lineal_models::ServedModel;

/// Sums over the requests that two versions answered; those of several processes add up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Agreement {
    pub(crate) requests: u64,
    pub(crate) rows: u64,
    /// Rows to which both gave a label.
    pub(crate) labelled: u64,
    /// Rows to which both gave the same.
    pub(crate) agreeing: u64,
    /// Scores that were compared.
    pub(crate) scores: u64,
    /// Of |one - other| over them.
    pub(crate) difference: f64,
    /// Time that each took to score.
    pub(crate) answering: Duration,
    pub(crate) shadowing: Duration,
}

/// The scores of one version for some rows, and how long they took.
pub(crate) struct Scored<'a> {
    pub(crate) model: &'a ServedModel,
    pub(crate) scores: &'a [f64],
    pub(crate) took: Duration,
}

impl Agreement {
    /// Compares the answers to one request. Scores that mean different classes are not compared, labels are.
    pub(crate) fn of(answer: &Scored<'_>, shadow: &Scored<'_>) -> Self {
        let mut sums = Self { requests: 1, answering: answer.took, shadowing: shadow.took, ..Self::default() };
        let rows = |scored: &Scored<'_>| scored.scores.len() / scored.model.outputs();
        sums.rows = rows(answer).min(rows(shadow)) as u64;
        let of_rows = |scored: &Scored<'_>| scored.model.outputs();
        let pairs = answer.scores.chunks_exact(of_rows(answer)).zip(shadow.scores.chunks_exact(of_rows(shadow)));
        for (one, other) in pairs {
            if let (Some(one), Some(other)) = (answer.model.label(one), shadow.model.label(other)) {
                sums.labelled += 1;
                sums.agreeing += u64::from(one == other);
            }
        }
        if answer.model.answers() == shadow.model.answers() {
            sums.scores = answer.scores.len() as u64;
            sums.difference = answer.scores.iter().zip(shadow.scores).map(|(one, other)| (one - other).abs()).sum();
        }
        sums
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.rows += other.rows;
        self.labelled += other.labelled;
        self.agreeing += other.agreeing;
        self.scores += other.scores;
        self.difference += other.difference;
        self.answering += other.answering;
        self.shadowing += other.shadowing;
    }
}

/// What one shadow did in this process. Requests count without a lock.
#[derive(Debug, Default)]
pub(crate) struct ShadowCounters {
    chosen: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    /// By the version that answered. Only what runs behind the callers' backs writes here.
    agreements: Mutex<BTreeMap<VersionNumber, Agreement>>,
}

/// What one shadow did up to a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ShadowCounts {
    /// Requests that were chosen to be copied.
    pub(crate) chosen: u64,
    /// Those of them that found too many rows waiting.
    pub(crate) dropped: u64,
    /// Those of them that got no answer, or no finite one.
    pub(crate) failed: u64,
    pub(crate) agreements: BTreeMap<VersionNumber, Agreement>,
}

impl ShadowCounters {
    /// A request was chosen.
    pub(crate) fn choose(&self) {
        self.chosen.fetch_add(1, Relaxed);
    }

    /// It was dropped.
    pub(crate) fn drop_one(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    /// It was answered as `version` answered it: with this agreement, or not at all.
    pub(crate) fn compared(&self, version: VersionNumber, agreement: Option<&Agreement>) {
        match agreement.filter(|agreement| agreement.difference.is_finite()) {
            Some(agreement) => {
                let mut agreements = self.agreements.lock().unwrap_or_else(PoisonError::into_inner);
                agreements.entry(version).or_default().add(agreement);
            }
            None => {
                self.failed.fetch_add(1, Relaxed);
            }
        }
    }

    /// The counts so far.
    pub(crate) fn counts(&self) -> ShadowCounts {
        ShadowCounts {
            chosen: self.chosen.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            failed: self.failed.load(Relaxed),
            agreements: self.agreements.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
