//! Usage: what versions did in production, counted by the replicas and summed up here.

use lineal_kernel::{ModelName, Name, Timestamp, VersionNumber};

use super::reign::Reign;

/// Sums over requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests that found the version.
    pub requests: u64,
    /// Those of them that got no answer.
    pub errors: u64,
    /// Rows that were answered.
    pub rows: u64,
    /// Time spent on all requests, in microseconds.
    pub inference_micros: u64,
    /// When the last request ended.
    pub last_use: Option<Timestamp>,
}

/// What one process counted for one version since it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageCount {
    /// The model.
    pub model: ModelName,
    /// The version.
    pub number: VersionNumber,
    /// Its counts, which only grow.
    pub totals: Totals,
}

/// What one process has counted so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReport {
    /// The replica's name.
    pub replica: Name,
    /// Names the process among all that ever had that name.
    pub incarnation: Name,
    /// One for each version.
    pub counts: Vec<UsageCount>,
}

/// What a version did in production.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Sums over all processes.
    pub totals: Totals,
    /// When it became champion first, of any slot.
    pub first_deployed: Option<Timestamp>,
    /// When it became champion last.
    pub deployed: Option<Timestamp>,
}

impl Totals {
    /// Time per request; 0 without requests.
    pub fn mean_milliseconds(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.inference_micros as f64 / self.requests as f64 / 1e3 }
    }
}

impl Usage {
    /// Sums and the version's times as champion.
    pub fn new(totals: Totals, reigns: &[Reign]) -> Self {
        let started = reigns.iter().map(|reign| reign.started);
        Self { totals, first_deployed: started.clone().min(), deployed: started.max() }
    }
}
