//! Between the messages of pipelines and the domain's types.

use std::collections::BTreeMap;

use lineal_data::FeatureSet;
use lineal_kernel::{FieldError, FieldErrors, PageRequest, RequestId};
use lineal_models::Family;
use lineal_proto::lineal::{
    registry::v1::{ReloadPolicy as WirePolicy, VersionReference},
    trainer::v1::{self as pb, pipeline_node::Kind},
    validator::v1::{MetricLimit, Policy},
};

use super::{
    convert,
    feature_set_convert::{declaration, declared, with_unread},
};
use crate::domain::{
    FeaturesNode, FullPipeline, Graph, Node, Pipeline, PipelineEvent, PipelineId, PipelineRun, PipelineRunFilter,
    PipelineRunState, PipelineStep, PromoteNode, ReloadPolicy, RowsNode, RunPipeline, SourceFormat, SplitNode,
    StepState, Task, ValidateNode, ValidationLimits,
};

pub(super) fn graph(spec: pb::PipelineSpec, families: &[&'static dyn Family]) -> Result<Graph, FieldErrors> {
    let (mut errors, mut unread) = (FieldErrors::default(), FieldErrors::default());
    let mut nodes = Vec::new();
    for (i, node) in spec.nodes.into_iter().enumerate() {
        let kind = node.kind.ok_or_else(|| {
            let problem = "say what the node does: data, split, resample, features, train, validate or promote";
            FieldError::new(format!("nodes[{i}]"), problem)
        });
        if let Some(kind) = errors.check(kind) {
            let task = task(kind, |error| unread.0.push(unread_in(&node.id, error)));
            nodes.push((node.id, Node { inputs: node.inputs, after: node.after.into_iter().collect(), task }));
        }
    }
    // A node without a kind makes edges to it look wrong: it is told alone.
    let graph = if errors.0.is_empty() { with_unread(Graph::check(nodes, families), unread) } else { Err(errors) };
    graph.map_err(|wrong| FieldErrors(wrong.0.into_iter().map(|error| error.under("spec")).collect()))
}

/// Where a features node says what cannot be read.
fn unread_in(node: &str, error: FieldError) -> FieldError {
    error.under(&format!("nodes.{node}.features.feature_set"))
}

fn task(kind: Kind, unread: impl FnMut(FieldError)) -> Task {
    match kind {
        Kind::Data(source) => Task::Data(rows(source)),
        Kind::Split(cut) => Task::Split(split(cut)),
        Kind::Resample(resampling) => Task::Resample(convert::resampling(resampling)),
        Kind::Features(set) => Task::Features(features(set, unread)),
        Kind::Train(spec) => Task::Train(Box::new(convert::draft(spec))),
        Kind::Validate(wish) => Task::Validate(judgement(wish)),
        Kind::Promote(wish) => Task::Promote(promotion(wish)),
    }
}

fn limits(policy: Policy) -> ValidationLimits {
    ValidationLimits {
        limits: policy.limits.into_iter().map(|limit| (limit.metric, limit.limit)).collect(),
        comparison_metric: policy.comparison_metric,
        skip_comparison: policy.skip_comparison,
    }
}

/// The graph of a chain, and how it is to be run.
pub(super) fn full_pipeline(
    request: pb::TrainFullPipelineRequest,
    families: &[&'static dyn Family],
) -> Result<(Graph, pb::RunPipelineRequest), FieldErrors> {
    let mut unread = FieldErrors::default();
    let told = |error| unread.0.push(unread_in(FullPipeline::FEATURES, error));
    let chain = FullPipeline {
        rows: rows(request.source.unwrap_or_default()),
        split: split(request.split.unwrap_or_default()),
        features: request.features.map(|set| features(set, told)),
        members: request.members.into_iter().map(convert::draft).collect(),
        validate: judgement(request.validate.unwrap_or_default()),
        promote: promotion(request.promote.unwrap_or_default()),
    };
    let wish = pb::RunPipelineRequest {
        max_staleness: request.max_staleness,
        rerun: request.rerun,
        request_id: request.request_id,
        ..pb::RunPipelineRequest::default()
    };
    Ok((with_unread(Graph::check(chain.nodes(), families), unread)?, wish))
}

fn rows(source: pb::DataSource) -> RowsNode {
    let format = match source.format() {
        pb::SourceFormat::Unspecified => None,
        pb::SourceFormat::Csv => Some(SourceFormat::Csv),
        pb::SourceFormat::Parquet => Some(SourceFormat::Parquet),
    };
    RowsNode { dataset: source.dataset, digest: source.digest, format }
}

fn split(split: pb::SplitNode) -> SplitNode {
    SplitNode { version: split.version, reference_fraction: split.reference_fraction }
}

/// What cannot be read of a declaration is told with its path in the set.
fn features(node: pb::FeaturesNode, mut unread: impl FnMut(FieldError)) -> FeaturesNode {
    let pb::FeaturesNode { version, exclude_columns, feature_set } = node;
    let feature_set = feature_set.map(|set| {
        let elsewhere = [
            ("model", &set.model, "the train nodes after this one say it, leave it out here"),
            ("name", &set.name, "the version of the node says it, leave it out here"),
        ];
        for (field, _, problem) in elsewhere.into_iter().filter(|(_, text, _)| !text.is_empty()) {
            unread(FieldError::new(field, problem));
        }
        let (features, history, wrong) = declaration(set);
        wrong.0.into_iter().for_each(&mut unread);
        FeatureSet { version: version.clone(), features, history }
    });
    FeaturesNode { version, exclude_columns, feature_set }
}

fn judgement(judgement: pb::ValidateNode) -> ValidateNode {
    ValidateNode { policy: judgement.policy.map(limits) }
}

fn promotion(promotion: pb::PromoteNode) -> PromoteNode {
    let policy = match promotion.policy() {
        WirePolicy::Unspecified | WirePolicy::All => ReloadPolicy::All,
        WirePolicy::None => ReloadPolicy::None,
        WirePolicy::Quorum => ReloadPolicy::Quorum(promotion.quorum),
    };
    PromoteNode { policy, reason: promotion.reason }
}

pub(super) fn run_pipeline(request: pb::RunPipelineRequest) -> Result<RunPipeline, FieldErrors> {
    let mut errors = FieldErrors::default();
    let mut sources = BTreeMap::new();
    for (node, digest) in request.sources {
        let digest =
            digest.parse().map_err(|error: FieldError| FieldError::new(format!("sources.{node}"), error.problem));
        if let Some(digest) = errors.check(digest) {
            sources.insert(node, digest);
        }
    }
    let request_id = match request.request_id.as_str() {
        "" => Some(RequestId::random()),
        text => errors.check(RequestId::new(text).map_err(|error| error.under("request_id"))),
    };
    errors.into_result(|| {
        Some(RunPipeline {
            pipeline: PipelineId::from(request.pipeline_id),
            sources,
            until: Some(request.until).filter(|until| !until.is_empty()),
            max_staleness: request.max_staleness.map(convert::length),
            rerun: request.rerun,
            request_id: request_id?,
        })
    })
}

pub(super) fn list_runs(
    request: &pb::ListPipelineRunsRequest,
    query: &str,
) -> Result<(PipelineRunFilter, PageRequest), FieldErrors> {
    let mut errors = FieldErrors::default();
    let state = match pb::PipelineRunState::try_from(request.state) {
        Ok(pb::PipelineRunState::Unspecified) => None,
        Ok(pb::PipelineRunState::Running) => Some(PipelineRunState::Running),
        Ok(pb::PipelineRunState::Succeeded) => Some(PipelineRunState::Succeeded),
        Ok(pb::PipelineRunState::Failed) => Some(PipelineRunState::Failed),
        Ok(pb::PipelineRunState::Cancelled) => Some(PipelineRunState::Cancelled),
        Err(_) => errors.check(Err(FieldError::new("state", "unknown, see PipelineRunState"))),
    };
    let page = errors.check(PageRequest::new(request.page_size, &request.page_token, query));
    let pipeline = Some(request.pipeline_id.clone()).filter(|id| !id.is_empty()).map(PipelineId::from);
    errors.into_result(|| Some((PipelineRunFilter { pipeline, state }, page?)))
}

pub(super) fn pipeline(pipeline: Pipeline) -> pb::Pipeline {
    let node = |(id, node): (&str, &Node)| pb::PipelineNode {
        id: id.to_owned(),
        inputs: node.inputs.clone(),
        after: node.after.iter().cloned().collect(),
        kind: Some(kind(&node.task)),
    };
    pb::Pipeline {
        pipeline_id: pipeline.id.to_string(),
        spec: Some(pb::PipelineSpec { nodes: pipeline.graph.nodes().map(node).collect() }),
        actor: pipeline.actor,
        create_time: Some(lineal_rpc::timestamp(pipeline.create_time)),
    }
}

fn kind(task: &Task) -> Kind {
    match task {
        Task::Data(rows) => Kind::Data(pb::DataSource {
            dataset: rows.dataset.clone(),
            digest: rows.digest.clone(),
            format: rows.format.map_or(pb::SourceFormat::Unspecified, convert::written).into(),
        }),
        Task::Split(split) => {
            Kind::Split(pb::SplitNode { version: split.version.clone(), reference_fraction: split.reference_fraction })
        }
        Task::Resample(resampling) => Kind::Resample(convert::resampled(*resampling)),
        Task::Features(features) => Kind::Features(pb::FeaturesNode {
            version: features.version.clone(),
            exclude_columns: features.exclude_columns.clone(),
            feature_set: features.feature_set.as_ref().map(declared),
        }),
        Task::Train(draft) => Kind::Train(convert::given_spec(draft)),
        Task::Validate(judgement) => Kind::Validate(pb::ValidateNode { policy: judgement.policy.as_ref().map(policy) }),
        Task::Promote(promotion) => {
            let (policy, quorum) = match promotion.policy {
                ReloadPolicy::All => (WirePolicy::All, 0),
                ReloadPolicy::None => (WirePolicy::None, 0),
                ReloadPolicy::Quorum(needed) => (WirePolicy::Quorum, needed),
            };
            Kind::Promote(pb::PromoteNode { policy: policy.into(), quorum, reason: promotion.reason.clone() })
        }
    }
}

fn policy(limits: &ValidationLimits) -> Policy {
    let limit = |(metric, limit): &(String, f64)| MetricLimit { metric: metric.clone(), limit: *limit };
    Policy {
        limits: limits.limits.iter().map(limit).collect(),
        comparison_metric: limits.comparison_metric.clone(),
        skip_comparison: limits.skip_comparison,
    }
}

pub(super) fn run(run: PipelineRun) -> pb::PipelineRun {
    pb::PipelineRun {
        pipeline_run_id: run.id.to_string(),
        pipeline_id: run.pipeline.to_string(),
        state: run_state(run.state).into(),
        steps: run.steps.into_iter().map(step).collect(),
        until: run.until.unwrap_or_default(),
        sources: run.sources.into_iter().map(|(node, digest)| (node, digest.to_string())).collect(),
        max_staleness: run.max_staleness.map(lineal_rpc::duration),
        actor: run.actor,
        create_time: Some(lineal_rpc::timestamp(run.create_time)),
        end_time: run.end_time.map(lineal_rpc::timestamp),
        last_sequence: run.last_sequence,
    }
}

fn step(step: PipelineStep) -> pb::PipelineStep {
    let output = &step.output;
    let version =
        (output.version > 0).then(|| VersionReference { model: output.model.clone(), number: output.version });
    let artifact_uri =
        version.as_ref().map(|version| format!("models:/{}/{}", version.model, version.number)).unwrap_or_default();
    let output = pb::PipelineStepOutput {
        digest: output.digest.map(|digest| digest.to_string()).unwrap_or_default(),
        job_id: output.job_id.clone(),
        version,
        artifact_uri,
        report_id: output.report_id.clone(),
        passed: output.passed,
        promotion_id: output.promotion_id.clone(),
        generation: output.generation,
    };
    let input = |input: crate::domain::StepInput| pb::PipelineStepInput {
        node_id: input.node,
        digest: input.digest.to_string(),
    };
    pb::PipelineStep {
        kind: step.kind.as_str().to_owned(),
        state: step_state(step.state).into(),
        attempt: step.attempt,
        inputs: step.inputs.into_iter().map(input).collect(),
        key: step.key.map(|key| key.to_string()).unwrap_or_default(),
        output: Some(output),
        settings_digest: step.settings.map(|digest| digest.to_string()).unwrap_or_default(),
        reused_from: step.reused_from.unwrap_or_default(),
        message: step.message,
        start_time: step.start_time.map(lineal_rpc::timestamp),
        end_time: step.end_time.map(lineal_rpc::timestamp),
        node_id: step.node,
    }
}

pub(super) fn event(event: PipelineEvent) -> pb::PipelineEvent {
    pb::PipelineEvent {
        sequence: event.sequence,
        create_time: Some(lineal_rpc::timestamp(event.create_time)),
        actor: event.actor,
        state: run_state(event.state).into(),
        step: event.step.map(step),
        message: event.message,
    }
}

fn run_state(state: PipelineRunState) -> pb::PipelineRunState {
    match state {
        PipelineRunState::Running => pb::PipelineRunState::Running,
        PipelineRunState::Succeeded => pb::PipelineRunState::Succeeded,
        PipelineRunState::Failed => pb::PipelineRunState::Failed,
        PipelineRunState::Cancelled => pb::PipelineRunState::Cancelled,
    }
}

fn step_state(state: StepState) -> pb::PipelineStepState {
    match state {
        StepState::Waiting => pb::PipelineStepState::Waiting,
        StepState::Running => pb::PipelineStepState::Running,
        StepState::Succeeded => pb::PipelineStepState::Succeeded,
        StepState::Failed => pb::PipelineStepState::Failed,
        StepState::Skipped => pb::PipelineStepState::Skipped,
        StepState::Cancelled => pb::PipelineStepState::Cancelled,
        StepState::Declined => pb::PipelineStepState::Declined,
    }
}
