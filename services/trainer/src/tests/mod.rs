//! Tests of the whole service but its transport, on a real database and a registry in memory.

mod chains;
mod conformance;
mod datasets;
mod families;
mod graphs;
mod imports;
mod jobs;
mod lab;
mod pipeline_runs;
mod pipeline_store;
mod pipelines;
mod queue;
mod recipes;
mod recovery;
mod registry;
mod reproductions;
mod resilience;
mod splits;
mod stops;
mod taint;
mod tasks;
mod training;
mod upgrade;
mod validator;
mod waiting;
mod wire;
