//! Tests of the whole service but its transport, on a real database and a registry in memory.

mod families;
mod jobs;
mod lab;
mod queue;
mod recipes;
mod registry;
mod resilience;
mod training;
mod wire;
