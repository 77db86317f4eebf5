//! What the registry knows and decides. No I/O, no clock, no protocol.

pub mod alias;
pub mod audit;
pub mod bundle;
pub mod chains;
pub mod check;
pub mod error;
pub mod experiment;
pub mod filter;
mod lexer;
pub mod lineage;
pub mod metric;
pub mod model;
pub mod moves;
pub mod prediction;
pub mod promotion;
pub mod reference;
pub mod reign;
pub mod replica;
pub mod run;
pub mod seal;
pub mod search;
pub mod snapshot;
pub mod standby;
pub mod story;
pub mod validation;
pub mod version;
