//! Runs of pipelines: their order, failures, resumption and reuse.

use std::time::Duration;

use futures::StreamExt as _;
use lineal_kernel::Digest;
use lineal_proto::lineal::trainer::v1::{self as pb, pipeline_node::Kind, pipeline_service_server::PipelineService};
use lineal_rpc::reason_of;
use tonic::Request;

use super::{
    graphs::{after, branches, data, node, save, split, start, train, validate, wish},
    lab::{Lab, caller, customers},
};
use crate::{
    domain::{
        JobFilter, JobState, PipelineEvent, PipelineRun, PipelineRunId, PipelineRunState, PipelineStep, ReloadPolicy,
        RunPipeline, StepState, Stop, TrainerError,
    },
    grpc::TrainerGrpc,
};

/// Nothing in a test takes this long.
const PATIENCE: Duration = Duration::from_mins(1);

/// All events from `after` until the run has ended.
pub(super) async fn events(lab: &Lab, id: &PipelineRunId, after: u64) -> Vec<PipelineEvent> {
    let events = lab.app.watch_pipeline_run(id.clone(), after).await.unwrap();
    let events: Vec<_> = tokio::time::timeout(PATIENCE, events.collect()).await.unwrap();
    events.into_iter().map(Result::unwrap).collect()
}

/// Whether the event brings the step of `node` into this state.
fn told(event: &PipelineEvent, node: &str, state: StepState) -> bool {
    event.step.as_ref().is_some_and(|step| step.node == node && step.state == state)
}

/// All events up to the one that brings the step of `node` into this state.
pub(super) async fn until(lab: &Lab, id: &PipelineRunId, node: &str, state: StepState) -> Vec<PipelineEvent> {
    let mut live = Box::pin(lab.app.watch_pipeline_run(id.clone(), 0).await.unwrap());
    let mut log = Vec::new();
    while !log.last().is_some_and(|event| told(event, node, state)) {
        log.push(tokio::time::timeout(PATIENCE, live.next()).await.unwrap().unwrap().unwrap());
    }
    log
}

/// Works until the run has ended, then restarts.
pub(super) async fn finish(lab: &mut Lab, run: &PipelineRun) -> PipelineRun {
    let running = lab.run();
    events(lab, &run.id, run.last_sequence).await;
    running.stop().await;
    lab.restart();
    lab.app.pipeline_run(&run.id).await.unwrap()
}

pub(super) fn states(run: &PipelineRun) -> Vec<(&str, StepState)> {
    run.steps.iter().map(|step| (step.node.as_str(), step.state)).collect()
}

pub(super) fn step<'a>(run: &'a PipelineRun, node: &str) -> &'a PipelineStep {
    run.step(node).unwrap()
}

pub(super) async fn jobs(lab: &Lab) -> usize {
    lab.store.jobs(&JobFilter::default(), None, 100).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_goes_from_rows_to_a_champion_and_hands_on_exact_ids() {
    // F45, F69, F91
    let mut lab = Lab::new().await;
    let pipeline = save(&lab, branches(&lab, &[("churn", "logistic_regression")])).await.unwrap().pipeline_id;
    let run = start(&lab, &pipeline, |_| {}).await;
    let run = finish(&mut lab, &run).await;
    assert_eq!(run.state, PipelineRunState::Succeeded, "{:?}", states(&run));
    let output = &step(&run, "churn").output;
    let job = lab.app.job(&output.job_id.clone().into()).await.unwrap();
    assert_eq!((job.version, job.digest, job.actor.as_str()), (Some(output.version), output.digest, "ada"));
    let key = job.spec.node.as_ref().unwrap();
    assert_eq!((key.pipeline.as_str(), key.node.as_str()), (pipeline.as_str(), "churn"));
    assert_eq!(job.spec.split_version.as_ref().unwrap().as_str(), "v1");
    assert_eq!(job.spec.reference_fraction, Some(0.25));
    let candidate = lab.validator.known().candidates[0].clone();
    assert_eq!((candidate.model.as_str(), candidate.number), ("churn", output.version));
    let promoted = lab.registry.known().promotions[0].clone();
    assert_eq!((promoted.number, promoted.expected_champion), (1, 0));
    assert_eq!((promoted.report_id.as_str(), promoted.terms.policy), ("report on churn 1", ReloadPolicy::All));
    for pair in ["rows", "parts", "churn", "judge-churn"].windows(2) {
        let given = &step(&run, pair[1]).inputs[0];
        assert_eq!((given.node.as_str(), Some(given.digest)), (pair[0], step(&run, pair[0]).output.digest));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_after_the_wanted_one_are_not_run() {
    // F74
    let mut lab = Lab::new().await;
    let nodes = branches(&lab, &[("churn", "logistic_regression"), ("fraud", "logistic_regression")]);
    let pipeline = save(&lab, nodes).await.unwrap().pipeline_id;
    let run = start(&lab, &pipeline, |wish| wish.until = Some("churn".to_owned())).await;
    let run = finish(&mut lab, &run).await;
    let done = |node| (node, StepState::Succeeded);
    assert_eq!(states(&run), ["rows", "parts", "churn"].map(done));
    assert_eq!((jobs(&lab).await, lab.validator.known().candidates.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn independent_models_train_side_by_side_and_each_is_judged_after_its_own_training() {
    // F87
    let lab = Lab::new().await;
    let nodes = branches(&lab, &[("a", "endless"), ("b", "logistic_regression"), ("c", "endless")]);
    let pipeline = save(&lab, nodes).await.unwrap().pipeline_id;
    let run = start(&lab, &pipeline, |_| {}).await;
    let running = lab.run();
    let fitted = async |model: &str| loop {
        let jobs = lab.store.jobs(&JobFilter::default(), None, 10).await.unwrap();
        if let Some(job) = jobs.into_iter().find(|job| job.spec.model.as_str() == model) {
            break job.id;
        }
        tokio::task::yield_now().await;
    };
    // Two of three run at once, as many as the queue allows; once `a` is stopped, `b` is through while `c` still fits.
    let (a, c) = (fitted("a").await, fitted("c").await);
    lab.fitting(&a).await;
    lab.app.stop_job(&caller(), &a, Stop::Cancel).await.unwrap();
    lab.fitting(&c).await;
    let log = until(&lab, &run.id, "crown-b", StepState::Succeeded).await;
    assert!(!lab.stored(&c).await.state.is_final());
    let at = |node: &str, state: StepState| log.iter().position(|event| told(event, node, state)).unwrap();
    assert!(at("judge-b", StepState::Running) > at("b", StepState::Succeeded));
    assert!(!log.iter().any(|event| told(event, "judge-c", StepState::Running)), "`c` is not trained yet");
    lab.app.cancel_pipeline_run(&caller(), &run.id).await.unwrap();
    events(&lab, &run.id, 0).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_fails_or_does_not_pass_stops_no_other() {
    // F86, F102
    let mut lab = Lab::new().await;
    let mut nodes =
        branches(&lab, &[("broken", "panicking"), ("weak", "logistic_regression"), ("fine", "logistic_regression")]);
    // One after another: `fine` begins when the others have ended, whatever came of them.
    let fine = nodes.iter_mut().find(|node| node.id == "fine").unwrap();
    *fine = after(fine.clone(), &["broken", "crown-weak"]);
    lab.validator.known().failing = vec!["weak"];
    let pipeline = save(&lab, nodes).await.unwrap().pipeline_id;
    let run = start(&lab, &pipeline, |_| {}).await;
    let run = finish(&mut lab, &run).await;
    assert_eq!(run.state, PipelineRunState::Failed);
    let expect = [
        ("broken", StepState::Failed, "it panicked"),
        ("judge-broken", StepState::Skipped, "`broken` failed"),
        ("crown-broken", StepState::Skipped, "`judge-broken` skipped"),
        ("judge-weak", StepState::Succeeded, ""),
        ("crown-weak", StepState::Declined, "auc floor: 0.5 is below 0.75"),
        ("crown-fine", StepState::Succeeded, ""),
    ];
    for (node, state, message) in expect {
        let step = step(&run, node);
        assert_eq!(step.state, state, "{node}: {}", step.message);
        assert!(step.message.contains(message), "{node}: {}", step.message);
    }
    let promoted: Vec<_> = lab.registry.known().promotions.iter().map(|done| done.model.to_string()).collect();
    assert_eq!(promoted, ["fine"], "the others' champions are kept");
    assert!(step(&run, "fine").start_time >= step(&run, "crown-weak").end_time);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumed_run_runs_only_what_has_no_result() {
    // X5
    let mut lab = Lab::new().await;
    lab.validator.known().refusing = true;
    let pipeline = save(&lab, branches(&lab, &[("churn", "logistic_regression")])).await.unwrap().pipeline_id;
    let run = start(&lab, &pipeline, |_| {}).await;
    let failed = finish(&mut lab, &run).await;
    assert_eq!(failed.state, PipelineRunState::Failed);
    assert!(step(&failed, "judge-churn").message.contains("the reference set is empty"));
    lab.validator.known().refusing = false;
    let resumed = lab.app.resume_pipeline_run(&caller(), &run.id).await.unwrap();
    assert_eq!(resumed.state, PipelineRunState::Running);
    let run = finish(&mut lab, &resumed).await;
    assert_eq!(run.state, PipelineRunState::Succeeded);
    assert_eq!(jobs(&lab).await, 1, "nothing is trained again");
    assert_eq!(step(&run, "churn"), step(&failed, "churn"));
    assert_eq!((step(&run, "judge-churn").attempt, step(&run, "crown-churn").attempt), (2, 1));
    // Whoever watched the first end goes on watching.
    let log = events(&lab, &run.id, failed.last_sequence).await;
    assert_eq!((log[0].sequence, log[0].message.as_str()), (failed.last_sequence + 1, "resumed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_with_the_same_inputs_is_reused_and_says_so() {
    // X6
    let mut lab = Lab::new().await;
    let pipeline = save(&lab, branches(&lab, &[("churn", "logistic_regression")])).await.unwrap().pipeline_id;
    let first = start(&lab, &pipeline, |_| {}).await;
    finish(&mut lab, &first).await;
    lab.validator.known().champion = 1;
    lab.clock.advance(Duration::from_mins(10));
    let minutes = |minutes| Some(Duration::from_mins(minutes));
    let second = start(&lab, &pipeline, |wish| wish.max_staleness = minutes(20)).await;
    let second = finish(&mut lab, &second).await;
    assert_eq!((jobs(&lab).await, second.state), (1, PipelineRunState::Succeeded));
    assert_eq!(step(&second, "churn").reused_from.as_deref(), Some(first.id.as_str()));
    assert_eq!(step(&second, "churn").output.version, 1);
    assert_eq!(lab.validator.known().candidates.len(), 2, "the champion may have changed: it is judged anew");
    let told = events(&lab, &second.id, 0).await;
    assert!(told.iter().any(|event| event.message == format!("reused from {}", first.id)));
    // Too old, not wanted, or other rows.
    let others = lab.registry.add(&customers(400));
    let changes: [&dyn Fn(&mut RunPipeline); 3] =
        [&|wish| wish.max_staleness = minutes(5), &|wish| wish.max_staleness = minutes(0), &|wish| {
            wish.sources.insert("rows".to_owned(), others);
        }];
    for (i, change) in changes.into_iter().enumerate() {
        let run = start(&lab, &pipeline, change).await;
        let run = finish(&mut lab, &run).await;
        assert_eq!((jobs(&lab).await, step(&run, "churn").reused_from.as_ref()), (2 + i, None));
        lab.clock.advance(Duration::from_mins(10));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_run_cancels_its_jobs_and_begins_nothing_more() {
    // F78
    let lab = Lab::new().await;
    let nodes = branches(&lab, &[("slow", "endless"), ("next", "logistic_regression")]);
    let mut nodes: Vec<_> = nodes.into_iter().filter(|node| node.id != "next").collect();
    nodes.push(after(train("next", &["parts"], "logistic_regression"), &["slow"]));
    let pipeline = save(&lab, nodes).await.unwrap().pipeline_id;
    let run = start(&lab, &pipeline, |_| {}).await;
    let running = lab.run();
    let job = loop {
        if let Some(job) = lab.store.jobs(&JobFilter::default(), None, 1).await.unwrap().pop() {
            break job;
        }
        tokio::task::yield_now().await;
    };
    lab.fitting(&job.id).await;
    lab.app.cancel_pipeline_run(&caller(), &run.id).await.unwrap();
    events(&lab, &run.id, 0).await;
    running.stop().await;
    let run = lab.app.pipeline_run(&run.id).await.unwrap();
    assert_eq!(run.state, PipelineRunState::Cancelled);
    assert_eq!(lab.stored(&job.id).await.state, JobState::Cancelled);
    assert_eq!((step(&run, "slow").state, step(&run, "next").state), (StepState::Cancelled, StepState::Cancelled));
    assert_eq!(step(&run, "crown-slow").state, StepState::Skipped);
    assert_eq!(jobs(&lab).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_process_goes_on_where_the_old_one_stood() {
    // X5
    let mut lab = Lab::new().await;
    let pipeline = save(&lab, branches(&lab, &[("churn", "endless"), ("fraud", "logistic_regression")])).await;
    let run = start(&lab, &pipeline.unwrap().pipeline_id, |_| {}).await;
    let running = lab.run();
    let seen = until(&lab, &run.id, "crown-fraud", StepState::Succeeded).await.last().unwrap().sequence;
    running.stop().await;
    let before = lab.app.pipeline_run(&run.id).await.unwrap();
    assert_eq!((before.state, step(&before, "churn").state), (PipelineRunState::Running, StepState::Running));
    lab.restart();
    let running = lab.run();
    let job = &lab.store.jobs(&JobFilter::default(), None, 10).await.unwrap()[..];
    let job = job.iter().find(|job| job.spec.family == "endless").unwrap();
    lab.fitting(&job.id).await;
    lab.app.cancel_pipeline_run(&caller(), &run.id).await.unwrap();
    let log = events(&lab, &run.id, seen).await;
    running.stop().await;
    assert_eq!(log[0].sequence, seen + 1);
    let run = lab.app.pipeline_run(&run.id).await.unwrap();
    assert_eq!((jobs(&lab).await, lab.registry.known().promotions.len()), (2, 1), "nothing is done twice");
    assert_eq!((step(&run, "churn").attempt, step(&run, "churn").state), (1, StepState::Cancelled));
}

#[tokio::test]
async fn what_a_run_needs_is_asked_for_at_once() {
    // F74, F93
    let lab = Lab::new().await;
    let nodes = vec![data("rows", ""), split("parts", "rows"), train("churn", &["parts"], "logistic_regression")];
    let pipeline = save(&lab, nodes).await.unwrap().pipeline_id;
    let grpc = TrainerGrpc::new(lab.app.clone());
    let request =
        |pipeline_id: &str, request_id: &str, sources: &[(&str, Digest)], until: &str| pb::RunPipelineRequest {
            pipeline_id: pipeline_id.to_owned(),
            request_id: request_id.to_owned(),
            sources: sources.iter().map(|(node, digest)| ((*node).to_owned(), digest.to_string())).collect(),
            until: until.to_owned(),
            ..pb::RunPipelineRequest::default()
        };
    let digest = Digest::of(b"rows");
    let refused = grpc.run_pipeline(Request::new(request(&pipeline, "", &[("parts", digest)], "never"))).await;
    let refused = refused.unwrap_err();
    let expected = "until: there is no node `never`; sources.parts: there is no such data node";
    assert_eq!(refused.message(), expected);
    let refused = grpc.run_pipeline(Request::new(request(&pipeline, "", &[], ""))).await.unwrap_err();
    assert!(refused.message().starts_with("sources.rows: the graph names no file"), "{refused}");
    let run = |request| async { Ok::<_, tonic::Status>(grpc.run_pipeline(Request::new(request)).await?.into_inner()) };
    let first = run(request(&pipeline, "key", &[("rows", digest)], "")).await.unwrap();
    assert_eq!(run(request(&pipeline, "key", &[("rows", digest)], "")).await.unwrap(), first);
    let reason = |answer: Result<_, tonic::Status>| {
        answer.map(|_: pb::RunPipelineResponse| ()).map_err(|status| reason_of(&status).unwrap())
    };
    let reused = run(request(&pipeline, "key", &[("rows", Digest::of(b"others"))], "")).await;
    assert_eq!(reason(reused), Err("REQUEST_ID_REUSED".to_owned()));
    assert_eq!(reason(run(request(&pipeline, "", &[("rows", digest)], "")).await), Err("PIPELINE_BUSY".to_owned()));
    assert_eq!(reason(run(request("nobody", "", &[], "")).await), Err("PIPELINE_NOT_FOUND".to_owned()));
    let absent = lab.app.pipeline_run(&PipelineRunId::from("nobody".to_owned())).await;
    assert!(matches!(absent, Err(TrainerError::PipelineRunNotFound { .. })));
    let mut other = wish(&pipeline);
    other.rerun = true;
    other.sources.insert("rows".to_owned(), digest);
    lab.app.run_pipeline(&caller(), other).await.unwrap();
    let list = pb::ListPipelineRunsRequest { pipeline_id: pipeline, page_size: 1, ..Default::default() };
    let page = grpc.list_pipeline_runs(Request::new(list)).await.unwrap().into_inner();
    assert!(page.pipeline_runs.len() == 1 && !page.next_page_token.is_empty());
}

#[tokio::test]
async fn a_wish_is_the_same_if_it_asks_for_the_same_run() {
    // F74, F93
    let lab = Lab::new().await;
    let nodes = vec![
        data("rows", ""),
        split("parts", "rows"),
        train("churn", &["parts"], "logistic_regression"),
        data("others", ""),
        split("other-parts", "others"),
        train("fraud", &["other-parts"], "logistic_regression"),
    ];
    let pipeline = save(&lab, nodes).await.unwrap().pipeline_id;
    let mut sent = wish(&pipeline);
    sent.until = Some("churn".to_owned());
    sent.sources = ["rows", "others"].map(|node| (node.to_owned(), Digest::of(b"rows"))).into();
    let run = lab.app.run_pipeline(&caller(), sent.clone()).await.unwrap();
    assert_eq!(run.sources.keys().collect::<Vec<_>>(), ["rows"], "nothing else is read");
    sent.sources.insert("others".to_owned(), Digest::of(b"others"));
    assert_eq!(lab.app.run_pipeline(&caller(), sent.clone()).await.unwrap(), run);
    let changes: [&dyn Fn(&mut RunPipeline); 3] =
        [&|wish| wish.until = None, &|wish| wish.max_staleness = Some(Duration::ZERO), &|wish| {
            wish.sources.insert("rows".to_owned(), Digest::of(b"others"));
        }];
    for change in changes {
        let mut other = sent.clone();
        change(&mut other);
        let refused = lab.app.run_pipeline(&caller(), other).await;
        assert!(matches!(refused, Err(TrainerError::RunRequestIdReused { .. })), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recipe_before_a_training_reaches_its_job() {
    // F74
    let mut lab = Lab::new().await;
    let digest = lab.registry.add(&customers(300)).to_string();
    let under = pb::Resampling { method: pb::ResampleMethod::Under.into(), seed: 5 };
    let exclude_columns = vec!["minutes".to_owned()];
    let features = pb::FeaturesNode { version: "short".to_owned(), exclude_columns, feature_set: None };
    let nodes = vec![
        data("rows", &digest),
        split("parts", "rows"),
        node("columns", &["parts"], Kind::Features(features)),
        node("balance", &["columns"], Kind::Resample(under)),
        train("churn", &["balance"], "logistic_regression"),
        validate("judge", "churn"),
    ];
    let pipeline = save(&lab, nodes).await.unwrap().pipeline_id;
    let run = start(&lab, &pipeline, |_| {}).await;
    let run = finish(&mut lab, &run).await;
    assert_eq!(run.state, PipelineRunState::Succeeded);
    let job = lab.app.job(&step(&run, "churn").output.job_id.clone().into()).await.unwrap();
    assert_eq!(job.spec.resampling.unwrap().to_string(), "under, seed 5");
    assert_eq!(job.spec.feature_version.as_ref().unwrap().as_str(), "short");
    assert_eq!(job.spec.exclude_columns, ["minutes"]);
}
