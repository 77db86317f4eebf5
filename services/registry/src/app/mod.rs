//! What the registry does: authorise, load, decide, commit; in this order.
//!
//! Whether a caller may call at all is settled at the edge, by the permission in the contract.

pub(crate) mod aliases;
pub(crate) mod artifacts;
mod asking;
pub(crate) mod audit;
pub(crate) mod bake;
pub(crate) mod blocks;
pub(crate) mod cards;
pub(crate) mod carried;
mod carrying;
pub(crate) mod chains;
pub(crate) mod checks;
pub(crate) mod comparisons;
pub(crate) mod details;
mod endings;
pub(crate) mod experiments;
pub(crate) mod hints;
pub(crate) mod history;
pub(crate) mod lineage;
pub(crate) mod models;
pub(crate) mod moves;
pub(crate) mod outbox;
pub(crate) mod performance;
pub(crate) mod promotions;
mod reconcile;
pub(crate) mod replicas;
pub(crate) mod requests;
pub(crate) mod runs;
pub(crate) mod scoring_batches;
pub(crate) mod settings;
pub(crate) mod signatures;
pub(crate) mod snapshots;
pub(crate) mod standbys;
pub(crate) mod stories;
pub(crate) mod traffic;
pub(crate) mod usage;
pub(crate) mod versions;
