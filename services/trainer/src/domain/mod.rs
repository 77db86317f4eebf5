//! Types and decisions: no I/O, no clock, no protocol.

mod change;
mod definition;
mod error;
mod event;
mod job;
mod spec;
mod text;
mod version;

pub(crate) use change::JobChange;
pub(crate) use definition::{Definition, DefinitionConflict, DefinitionKind, ModelDefinition, SplitDefinition};
pub(crate) use error::TrainerError;
pub(crate) use event::{JobEvent, Step};
pub(crate) use job::{Claim, Job, JobFilter, JobId, JobState, Lease};
pub(crate) use spec::{CreateJob, JobSpec, SourceFormat, SpecDraft};
pub(crate) use version::NewVersion;
