//! Runs of pipelines on the store alone. Each case runs on every database, see `conformance`.

use std::time::Duration;

use futures::future::join_all;
use lineal_db::StoreError;
use lineal_kernel::{Clock as _, Digest, Timestamp};

use super::{
    graphs::{branches, save, start, wish},
    lab::{LEASE, Lab, caller},
};
use crate::domain::{
    PipelineRun, PipelineRunFilter, PipelineRunState, PipelineStep, RunCreation, RunLease, StepOutput, StepState,
    TrainerError,
};

async fn saved(lab: &Lab) -> String {
    save(lab, branches(lab, &[("churn", "logistic_regression")])).await.unwrap().pipeline_id
}

async fn run(lab: &Lab) -> PipelineRun {
    let id = saved(lab).await;
    start(lab, &id, |wish| wish.rerun = true).await
}

async fn claim(lab: &Lab) -> Vec<RunLease> {
    lab.store.claim_pipeline_runs(lab.clock.now(), lab.clock.now().plus(LEASE)).await.unwrap()
}

async fn stored(lab: &Lab, run: &PipelineRun) -> PipelineRun {
    lab.store.pipeline_run(&run.id).await.unwrap().unwrap()
}

async fn write(lab: &Lab, lease: &RunLease, step: &PipelineStep) -> Result<(), StoreError> {
    lab.store.record_pipeline_step(lease, step, "told", lab.clock.now()).await
}

pub(super) async fn a_pipeline_is_kept_once(lab: &Lab) {
    // F77
    let nodes = branches(lab, &[("churn", "logistic_regression")]);
    let first = save(lab, nodes.clone()).await.unwrap();
    lab.clock.advance(LEASE);
    let saved = join_all((0..4).map(|_| save(lab, nodes.clone()))).await;
    assert!(saved.into_iter().all(|again| again.unwrap() == first));
}

pub(super) async fn a_pipeline_has_one_run_under_way(lab: &Lab) {
    // F93
    let id = saved(lab).await;
    let pipeline = lab.app.pipeline(&id.clone().into()).await.unwrap();
    let make = async |rerun: bool| {
        let run = PipelineRun::new(&pipeline, &wish(&id), "ada".to_owned(), lab.clock.now()).unwrap();
        lab.store.create_pipeline_run(&run, rerun).await.unwrap()
    };
    let made = join_all((0..8).map(|_| make(false))).await;
    let runs: Vec<_> =
        made.iter().filter_map(|made| if let RunCreation::Run(run) = made { Some(&run.id) } else { None }).collect();
    assert_eq!(runs.len(), 1);
    assert!(matches!(make(true).await, RunCreation::Run(_)));
    let filter = PipelineRunFilter { pipeline: Some(id.into()), state: Some(PipelineRunState::Running) };
    let page = lab.store.pipeline_runs(&filter, None, 1).await.unwrap();
    let rest = lab.store.pipeline_runs(&filter, Some(&page[0].id), 10).await.unwrap();
    assert_eq!((rest.len(), rest[0].steps.len()), (1, 5));
    let other = PipelineRunFilter { state: Some(PipelineRunState::Failed), ..filter };
    assert_eq!(lab.store.pipeline_runs(&other, None, 10).await.unwrap(), []);
}

pub(super) async fn a_run_is_not_resumed_beside_another(lab: &Lab) {
    // F93, X5
    let id = saved(lab).await;
    let first = start(lab, &id, |_| {}).await;
    let lease = claim(lab).await.remove(0);
    lab.store.end_pipeline_run(&lease, PipelineRunState::Cancelled, lab.clock.now()).await.unwrap();
    let second = start(lab, &id, |_| {}).await;
    let refused = lab.app.resume_pipeline_run(&caller(), &first.id).await;
    assert!(matches!(refused, Err(TrainerError::PipelineBusy { run_id, .. }) if run_id == second.id));
    assert_eq!(stored(lab, &first).await.state, PipelineRunState::Cancelled);
    let lease = claim(lab).await.remove(0);
    lab.store.end_pipeline_run(&lease, PipelineRunState::Failed, lab.clock.now()).await.unwrap();
    let caller = caller();
    let both = join_all([&first, &second].map(|run| lab.app.resume_pipeline_run(&caller, &run.id))).await;
    assert_eq!(both.iter().filter(|resumed| resumed.is_ok()).count(), 1, "one of them goes on");
}

pub(super) async fn only_the_holder_of_a_run_writes_it(lab: &Lab) {
    // X5
    let run = run(lab).await;
    let lease = claim(lab).await.remove(0);
    let step = run.steps[0].started(vec![], lab.clock.now());
    write(lab, &lease, &step).await.unwrap();
    let old = RunLease { generation: lease.generation - 1, ..lease.clone() };
    assert!(matches!(write(lab, &old, &step).await, Err(StoreError::Conflict)));
    assert!(matches!(
        lab.store.end_pipeline_run(&old, PipelineRunState::Failed, lab.clock.now()).await,
        Err(StoreError::Conflict)
    ));
    lab.store.end_pipeline_run(&lease, PipelineRunState::Succeeded, lab.clock.now()).await.unwrap();
    assert!(matches!(write(lab, &lease, &step).await, Err(StoreError::Conflict)), "it has ended");
    let events = lab.store.pipeline_events(&run.id, 0, 10).await.unwrap();
    let sequence: Vec<_> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequence, [1, 2, 3]);
    assert_eq!(events[1].step, Some(step.clone()));
    let run = stored(lab, &run).await;
    assert_eq!((run.state, run.last_sequence, &run.steps[0]), (PipelineRunState::Succeeded, 3, &step));
}

pub(super) async fn a_run_is_taken_over_once_its_lease_has_ended(lab: &Lab) {
    // X5
    let run = run(lab).await;
    let first = claim(lab).await.remove(0);
    assert_eq!(first.id, run.id);
    assert_eq!(claim(lab).await, [], "it is driven");
    lab.clock.advance(LEASE);
    lab.store.keep_pipeline_run(&first, lab.clock.now().plus(LEASE)).await.unwrap();
    assert_eq!(claim(lab).await, []);
    lab.clock.advance(LEASE * 2);
    let second = claim(lab).await.remove(0);
    assert_eq!(second.generation, first.generation + 1);
    let until = lab.clock.now().plus(LEASE);
    assert!(matches!(lab.store.keep_pipeline_run(&first, until).await, Err(StoreError::Conflict)));
    lab.store.release_pipeline_runs().await.unwrap();
    assert_eq!(claim(lab).await.len(), 1, "it was given back");
}

pub(super) async fn a_cancelled_run_is_told_to_its_holder(lab: &Lab) {
    // F78
    let run = run(lab).await;
    let lease = claim(lab).await.remove(0);
    let keep = async || lab.store.keep_pipeline_run(&lease, lab.clock.now().plus(LEASE)).await.unwrap();
    assert!(!keep().await);
    for _ in 0..2 {
        lab.store.cancel_pipeline_run(&run.id, "bob", lab.clock.now()).await.unwrap();
    }
    assert!(keep().await);
    let events = lab.store.pipeline_events(&run.id, 1, 10).await.unwrap();
    assert_eq!((events.len(), events[0].actor.as_str()), (1, "bob"), "it is told once");
    lab.store.end_pipeline_run(&lease, PipelineRunState::Cancelled, lab.clock.now()).await.unwrap();
    lab.store.cancel_pipeline_run(&run.id, "bob", lab.clock.now()).await.unwrap();
    assert_eq!(stored(lab, &run).await.last_sequence, 3);
}

pub(super) async fn an_ended_run_is_resumed_once(lab: &Lab) {
    // X5
    let run = run(lab).await;
    let graph = lab.app.pipeline(&run.pipeline).await.unwrap().graph;
    assert_eq!(run.resumed(&graph), None, "it is under way");
    let lease = claim(lab).await.remove(0);
    let failed = run.steps[0].ended(StepState::Failed, "no rows".to_owned(), lab.clock.now());
    write(lab, &lease, &failed).await.unwrap();
    lab.store.end_pipeline_run(&lease, PipelineRunState::Failed, lab.clock.now()).await.unwrap();
    let run = stored(lab, &run).await;
    let steps = run.resumed(&graph).unwrap();
    let resume = async || lab.store.resume_pipeline_run(&run, &steps, "ada", lab.clock.now()).await;
    let outcomes = join_all((0..4).map(|_| resume())).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let run = stored(lab, &run).await;
    assert_eq!((run.state, run.end_time, run.steps[0].state), (PipelineRunState::Running, None, StepState::Waiting));
    assert_eq!(lab.app.resume_pipeline_run(&caller(), &run.id).await.unwrap(), run);
}

fn keyed(step: &PipelineStep, key: Digest, begun: Timestamp) -> PipelineStep {
    PipelineStep { key: Some(key), ..step.started(vec![], begun) }
}

pub(super) async fn results_are_found_by_their_key_while_they_are_young_enough(lab: &Lab) {
    // X6
    let run = run(lab).await;
    let lease = claim(lab).await.remove(0);
    let (key, other) = (Digest::of(b"key"), Digest::of(b"other"));
    let output = StepOutput { version: 3, ..StepOutput::default() };
    let begun = lab.clock.now();
    let step = keyed(&run.steps[0], key, begun);
    write(lab, &lease, &step).await.unwrap();
    let found = async |key: Digest, since: Timestamp| lab.store.result_of(key, since).await.unwrap();
    assert_eq!(found(key, begun).await, None, "it has no result yet");
    write(lab, &lease, &step.succeeded(output.clone(), None, begun)).await.unwrap();
    assert_eq!(found(key, begun).await, Some((run.id.clone(), output.clone())));
    assert_eq!(found(other, begun).await, None);
    lab.clock.advance(Duration::from_secs(1));
    assert_eq!(found(key, lab.clock.now()).await, None, "it is too old");
    let reused = keyed(&run.steps[1], key, begun).succeeded(output, Some("r".to_owned()), lab.clock.now());
    write(lab, &lease, &reused).await.unwrap();
    assert_eq!(found(key, lab.clock.now()).await, None, "to reuse a result does not make it younger");
}
