//! Roles: which services a process runs.

use clap::ValueEnum;

/// One service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Role {
    /// Models, versions, promotions, lineage, artifacts, audit.
    Registry,
    /// Training jobs.
    Trainer,
    /// Verdicts on candidates.
    Validator,
    /// Predictions.
    Inference,
}

impl Role {
    /// Every role, as `lineal dev` runs them.
    pub const ALL: [Self; 4] = [Self::Registry, Self::Trainer, Self::Validator, Self::Inference];
}
