//! What is served and what an answer says of itself. Pure: no I/O, no clock, no wire.

mod pedigree;
mod standby;
mod table;
mod usage;

pub(crate) use pedigree::{Pedigree, prediction_id};
pub(crate) use standby::Standing;
pub(crate) use table::{Entry, Facts, Listing, ServingTable, Target, Wanted};
pub(crate) use usage::{Counters, Counts, VersionCounts};
