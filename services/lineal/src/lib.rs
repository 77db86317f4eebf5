//! The `lineal` binary: command line, configuration, roles and their composition.
//!
//! `cli` talks to services like any other client; `node` is the only place that knows all four services.

pub mod cli;
pub mod config;
mod log;
pub mod node;
pub mod role;
