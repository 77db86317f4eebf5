//! One step: what it is given, and how it comes to its result.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use lineal_db::StoreError;
use lineal_kernel::{Caller, Digest, ModelName, Name, Slot, Timestamp};
use serde::Serialize;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Drive,
    train::{Reusable, Training},
};
use crate::{
    app::{App, BEAT},
    domain::{
        Graph, NodeKind, PipelineRunId, PipelineStep, RowsNode, SourceFormat, SpecDraft, StepInput, StepOutput,
        StepState, Task,
    },
    registry::{Promoted, Promotion, RegistryError},
    validator::{Candidate, ValidatorError},
};

/// How long a step waits at least before it tries again to reach whom it needs.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How a step ended.
pub(super) enum StepEnd {
    /// With a result, and what to say of it.
    Done(StepOutput, String),
    /// With the result of an earlier run.
    Reused(PipelineRunId, StepOutput),
    /// Not yet: now it is known which settings it uses.
    Settings(Digest),
    /// Not yet: whom it needs cannot be reached, and what was said of that.
    Away(String),
    /// Without one, and why.
    Without(StepState, String),
    /// The store failed; the step goes on when somebody takes the run up again.
    Store(StoreError),
}

/// What makes a result: nothing else may.
#[derive(Serialize)]
struct Key<'a> {
    task: &'a Task,
    inputs: Vec<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Digest>,
    release: &'a str,
    /// Of a training.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Rows<'a>>,
}

/// What decides on the rows of a training beside their file.
#[derive(Serialize)]
pub(super) struct Rows<'a> {
    dataset: &'a str,
    format: Option<SourceFormat>,
    /// Digest of those in force.
    expectations: Digest,
    table_limit: usize,
}

impl Drive {
    /// What the node is given.
    pub(super) fn inputs(&self, node: &str) -> Vec<StepInput> {
        let input = |id: &String| {
            let digest = self.run.step(id)?.output.digest?;
            Some(StepInput { node: id.clone(), digest })
        };
        self.graph.node(node).into_iter().flat_map(|known| &known.inputs).filter_map(input).collect()
    }

    /// The key of the result of a step that is given all there is.
    pub(super) fn key(&self, step: &PipelineStep, rows: Option<Rows<'_>>) -> Result<Digest, StoreError> {
        let node = &step.node;
        let task = self.graph.task(node).ok_or_else(|| StoreError::corrupt(format!("there is no node `{node}`")))?;
        let source = self.run.sources.get(node).copied();
        let inputs = step.inputs.iter().map(|input| input.digest).chain(source).collect();
        let key = Key { task, inputs, settings: step.settings, release: &self.app.settings.release, rows };
        let key = serde_json::to_vec(&key).map_err(|error| StoreError::Backend(error.into()))?;
        Ok(Digest::of(&key))
    }

    /// Whether it has to be read first which settings the step uses.
    pub(super) fn waits_for_settings(&self, step: &PipelineStep) -> bool {
        step.settings.is_none() && self.graph.needs_settings(&step.node)
    }

    /// Which result of an earlier run will do. Verdicts and promotions depend on the champion: they are not reused.
    fn reusable(&self, step: &PipelineStep) -> Option<Reusable> {
        let key = step.key.filter(|_| step.kind == NodeKind::Train && !self.graph.needs_champion(&step.node))?;
        let now = self.app.clock.now();
        let since = match self.run.max_staleness {
            Some(age) if age.is_zero() => return None,
            Some(age) => {
                Timestamp::from_micros(now.micros().saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX)))
            }
            None => Timestamp::from_micros(i64::MIN),
        };
        Some(Reusable { key, since })
    }

    /// Lets the step run. To begin it again does nothing twice: every call has the key of this attempt.
    pub(super) fn begin(&mut self, step: &PipelineStep) {
        self.take_up(step, self.work(step));
    }

    /// Lets it work on a task of its own: it may be its turn to write while this one waits for its own.
    fn take_up(&mut self, step: &PipelineStep, work: BoxFuture<'static, StepEnd>) {
        let (node, task) = (step.node.clone(), AbortOnDropHandle::new(tokio::spawn(work)));
        let broke_off = |error| failed(format!("the step broke off: {error}"));
        self.under_way.push(task.map(move |end| (node, end.unwrap_or_else(broke_off))).boxed());
    }

    /// Begins a step again that could not reach whom it needs, after as long as it has tried already.
    pub(super) fn begin_again(&mut self, step: &PipelineStep) {
        let (app, stop, work) = (Arc::clone(&self.app), self.stop.clone(), self.work(step));
        let now = app.clock.now();
        let tried = now.micros().saturating_sub(step.start_time.unwrap_or(now).micros());
        let tried = Duration::from_micros(u64::try_from(tried).unwrap_or_default());
        let time = now.plus(tried.clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        let waiting = async move {
            match stop.run_until_cancelled(app.wait_until(time)).await {
                Some(()) => work.await,
                None => StepEnd::Without(StepState::Cancelled, "the run was cancelled".to_owned()),
            }
        };
        self.take_up(step, waiting.boxed());
    }

    /// What the step does.
    fn work(&self, step: &PipelineStep) -> BoxFuture<'static, StepEnd> {
        let (app, node, stop) = (Arc::clone(&self.app), step.node.clone(), self.stop.clone());
        let request_id = format!("{}:{}:{}", self.run.id, step.node, step.attempt);
        let input = self.graph.node(&node).and_then(|known| self.run.step(known.inputs.first()?));
        let given = input.map(|input| input.output.clone()).unwrap_or_default();
        match self.graph.task(&node) {
            Some(Task::Data(_)) => {
                let digest = self.run.sources.get(&node).copied();
                done(StepOutput { digest, ..StepOutput::default() }, "its file is fixed for this run")
            }
            Some(Task::Split(_) | Task::Resample(_) | Task::Features(_)) => {
                done(StepOutput { digest: step.key, ..StepOutput::default() }, "part of the recipe")
            }
            Some(Task::Train(_)) if self.waits_for_settings(step) => {
                let draft = self.job_of(step);
                async move { app.settings_step(&draft, stop).await }.boxed()
            }
            Some(Task::Train(_)) => {
                let (draft, features) = (self.job_of(step), self.graph.declared(&node));
                let training = Training { draft, features, reusable: self.reusable(step), request_id };
                let caller = Caller { actor: self.run.actor.clone(), ..Caller::service("trainer") };
                async move { app.train_step(&caller, training, stop).await }.boxed()
            }
            Some(Task::Validate(judgement)) => {
                let (slot, policy) = (self.slot_of(&node), judgement.policy.clone());
                let candidate = ModelName::new(&given.model).map(|model| Candidate {
                    model,
                    slot,
                    number: given.version,
                    policy,
                    request_id,
                });
                async move {
                    match candidate {
                        Ok(candidate) => app.validate_step(&candidate).await,
                        Err(error) => failed(error.to_string()),
                    }
                }
                .boxed()
            }
            Some(Task::Promote(terms)) => {
                let (slot, terms) = (self.slot_of(&node), terms.clone());
                let promotion = ModelName::new(&given.model).map(|model| Promotion {
                    model,
                    slot,
                    number: given.version,
                    expected_champion: given.champion,
                    report_id: given.report_id,
                    terms,
                    request_id,
                });
                async move {
                    match promotion {
                        Ok(promotion) => app.promote_step(&promotion).await,
                        Err(error) => failed(error.to_string()),
                    }
                }
                .boxed()
            }
            None => async { failed("the node is gone".to_owned()) }.boxed(),
        }
    }

    /// The job of a train node: the recipe before it, the file of this run, the versions that its upstreams have just made, and the
    /// settings of this attempt.
    fn job_of(&self, step: &PipelineStep) -> SpecDraft {
        let node = &step.node;
        let source = self.graph.source_of(node).and_then(|source| self.run.sources.get(source));
        let digest = source.map(ToString::to_string).unwrap_or_default();
        let made = |id: &str| self.run.step(id).map_or(0, |step| step.output.version);
        let draft = self.graph.draft(node, &digest, made).unwrap_or_default();
        let settings_digest = step.settings.map_or(draft.settings_digest, |digest| digest.to_string());
        let (pipeline_id, node_id) = (self.run.pipeline.to_string(), node.clone());
        SpecDraft { pipeline_id, node_id, settings_digest, ..draft }
    }

    /// The slot of the train node that a judgement or promotion is about.
    fn slot_of(&self, node: &str) -> Slot {
        let mut at = node;
        while let Some(known) = self.graph.node(at) {
            if let Task::Train(draft) = &known.task {
                return Slot::new(draft.slot.clone()).unwrap_or_default();
            }
            let Some(before) = known.inputs.first() else { break };
            at = before;
        }
        Slot::default()
    }
}

impl App {
    /// What decides now on the rows of a train node: a split or an expectation is known by its dataset, not by a file.
    pub(super) async fn rows_of<'a>(&self, graph: &'a Graph, node: &str) -> Result<Option<Rows<'a>>, StoreError> {
        let source = graph.source_of(node).and_then(|source| graph.task(source));
        let (Some(Task::Train(_)), Some(Task::Data(rows))) = (graph.task(node), source) else { return Ok(None) };
        let RowsNode { dataset, format, digest: _ } = rows;
        let name = Name::new(dataset).map_err(|error| StoreError::Backend(error.into()))?;
        let expectations = self.expectations(&name).await?.digest();
        let expectations = expectations.map_err(|error| StoreError::Backend(error.into()))?;
        Ok(Some(Rows { dataset, format: *format, expectations, table_limit: self.settings.table_limit }))
    }

    /// Returns once it is `time`.
    async fn wait_until(&self, time: Timestamp) {
        while self.clock.now() < time {
            tokio::time::sleep(BEAT).await;
        }
    }

    async fn validate_step(&self, candidate: &Candidate) -> StepEnd {
        let verdict = match self.validator.validate(candidate).await {
            Ok(verdict) => verdict,
            Err(error @ ValidatorError::Unavailable { .. }) => return StepEnd::Away(error.to_string()),
            Err(error) => return failed(error.to_string()),
        };
        let (model, number) = (candidate.model.to_string(), candidate.number);
        let message = if verdict.passed {
            format!("{model} {number} passed")
        } else {
            format!("{model} {number} did not pass: {}", verdict.problem)
        };
        let output = StepOutput {
            digest: Some(Digest::of(verdict.report_id.as_bytes())),
            model,
            version: number,
            report_id: verdict.report_id,
            passed: verdict.passed,
            champion: verdict.champion,
            verdict: verdict.problem,
            ..StepOutput::default()
        };
        StepEnd::Done(output, message)
    }

    async fn promote_step(&self, promotion: &Promotion) -> StepEnd {
        let (model, version) = (promotion.model.to_string(), promotion.number);
        let report_id = promotion.report_id.clone();
        let output = StepOutput { model, version, report_id, passed: true, ..StepOutput::default() };
        match self.registry.promote(promotion).await {
            Ok(Promoted { promotion_id, generation }) => {
                let message = format!("{} {version} is champion", output.model);
                let digest = Some(Digest::of(promotion_id.as_bytes()));
                StepEnd::Done(StepOutput { digest, promotion_id, generation, ..output }, message)
            }
            // Somebody was faster, or the answer to an earlier attempt was lost.
            Err(RegistryError::AlreadyChampion { .. }) => {
                let message = format!("{} {version} is champion already", output.model);
                StepEnd::Done(output, message)
            }
            Err(error @ RegistryError::Unavailable { .. }) => StepEnd::Away(error.to_string()),
            Err(error) => failed(error.to_string()),
        }
    }
}

pub(super) fn failed(why: String) -> StepEnd {
    StepEnd::Without(StepState::Failed, why)
}

fn done<'a>(output: StepOutput, message: &str) -> BoxFuture<'a, StepEnd> {
    std::future::ready(StepEnd::Done(output, message.to_owned())).boxed()
}
