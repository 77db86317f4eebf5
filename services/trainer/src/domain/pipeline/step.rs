//! Steps: nodes in a run, and what they hand on.

use std::str::FromStr;

use lineal_kernel::{Digest, FieldError, Timestamp};
use serde::{Deserialize, Serialize};

use super::NodeKind;
use crate::domain::text;

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepState {
    /// For its inputs.
    Waiting,
    Running,
    Succeeded,
    Failed,
    /// It never ran, because an input has no result.
    Skipped,
    Cancelled,
    /// The version did not pass: nothing moved.
    Declined,
}

impl StepState {
    const ALL: [Self; 7] =
        [Self::Waiting, Self::Running, Self::Succeeded, Self::Failed, Self::Skipped, Self::Cancelled, Self::Declined];

    /// The stored word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
            Self::Declined => "declined",
        }
    }

    /// Whether it has ended.
    pub(crate) fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }

    /// Whether a resumed run runs it again.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Failed | Self::Skipped | Self::Cancelled)
    }
}

impl FromStr for StepState {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| FieldError::new("state", "not a state of a step"))
    }
}

/// One node in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PipelineStep {
    pub(crate) node: String,
    pub(crate) kind: NodeKind,
    pub(crate) state: StepState,
    /// How often it was started.
    pub(crate) attempt: u32,
    pub(crate) inputs: Vec<StepInput>,
    /// The settings that it is made with, once they are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settings: Option<Digest>,
    /// Digest of parameters, inputs, settings and release.
    pub(crate) key: Option<Digest>,
    pub(crate) output: StepOutput,
    /// The run that had made the result.
    pub(crate) reused_from: Option<String>,
    /// Why it has no result, or what it waits for while it runs; empty otherwise.
    pub(crate) message: String,
    #[serde(with = "text::moment")]
    pub(crate) start_time: Option<Timestamp>,
    #[serde(with = "text::moment")]
    pub(crate) end_time: Option<Timestamp>,
}

/// What a step was given by one of its inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepInput {
    pub(crate) node: String,
    pub(crate) digest: Digest,
}

/// What a step hands on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StepOutput {
    /// Of the file, the recipe, the bundle or the verdict.
    pub(crate) digest: Option<Digest>,
    pub(crate) job_id: String,
    pub(crate) model: String,
    /// The version it made, judged or made champion; 0 for none.
    pub(crate) version: u64,
    pub(crate) report_id: String,
    pub(crate) passed: bool,
    /// The champion that the version was measured against; 0 for none.
    pub(crate) champion: u64,
    /// Why it did not pass.
    pub(crate) verdict: String,
    pub(crate) promotion_id: String,
    pub(crate) generation: u64,
}

impl PipelineStep {
    /// A step that waits.
    pub(super) fn waiting(node: &str, kind: NodeKind) -> Self {
        Self {
            node: node.to_owned(),
            kind,
            state: StepState::Waiting,
            attempt: 0,
            inputs: Vec::new(),
            settings: None,
            key: None,
            output: StepOutput::default(),
            reused_from: None,
            message: String::new(),
            start_time: None,
            end_time: None,
        }
    }

    /// The step as it begins with these inputs.
    pub(crate) fn started(&self, inputs: Vec<StepInput>, now: Timestamp) -> Self {
        Self {
            state: StepState::Running,
            attempt: self.attempt + 1,
            inputs,
            start_time: Some(now),
            ..Self::waiting(&self.node, self.kind)
        }
    }

    /// The step with its result.
    pub(crate) fn succeeded(&self, output: StepOutput, reused_from: Option<String>, now: Timestamp) -> Self {
        let message = String::new();
        Self { state: StepState::Succeeded, output, reused_from, message, end_time: Some(now), ..self.clone() }
    }

    /// The step as it ended without a result, and why.
    pub(crate) fn ended(&self, state: StepState, message: String, now: Timestamp) -> Self {
        Self { state, message, end_time: Some(now), ..self.clone() }
    }

    /// The step before a resumed run comes to it.
    pub(super) fn reopened(&self) -> Self {
        Self { attempt: self.attempt, ..Self::waiting(&self.node, self.kind) }
    }
}
