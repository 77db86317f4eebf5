//! What happens when processes die, on both databases: nothing half done, nothing lost, no prediction failed.

#![allow(clippy::unwrap_used, reason = "a helper of tests that cannot go on fails its test")]

#[path = "../common/mod.rs"]
mod common;

mod crash;
mod data;
mod databases;
mod fleet;
mod jobs;
mod mischief;
mod pipelines;
mod reload;
mod rolling;
mod score;
mod shared;
mod storm;

use common::{batches, load, process, scenario};
