//! What a version did in this process. Requests count without a lock and without an allocation.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use lineal_kernel::{ModelName, Timestamp, VersionNumber};

/// Counts that only grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    errors: AtomicU64,
    rows: AtomicU64,
    micros: AtomicU64,
    last_use_us: AtomicI64,
}

/// Counts at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Requests that found the version.
    pub(crate) requests: u64,
    /// Those of them that got no answer.
    pub(crate) errors: u64,
    /// Rows that were answered.
    pub(crate) rows: u64,
    /// Time spent on all requests, in microseconds.
    pub(crate) micros: u64,
    /// When the last request ended.
    pub(crate) last_use: Option<Timestamp>,
}

/// The counts of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionCounts {
    pub(crate) model: ModelName,
    pub(crate) version: VersionNumber,
    pub(crate) counts: Counts,
}

impl Counters {
    /// Counts a request that ended: with this many rows answered, or without an answer.
    pub(crate) fn ended(&self, answered: Option<usize>, took: Duration, now: Timestamp) {
        match answered {
            Some(rows) => self.rows.fetch_add(rows as u64, Relaxed),
            None => self.errors.fetch_add(1, Relaxed),
        };
        self.micros.fetch_add(took.as_micros() as u64, Relaxed);
        self.last_use_us.fetch_max(now.micros(), Relaxed);
        self.requests.fetch_add(1, Relaxed);
    }

    /// The counts so far. Once no request is in flight they belong together.
    pub(crate) fn counts(&self) -> Counts {
        let last_use = self.last_use_us.load(Relaxed);
        Counts {
            requests: self.requests.load(Relaxed),
            errors: self.errors.load(Relaxed),
            rows: self.rows.load(Relaxed),
            micros: self.micros.load(Relaxed),
            last_use: (last_use > 0).then(|| Timestamp::from_micros(last_use)),
        }
    }
}
