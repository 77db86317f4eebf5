//! Pipelines: graphs of steps, and their runs.

mod chain;
mod check;
mod declared;
mod event;
mod graph;
mod node;
mod recipe;
mod run;
mod step;

pub(crate) use chain::FullPipeline;
pub(crate) use event::PipelineEvent;
pub(crate) use graph::{Graph, Pipeline, PipelineId};
pub(crate) use node::{
    FeaturesNode, Node, NodeKind, PromoteNode, ReloadPolicy, RowsNode, SplitNode, Task, ValidateNode, ValidationLimits,
};
pub(crate) use run::{
    Next, PipelineRun, PipelineRunFilter, PipelineRunId, PipelineRunState, RunCreation, RunLease, RunPipeline,
};
pub(crate) use step::{PipelineStep, StepInput, StepOutput, StepState};
