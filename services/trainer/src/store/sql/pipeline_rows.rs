//! Rows of pipelines and their runs, and what they mean.

use std::time::Duration;

use lineal_db::StoreError;
use lineal_kernel::{RequestId, Timestamp};
use sqlx::FromRow;

use super::rows::{corrupt, json, parsed, unsigned};
use crate::domain::{Pipeline, PipelineEvent, PipelineId, PipelineRun, PipelineRunId, PipelineStep};

/// A row of `pipelines`.
#[derive(FromRow)]
pub(super) struct PipelineRow {
    pipeline_id: String,
    graph: String,
    actor: String,
    create_time: i64,
}

impl TryFrom<PipelineRow> for Pipeline {
    type Error = StoreError;

    fn try_from(row: PipelineRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: PipelineId::from(row.pipeline_id),
            graph: json("graph", &row.graph)?,
            actor: row.actor,
            create_time: Timestamp::from_micros(row.create_time),
        })
    }
}

/// The columns of a [`RunRow`].
macro_rules! run_columns {
    () => {
        "pipeline_run_id, request_id, pipeline_id, state, until_node, sources, max_staleness, actor, create_time, end_time, \
         last_sequence"
    };
}
pub(super) use run_columns;

/// A row of `pipeline_runs`.
#[derive(FromRow)]
pub(super) struct RunRow {
    pub(super) pipeline_run_id: String,
    request_id: String,
    pipeline_id: String,
    state: String,
    until_node: String,
    sources: String,
    max_staleness: Option<i64>,
    actor: String,
    create_time: i64,
    end_time: Option<i64>,
    last_sequence: i64,
}

impl RunRow {
    /// The run with its steps.
    pub(super) fn with(self, steps: Vec<PipelineStep>) -> Result<PipelineRun, StoreError> {
        let staleness = self.max_staleness.map(|micros| unsigned("max_staleness", micros)).transpose()?;
        Ok(PipelineRun {
            id: PipelineRunId::from(self.pipeline_run_id),
            request_id: RequestId::new(&self.request_id).map_err(|error| corrupt("request_id", error))?,
            pipeline: PipelineId::from(self.pipeline_id),
            state: parsed("state", &self.state)?,
            steps,
            until: Some(self.until_node).filter(|node| !node.is_empty()),
            sources: json("sources", &self.sources)?,
            max_staleness: staleness.map(Duration::from_micros),
            actor: self.actor,
            create_time: Timestamp::from_micros(self.create_time),
            end_time: self.end_time.map(Timestamp::from_micros),
            last_sequence: unsigned("last_sequence", self.last_sequence)?,
        })
    }
}

/// A row of `pipeline_events`.
#[derive(FromRow)]
pub(super) struct PipelineEventRow {
    sequence: i64,
    create_time: i64,
    actor: String,
    state: String,
    step: Option<String>,
    message: String,
}

impl TryFrom<PipelineEventRow> for PipelineEvent {
    type Error = StoreError;

    fn try_from(row: PipelineEventRow) -> Result<Self, StoreError> {
        Ok(Self {
            sequence: unsigned("sequence", row.sequence)?,
            create_time: Timestamp::from_micros(row.create_time),
            actor: row.actor,
            state: parsed("state", &row.state)?,
            step: row.step.map(|step| json("step", &step)).transpose()?,
            message: row.message,
        })
    }
}
