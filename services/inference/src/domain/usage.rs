//! What a version did in this process. Requests count without a lock and without an allocation, runs of several with.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use lineal_kernel::{ModelName, Timestamp, VersionNumber};

/// Counts that only grow; times in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    errors: AtomicU64,
    rows: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    queued: AtomicU64,
    decoded: AtomicU64,
    scored: AtomicU64,
    last_use_us: AtomicI64,
    gathered: Mutex<Gathered>,
}

/// Runs that answered gathered requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Gathered {
    /// The requests.
    pub(crate) requests: u64,
    /// How many runs there were of so many rows, and the time that they took together.
    pub(crate) runs: BTreeMap<usize, (u64, Duration)>,
}

/// Where the time of one answered request went; the rest is encoding.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    /// Rows that were answered.
    pub(crate) rows: usize,
    /// From the request to its columns.
    pub(crate) decoding: Duration,
    /// Waiting for a thread.
    pub(crate) waiting: Duration,
    /// Features and model.
    pub(crate) scoring: Duration,
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
    /// Time of requests that were answered.
    pub(crate) answered: Duration,
    /// Time of requests that were not.
    pub(crate) failed: Duration,
    /// Parts of the time of answered ones, as in [`Spent`].
    pub(crate) waiting: Duration,
    pub(crate) decoding: Duration,
    pub(crate) scoring: Duration,
    /// When the last request ended.
    pub(crate) last_use: Option<Timestamp>,
}

impl Counts {
    /// Time spent on all requests, in microseconds.
    pub(crate) fn micros(&self) -> u64 {
        (self.answered + self.failed).as_micros() as u64
    }
}

/// The counts of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionCounts {
    pub(crate) model: ModelName,
    pub(crate) version: VersionNumber,
    pub(crate) counts: Counts,
}

impl Counters {
    /// Counts a request that ended after `took`: with an answer, or without.
    pub(crate) fn ended(&self, answer: Option<Spent>, took: Duration, now: Timestamp) {
        let add = |counter: &AtomicU64, time: Duration| counter.fetch_add(time.as_nanos() as u64, Relaxed);
        if let Some(spent) = answer {
            self.rows.fetch_add(spent.rows as u64, Relaxed);
            add(&self.queued, spent.waiting);
            add(&self.decoded, spent.decoding);
            add(&self.scored, spent.scoring);
            add(&self.answered, took);
        } else {
            self.errors.fetch_add(1, Relaxed);
            add(&self.failed, took);
        }
        self.last_use_us.fetch_max(now.micros(), Relaxed);
        self.requests.fetch_add(1, Relaxed);
    }

    /// Counts a run, which took this time to answer so many gathered requests of so many rows together.
    pub(crate) fn ran(&self, requests: usize, rows: usize, took: Duration) {
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.requests += requests as u64;
        let (runs, time) = gathered.runs.entry(rows).or_default();
        *runs += 1;
        *time += took;
    }

    /// The runs so far that answered gathered requests.
    pub(crate) fn gathered(&self) -> Gathered {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The counts so far. Once no request is in flight they belong together.
    pub(crate) fn counts(&self) -> Counts {
        let last_use = self.last_use_us.load(Relaxed);
        let time = |counter: &AtomicU64| Duration::from_nanos(counter.load(Relaxed));
        Counts {
            requests: self.requests.load(Relaxed),
            errors: self.errors.load(Relaxed),
            rows: self.rows.load(Relaxed),
            answered: time(&self.answered),
            failed: time(&self.failed),
            waiting: time(&self.queued),
            decoding: time(&self.decoded),
            scoring: time(&self.scored),
            last_use: (last_use > 0).then(|| Timestamp::from_micros(last_use)),
        }
    }
}
