//! Runs of pipelines, and what has to happen next in one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    time::Duration,
};

use lineal_kernel::{Digest, FieldError, FieldErrors, RequestId, Timestamp};

use super::{Graph, NodeKind, Pipeline, PipelineId, PipelineStep, StepState};

/// The identity of a run; later runs have greater ones.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PipelineRunId(String);

impl PipelineRunId {
    /// The identity as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Any text can be asked for; only those of [`PipelineRun::new`] are ever found.
impl From<String> for PipelineRunId {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for PipelineRunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a run is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PipelineRunState {
    Running,
    /// Every step succeeded or was declined.
    Succeeded,
    Failed,
    Cancelled,
}

impl PipelineRunState {
    const ALL: [Self; 4] = [Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// The stored word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the run has ended.
    pub(crate) fn is_final(self) -> bool {
        self != Self::Running
    }
}

impl FromStr for PipelineRunState {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| FieldError::new("state", "not a state of a run"))
    }
}

/// The wish for a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunPipeline {
    pub(crate) pipeline: PipelineId,
    /// Digests of files by data node.
    pub(crate) sources: BTreeMap<String, Digest>,
    pub(crate) until: Option<String>,
    /// How old a reused result may be; `None` for any age.
    pub(crate) max_staleness: Option<Duration>,
    /// Although a run is under way.
    pub(crate) rerun: bool,
    pub(crate) request_id: RequestId,
}

/// One execution of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PipelineRun {
    pub(crate) id: PipelineRunId,
    pub(crate) request_id: RequestId,
    pub(crate) pipeline: PipelineId,
    pub(crate) state: PipelineRunState,
    /// In an order in which they can run.
    pub(crate) steps: Vec<PipelineStep>,
    pub(crate) until: Option<String>,
    /// Digests of all files that it reads, by data node.
    pub(crate) sources: BTreeMap<String, Digest>,
    pub(crate) max_staleness: Option<Duration>,
    pub(crate) actor: String,
    pub(crate) create_time: Timestamp,
    pub(crate) end_time: Option<Timestamp>,
    pub(crate) last_sequence: u64,
}

/// What a run has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Its inputs are there.
    Start(String),
    /// It will never have its inputs.
    End(String, StepState, String),
}

impl PipelineRun {
    /// A run of all nodes that `command` wants, their sources pinned.
    pub(crate) fn new(
        pipeline: &Pipeline,
        command: &RunPipeline,
        actor: String,
        now: Timestamp,
    ) -> Result<Self, FieldErrors> {
        let graph = &pipeline.graph;
        let mut errors = FieldErrors::default();
        let until = command.until.as_deref();
        if let Some(until) = until.filter(|until| graph.node(until).is_none()) {
            errors.0.push(FieldError::new("until", format!("there is no node `{until}`")));
        }
        let wanted: BTreeSet<String> = match until {
            Some(until) => graph.up_to(until),
            None => graph.nodes().map(|(id, _)| id.to_owned()).collect(),
        };
        let sources = sources(graph, &wanted, &command.sources, &mut errors);
        let step = |id: &String| graph.task(id).map(|task| PipelineStep::waiting(id, task.kind()));
        let steps = graph.order().iter().filter(|id| wanted.contains(*id)).filter_map(step).collect();
        errors.into_result(|| {
            Some(Self {
                id: PipelineRunId(uuid::Uuid::now_v7().to_string()),
                request_id: command.request_id.clone(),
                pipeline: pipeline.id.clone(),
                state: PipelineRunState::Running,
                steps,
                until: command.until.clone(),
                sources,
                max_staleness: command.max_staleness.map(in_micros),
                actor,
                create_time: now,
                end_time: None,
                last_sequence: 0,
            })
        })
    }

    /// One step.
    pub(crate) fn step(&self, node: &str) -> Option<&PipelineStep> {
        self.steps.iter().find(|step| step.node == node)
    }

    /// What can be done now about steps that wait.
    pub(crate) fn next(&self, graph: &Graph) -> Vec<Next> {
        self.steps
            .iter()
            .filter(|step| step.state == StepState::Waiting)
            .filter_map(|step| self.after(step, graph))
            .collect()
    }

    fn after(&self, step: &PipelineStep, graph: &Graph) -> Option<Next> {
        let node = graph.node(&step.node)?;
        let inputs = node.inputs.iter().filter_map(|input| self.step(input));
        if let Some(input) = inputs.clone().find(|input| input.state.is_final() && input.state != StepState::Succeeded)
        {
            let why = format!("`{}` {}", input.node, input.state.as_str());
            return Some(Next::End(step.node.clone(), StepState::Skipped, why));
        }
        let mut before = node.after.iter().filter_map(|other| self.step(other));
        if !inputs.clone().all(|input| input.state == StepState::Succeeded)
            || !before.all(|other| other.state.is_final())
        {
            return None;
        }
        let refused = inputs.clone().find(|input| step.kind == NodeKind::Promote && !input.output.passed);
        Some(match refused {
            Some(input) => Next::End(step.node.clone(), StepState::Declined, input.output.verdict.clone()),
            None => Next::Start(step.node.clone()),
        })
    }

    /// How the run ends once no step can go on.
    pub(crate) fn outcome(&self) -> PipelineRunState {
        let any = |wanted: StepState| self.steps.iter().any(|step| step.state == wanted);
        if any(StepState::Cancelled) {
            PipelineRunState::Cancelled
        } else if any(StepState::Failed) {
            PipelineRunState::Failed
        } else {
            PipelineRunState::Succeeded
        }
    }

    /// The steps as they are when the run goes on; `None` if there is nothing to resume. A verdict holds against the champion of its
    /// time: before a promotion is tried again, its version is judged again.
    pub(crate) fn resumed(&self, graph: &Graph) -> Option<Vec<PipelineStep>> {
        let can = matches!(self.state, PipelineRunState::Failed | PipelineRunState::Cancelled);
        let open = |step: &&PipelineStep| step.state.is_open();
        let promotions = self.steps.iter().filter(open).filter(|step| step.kind == NodeKind::Promote);
        let judged: BTreeSet<_> = promotions.flat_map(|step| graph.inputs_of(&step.node, NodeKind::Validate)).collect();
        let resumed = |step: &PipelineStep| {
            if open(&step) || judged.contains(step.node.as_str()) { step.reopened() } else { step.clone() }
        };
        can.then(|| self.steps.iter().map(resumed).collect())
    }
}

/// As precise as it is kept.
fn in_micros(time: Duration) -> Duration {
    Duration::from_micros(i64::try_from(time.as_micros()).unwrap_or(i64::MAX).unsigned_abs())
}

/// The digest of every file that is read: the run's own before the graph's.
fn sources(
    graph: &Graph,
    wanted: &BTreeSet<String>,
    given: &BTreeMap<String, Digest>,
    errors: &mut FieldErrors,
) -> BTreeMap<String, Digest> {
    for id in given.keys().filter(|id| !graph.sources().any(|(source, _)| source == *id)) {
        errors.0.push(FieldError::new(format!("sources.{id}"), "there is no such data node"));
    }
    let mut sources = BTreeMap::new();
    for (id, rows) in graph.sources().filter(|(id, _)| wanted.contains(*id)) {
        if let Some(digest) = given.get(id).copied().or_else(|| rows.digest.parse().ok()) {
            sources.insert(id.to_owned(), digest);
        } else {
            let problem = "the graph names no file for this node: give the digest of an uploaded one";
            errors.0.push(FieldError::new(format!("sources.{id}"), problem));
        }
    }
    sources
}

/// A process's right to drive a run, void as soon as another gets a greater generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunLease {
    pub(crate) id: PipelineRunId,
    pub(crate) generation: i64,
}

/// What came of the wish for a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RunCreation {
    /// The new run, or the one that has the same request id.
    Run(Box<PipelineRun>),
    /// The pipeline has a run under way.
    Busy(PipelineRunId),
}

/// Which runs to list; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PipelineRunFilter {
    pub(crate) pipeline: Option<PipelineId>,
    pub(crate) state: Option<PipelineRunState>,
}
