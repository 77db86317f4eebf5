//! The whole service over the wire, beside a registry over memory.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot go on ends its test")]

mod fixture;
mod lease;
mod predict;
mod reload;
mod standbys;
mod tasks;
mod usage;
