//! Pipelines and runs as tables; nodes stand under what they need.

use std::collections::BTreeMap;

use lineal_proto::{
    lineal::trainer::v1::{
        FeaturesNode, JobSpec, ListPipelineRunsResponse, ListPipelinesResponse, Pipeline, PipelineNode, PipelineRun,
        PipelineRunState, PipelineStep, PipelineStepState, pipeline_node::Kind,
    },
    pbjson_types::Timestamp,
};

use crate::cli::{
    format,
    output::{Style, Table, bad, cell, good},
};

/// The nodes of a graph with their depths: each under the last of its inputs, in the order of the file.
pub(super) fn tree(pipeline: &Pipeline) -> Vec<(usize, &PipelineNode)> {
    let nodes = pipeline.spec.as_ref().map_or(&[][..], |spec| &spec.nodes);
    let mut found = Vec::new();
    for root in nodes.iter().filter(|node| node.inputs.is_empty()) {
        under(nodes, root, 0, &mut found);
    }
    found
}

fn under<'a>(
    nodes: &'a [PipelineNode],
    node: &'a PipelineNode,
    depth: usize,
    found: &mut Vec<(usize, &'a PipelineNode)>,
) {
    found.push((depth, node));
    for child in nodes.iter().filter(|child| child.inputs.last() == Some(&node.id)) {
        under(nodes, child, depth + 1, found);
    }
}

/// A node's name, indented by its depth.
pub(super) fn name(depth: usize, node: &PipelineNode) -> String {
    format!("{}{}", "  ".repeat(depth), node.id)
}

/// The word of a step's state.
pub(super) fn word(step: &PipelineStep) -> String {
    format::word(step.state().as_str_name(), "PIPELINE_STEP_STATE_")
}

/// How long a step took, e.g. `1.4 s`; empty until it has ended.
pub(super) fn took(step: &PipelineStep) -> String {
    let seconds = |time: &Timestamp| time.seconds as f64 + f64::from(time.nanos) / 1e9;
    let span = step.start_time.as_ref().zip(step.end_time.as_ref());
    span.map(|(start, end)| format!("{:.1} s", seconds(end) - seconds(start))).unwrap_or_default()
}

/// What a step made, e.g. `churn 3`, and what there is to say of it.
pub(super) fn result(step: &PipelineStep) -> (String, String) {
    let output = step.output.clone().unwrap_or_default();
    let version = output.version.map(|version| format!("{} {}", version.model, version.number)).unwrap_or_default();
    let verdict = match (step.kind.as_str(), step.state()) {
        ("validate", PipelineStepState::Succeeded) if output.passed => "passed",
        ("validate", PipelineStepState::Succeeded) => "did not pass",
        _ => "",
    };
    let reused = if step.reused_from.is_empty() { String::new() } else { format!("reused from {}", step.reused_from) };
    let settings = match step.settings_digest.as_str() {
        "" => String::new(),
        digest => format!("settings {}", format::digest(digest)),
    };
    let words = [verdict.to_owned(), settings, reused, step.message.clone()];
    (version, words.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", "))
}

pub(super) fn run(run: &PipelineRun, pipeline: &Pipeline, style: Style) -> String {
    let headline = style.heading(&format!("{} {}", run.pipeline_id, run_word(run.state())));
    let mut facts = Table::headless(style);
    facts.fact("run", &run.pipeline_run_id);
    facts.fact("until", &run.until);
    facts.fact("actor", &run.actor);
    facts.fact("started", format::time(run.create_time.as_ref()));
    facts.fact("ended", format::time(run.end_time.as_ref()));
    let steps: BTreeMap<_, _> = run.steps.iter().map(|step| (step.node_id.as_str(), step)).collect();
    let mut table = Table::new(style, &["STEP", "STATE", "TIME", "VERSION", "DETAIL"]);
    for (depth, node) in tree(pipeline) {
        let Some(step) = steps.get(node.id.as_str()) else { continue };
        let state = match step.state() {
            PipelineStepState::Succeeded => good(word(step)),
            PipelineStepState::Failed => bad(word(step)),
            _ => cell(word(step)),
        };
        let (version, detail) = result(step);
        table.add([cell(name(depth, node)), state, cell(took(step)), cell(version), cell(detail)]);
    }
    let id = &run.pipeline_run_id;
    let next = match run.state() {
        PipelineRunState::Running => format!("next: lineal pipeline watch {id}\n"),
        PipelineRunState::Failed | PipelineRunState::Cancelled => format!("next: lineal pipeline resume {id}\n"),
        PipelineRunState::Succeeded | PipelineRunState::Unspecified => String::new(),
    };
    format!("{headline}\n{}\n{}{next}", facts.render(), table.render())
}

pub(super) fn pipeline(pipeline: &Pipeline, style: Style) -> String {
    let mut table = Table::new(style, &["NODE", "KIND", "DETAIL", "AFTER"]);
    for (depth, node) in tree(pipeline) {
        let (kind, detail) = match &node.kind {
            Some(Kind::Data(rows)) => ("data", format!("{} {}", rows.dataset, format::digest(&rows.digest))),
            Some(Kind::Split(split)) => ("split", split.version.clone()),
            Some(Kind::Resample(resampling)) => {
                ("resample", format::word(resampling.method().as_str_name(), "RESAMPLE_METHOD_"))
            }
            Some(Kind::Features(features)) => ("features", columns(features)),
            Some(Kind::Train(job)) => ("train", training(job)),
            Some(Kind::Validate(_)) => ("validate", String::new()),
            Some(Kind::Promote(promotion)) => ("promote", promotion.reason.clone()),
            None => ("", String::new()),
        };
        table.add([cell(name(depth, node)), cell(kind), cell(detail.trim_end()), cell(node.after.join(", "))]);
    }
    let headline = style.heading(&pipeline.pipeline_id);
    format!("{headline}\n{}next: lineal pipeline run {}\n", table.render(), pipeline.pipeline_id)
}

/// The name of features, and how many the graph declares.
fn columns(features: &FeaturesNode) -> String {
    match &features.feature_set {
        Some(set) => format!("{}, {} declared", features.version, set.features.len()),
        None => features.version.clone(),
    }
}

fn training(job: &JobSpec) -> String {
    let settings = if job.use_settings { "by its settings" } else { "" };
    let words = [job.model.as_str(), &job.family, settings];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
}

pub(super) fn pipelines(answer: &ListPipelinesResponse, style: Style) -> String {
    let mut table = Table::new(style, &["PIPELINE", "NODES", "MODELS", "CREATED", "ACTOR"]);
    for pipeline in &answer.pipelines {
        let nodes = pipeline.spec.as_ref().map_or(&[][..], |spec| &spec.nodes);
        let models = nodes.iter().filter_map(|node| match &node.kind {
            Some(Kind::Train(job)) => Some(job.model.as_str()),
            _ => None,
        });
        table.add([
            cell(&pipeline.pipeline_id),
            cell(nodes.len()),
            cell(models.collect::<Vec<_>>().join(", ")),
            cell(format::time(pipeline.create_time.as_ref())),
            cell(&pipeline.actor),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

pub(super) fn runs(answer: &ListPipelineRunsResponse, style: Style) -> String {
    let mut table = Table::new(style, &["RUN", "PIPELINE", "STATE", "STARTED", "ENDED", "ACTOR"]);
    for run in &answer.pipeline_runs {
        table.add([
            cell(&run.pipeline_run_id),
            cell(&run.pipeline_id),
            match run.state() {
                PipelineRunState::Succeeded => good(run_word(run.state())),
                PipelineRunState::Failed => bad(run_word(run.state())),
                _ => cell(run_word(run.state())),
            },
            cell(format::time(run.create_time.as_ref())),
            cell(format::time(run.end_time.as_ref())),
            cell(&run.actor),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

fn run_word(state: PipelineRunState) -> String {
    format::word(state.as_str_name(), "PIPELINE_RUN_STATE_")
}

#[cfg(test)]
mod tests {
    use lineal_proto::lineal::{
        registry::v1::VersionReference,
        trainer::v1::{Feature, FeatureSet, PipelineSpec, PipelineStepOutput},
    };

    use super::*;

    #[test]
    fn a_node_says_what_is_declared_and_what_is_left_to_settings() {
        // F63, F88
        let set = FeatureSet { features: vec![Feature::default(); 3], ..FeatureSet::default() };
        let mut node = FeaturesNode { version: "v2".to_owned(), feature_set: Some(set), ..FeaturesNode::default() };
        assert_eq!(columns(&node), "v2, 3 declared");
        node.feature_set = None;
        assert_eq!(columns(&node), "v2");
        let mut job = JobSpec { model: "churn".to_owned(), use_settings: true, ..JobSpec::default() };
        assert_eq!(training(&job), "churn, by its settings");
        (job.family, job.use_settings) = ("ridge".to_owned(), false);
        assert_eq!(training(&job), "churn, ridge");
    }

    #[test]
    fn steps_stand_under_what_they_need() {
        let node = |id: &str, inputs: &[&str]| PipelineNode {
            id: id.to_owned(),
            inputs: inputs.iter().map(ToString::to_string).collect(),
            ..PipelineNode::default()
        };
        let nodes = vec![
            node("crown", &["judge"]),
            node("fraud", &["rows"]),
            node("judge", &["churn"]),
            node("churn", &["rows"]),
            node("rows", &[]),
        ];
        let pipeline = Pipeline { spec: Some(PipelineSpec { nodes }), ..Pipeline::default() };
        let step = |id: &str, kind: &str, state: PipelineStepState, message: &str| PipelineStep {
            node_id: id.to_owned(),
            kind: kind.to_owned(),
            state: state.into(),
            message: message.to_owned(),
            start_time: Some(Timestamp { seconds: 10, nanos: 0 }),
            end_time: Some(Timestamp { seconds: 11, nanos: 500_000_000 }),
            ..PipelineStep::default()
        };
        let version = Some(VersionReference { model: "churn".to_owned(), number: 3 });
        let digest = lineal_kernel::Digest::of(b"");
        let output = Some(PipelineStepOutput { version, ..PipelineStepOutput::default() });
        let run = PipelineRun {
            pipeline_run_id: "r-1".to_owned(),
            pipeline_id: "churn_ab".to_owned(),
            state: PipelineRunState::Failed.into(),
            steps: vec![
                PipelineStep {
                    output,
                    settings_digest: digest.to_string(),
                    ..step("churn", "train", PipelineStepState::Succeeded, "")
                },
                step("judge", "validate", PipelineStepState::Succeeded, ""),
                step("crown", "promote", PipelineStepState::Declined, "auc floor"),
                step("fraud", "train", PipelineStepState::Failed, "no rows"),
                step("rows", "data", PipelineStepState::Succeeded, ""),
            ],
            ..PipelineRun::default()
        };
        assert_eq!(
            super::run(&run, &pipeline, Style::default()),
            "churn_ab failed\n\
             run  r-1\n\
             \n\
             STEP         STATE      TIME   VERSION  DETAIL\n\
             rows         succeeded  1.5 s\n\
             \u{20} fraud      failed     1.5 s           no rows\n\
             \u{20} churn      succeeded  1.5 s  churn 3  settings e3b0c44298fc\n\
             \u{20}   judge    succeeded  1.5 s           did not pass\n\
             \u{20}     crown  declined   1.5 s           auc floor\n\
             next: lineal pipeline resume r-1\n"
        );
    }
}
