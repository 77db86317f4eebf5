//! The whole service over the wire, beside a registry over memory.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot go on ends its test")]

mod aliases;
mod batching;
mod drain;
mod ensembles;
mod fixture;
mod lease;
mod limits;
mod loads;
mod models;
mod predict;
mod prediction_log;
mod reload;
mod rows;
mod score;
mod shadows;
mod signatures;
mod sleep;
mod split;
mod standbys;
mod stream;
mod tasks;
mod usage;
mod wake;
