//! Checks: what reading the files of a bundle again has shown.

use lineal_kernel::Timestamp;

/// The last check of one bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// When its files were read.
    pub time: Timestamp,
    /// The file that is missing or damaged; empty when all is well.
    pub problem: String,
}

impl Check {
    /// Whether every file was whole.
    pub fn passed(&self) -> bool {
        self.problem.is_empty()
    }
}
