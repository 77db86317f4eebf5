//! Whole processes over real gRPC: the loop, load, foreign clients, bad input, several registries, the demo.

#![allow(clippy::unwrap_used, reason = "a helper of tests that cannot go on fails its test")]

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod chains;
mod command_line;
mod demo;
mod determinism;
mod drain;
mod ensembles;
mod foreign;
mod import;
mod lags;
mod prediction_log;
mod promotions;
mod reproductions;
mod restart;
mod sampled;
mod score;
mod settings;
mod signatures;
mod split;
mod tasks;
mod upgrade;
mod usage;
mod way_back;

use common::{batches, load, process, scenario};
