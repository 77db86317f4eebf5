//! The registry over the wire, with replicas whose behaviour each test sets.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot go on ends its test")]

mod aliases;
mod artifacts;
mod audit;
mod cancellations;
mod chains;
mod errors;
mod fields;
mod fixture;
mod fleet;
mod leases;
mod lineage;
mod moves;
mod outcomes;
mod pages;
mod races;
mod recovery;
mod replays;
mod search;
mod stories;
mod tracking;
mod updates;
mod verdicts;
mod versions;
mod way_back;
