//! Metrics of runs, point by point.

use lineal_kernel::Timestamp;

/// One measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPoint {
    /// Name of the metric.
    pub key: String,
    /// NaN and infinities are kept; they win no comparison.
    pub value: f64,
    /// The writer's own count, e.g. of epochs.
    pub step: i64,
    /// When it was measured.
    pub time: Timestamp,
}

impl MetricPoint {
    /// What makes a point the latest of its metric.
    pub fn place(&self) -> (i64, Timestamp) {
        (self.step, self.time)
    }
}
