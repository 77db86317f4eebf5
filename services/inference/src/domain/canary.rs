//! What comes before a part of the traffic.

use std::time::Duration;

/// What a version that is no champion must do before it answers a part of a slot's requests.
#[derive(Debug, Clone, Copy)]
pub struct CanaryCheck {
    /// How often it answers its golden rows; 0 for no check.
    pub requests: u32,
    /// The 99th percentile of the times that this takes, at most.
    pub max_p99: Duration,
}

impl Default for CanaryCheck {
    fn default() -> Self {
        Self { requests: 100, max_p99: Duration::from_millis(50) }
    }
}
