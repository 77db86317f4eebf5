//! Tests of the whole service but its transport, on a real database and a registry in memory.

mod chains;
mod conformance;
mod families;
mod jobs;
mod lab;
mod queue;
mod recipes;
mod recovery;
mod registry;
mod resilience;
mod stops;
mod tasks;
mod training;
mod upgrade;
mod waiting;
mod wire;
