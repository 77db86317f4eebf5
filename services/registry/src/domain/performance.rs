//! Performance: how good versions were in production, as time series.

use std::time::Duration;

use lineal_kernel::{ModelName, RequestId, Slot, Timestamp, VersionNumber};

/// One measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct PerformancePoint {
    /// What was measured.
    pub metric: String,
    /// When.
    pub time: Timestamp,
    /// NaN and infinities are kept and enter no aggregate.
    pub value: f64,
    /// How many observations it stands for, at least 1.
    pub count: u64,
}

/// The wish to add points.
#[derive(Debug, Clone)]
pub struct RecordPerformance {
    /// The model.
    pub model: ModelName,
    /// The version that was measured.
    pub number: VersionNumber,
    /// The slot it served.
    pub slot: Slot,
    /// At least one.
    pub points: Vec<PerformancePoint>,
    /// Key of this intended change.
    pub request_id: RequestId,
}

/// Which points are asked for.
#[derive(Debug, Clone)]
pub struct Window {
    /// The model.
    pub model: ModelName,
    /// One version, or all.
    pub number: Option<VersionNumber>,
    /// One slot, or all.
    pub slot: Option<Slot>,
    /// What was measured.
    pub metric: String,
    /// From this moment on.
    pub start: Timestamp,
    /// Up to this moment, which is not in it.
    pub end: Timestamp,
}

/// One measurement and what it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct PerformanceEntry {
    /// The version.
    pub number: VersionNumber,
    /// The slot.
    pub slot: Slot,
    /// The measurement.
    pub point: PerformancePoint,
}

/// The points of one version in one slot within one step.
#[derive(Debug, Clone, PartialEq)]
pub struct PerformanceBucket {
    /// The version.
    pub number: VersionNumber,
    /// The slot.
    pub slot: Slot,
    /// Where the step begins.
    pub start: Timestamp,
    /// Points with a finite value.
    pub points: u64,
    /// Observations that these stand for.
    pub count: u64,
    /// What they say; `None` without any.
    pub summary: Option<Summary>,
    /// Points whose value is not finite.
    pub not_finite: u64,
}

/// What the finite values of a bucket say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The mean, weighted by counts.
    pub mean: f64,
    /// The latest.
    pub last: f64,
}

/// The first moment whose points are still kept: retention drops whole months, so that a database can drop whole partitions.
pub fn kept_from(now: Timestamp, retention: Duration) -> Timestamp {
    Timestamp::from_micros(now.micros().saturating_sub(retention.as_micros() as i64)).month()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_drops_whole_months() {
        // F30
        let now = Timestamp::from_micros(1_736_951_422_000_000);
        assert_eq!(kept_from(now, Duration::from_hours(24)).to_string(), "2025-01-01T00:00:00Z");
        assert_eq!(kept_from(now, Duration::from_hours(15 * 24)).to_string(), "2024-12-01T00:00:00Z");
    }
}
