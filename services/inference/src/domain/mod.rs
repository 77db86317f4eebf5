//! What is served and what an answer says of itself. Pure: no I/O, no clock, no wire.

mod agreement;
mod batch;
mod batching;
mod canary;
mod cold;
mod gatherer;
mod pedigree;
mod predictions;
mod rest;
mod seat;
mod split;
mod standby;
mod table;
mod usage;
mod wanted;

pub(crate) use agreement::{Agreement, Scored, ShadowCounters, ShadowCounts};
pub(crate) use batch::{Progress, ScoringDefaults, Stage};
pub use batching::{Batching, DynamicBatching};
pub use canary::CanaryCheck;
pub(crate) use cold::Cold;
pub(crate) use gatherer::{Gatherer, Waiting};
pub(crate) use pedigree::{Pedigree, batch_prediction_id, prediction_id};
pub(crate) use predictions::{PredictionFile, ScoredFile, left_out_by_row};
pub(crate) use rest::Woken;
pub(crate) use seat::{Arm, Entry, Facts, Found, Listing, Seat, Target};
pub(crate) use split::Place;
pub(crate) use standby::Standing;
pub(crate) use table::ServingTable;
pub(crate) use usage::{Counters, Counts, Gathered, Spent, VersionCounts};
pub(crate) use wanted::Wanted;
