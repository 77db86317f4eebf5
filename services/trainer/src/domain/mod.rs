//! Types and decisions: no I/O, no clock, no protocol.

mod attempt;
mod change;
mod classes;
mod columns;
mod dataset;
mod definition;
mod error;
mod event;
mod failure;
mod feature_set;
mod import;
mod job;
mod method;
mod node;
mod pipeline;
mod query;
mod reproduction;
mod resampling;
mod schedule;
mod settings;
mod spec;
mod stop;
mod tags;
mod text;
mod upstream;
mod version;
mod words;

pub(crate) use attempt::Attempt;
pub(crate) use change::{JobChange, Unless};
pub(crate) use dataset::{DEFAULT_FRACTION, DataRefusal, NamedSplit, ReportSummary, Source, time_cut, window};
pub(crate) use definition::{
    Definition, DefinitionConflict, DefinitionKind, ModelDefinition, SplitDefinition, named_rule,
};
pub(crate) use error::TrainerError;
pub(crate) use event::{JobEvent, Step};
pub(crate) use failure::{Failure, FailureReason};
pub(crate) use feature_set::{CreateFeatures, NamedFeatures, check_history, unfit};
pub(crate) use import::{CreateImport, Import, ImportDraft, ImportError, Wanted};
pub(crate) use job::{Claim, Creation, Job, JobFilter, JobId, JobSample, JobState, Lease, OpenRun, Unreadable};
pub(crate) use method::{LabelValues, Method, check_task};
pub(crate) use node::NodeKey;
pub(crate) use pipeline::{
    FeaturesNode, FullPipeline, Graph, Next, Node, NodeKind, Pipeline, PipelineEvent, PipelineId, PipelineRun,
    PipelineRunFilter, PipelineRunId, PipelineRunState, PipelineStep, PromoteNode, ReloadPolicy, RowsNode, RunCreation,
    RunLease, RunPipeline, SplitNode, StepInput, StepOutput, StepState, Task, ValidateNode, ValidationLimits,
};
pub(crate) use query::Query;
pub(crate) use reproduction::{Facts, ReproduceVersion, Reproduction, Stage, Verdict, code_differences};
pub(crate) use resampling::Resampling;
pub(crate) use schedule::Schedule;
pub(crate) use settings::ModelSettings;
pub(crate) use spec::{CreateJob, JobSpec, SourceFormat, SpecDraft};
pub(crate) use stop::{Hold, Stop};
pub(crate) use text::storable;
pub(crate) use upstream::Upstream;
pub(crate) use version::NewVersion;
