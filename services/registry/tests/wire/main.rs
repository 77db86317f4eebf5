//! The registry over the wire, with replicas whose behaviour each test sets.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot go on ends its test")]

mod aliases;
mod artifacts;
mod audit;
mod bakes;
mod blocks;
mod cancellations;
mod cards;
mod chains;
mod comparisons;
mod ensembles;
mod environment;
mod errors;
mod fields;
mod fixture;
mod fleet;
mod hints;
mod history;
mod leases;
mod lineage;
mod moves;
mod openlineage;
mod outcomes;
mod pages;
mod performance;
mod races;
mod recovery;
mod repeatable;
mod replays;
mod sampled;
mod scoring_batches;
mod search;
mod settings;
mod signatures;
mod steadfast;
mod stories;
mod taint;
mod tracking;
mod unsteady;
mod updates;
mod usage;
mod verdicts;
mod versions;
mod way_back;
