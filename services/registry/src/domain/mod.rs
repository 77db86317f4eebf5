//! What the registry knows and decides. No I/O, no clock, no protocol.

pub mod alias;
pub mod audit;
pub mod bundle;
pub mod error;
pub mod lineage;
pub mod model;
pub mod prediction;
pub mod promotion;
pub mod reference;
pub mod reign;
pub mod replica;
pub mod run;
pub mod snapshot;
pub mod validation;
pub mod version;
