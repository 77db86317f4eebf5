//! Steps whose validator or registry is away.

use std::time::Duration;

use futures::StreamExt as _;

use super::{
    graphs::{branches, save, start},
    lab::{Lab, caller},
    pipeline_runs::{events, step},
};
use crate::domain::{PipelineRun, PipelineRunState, PipelineStep, StepState};

/// Nothing in a test takes this long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A run from rows to a champion whose validator is away.
async fn begun(lab: &Lab) -> PipelineRun {
    lab.validator.known().away = true;
    let pipeline = save(lab, branches(lab, &[("churn", "logistic_regression")])).await.unwrap().pipeline_id;
    start(lab, &pipeline, |_| {}).await
}

/// The step as it is once it waits.
async fn waiting(lab: &Lab, run: &PipelineRun, node: &str) -> PipelineStep {
    let mut events = Box::pin(lab.app.watch_pipeline_run(run.id.clone(), 0).await.unwrap());
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap().unwrap();
        if let Some(step) = event.step.filter(|step| step.node == node && !step.message.is_empty()) {
            assert_eq!(event.message, format!("waits: {}", step.message));
            return step;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_outlive_an_outage_of_whom_they_need() {
    // X5
    let lab = Lab::new().await;
    let run = begun(&lab).await;
    let running = lab.run();
    let judge = waiting(&lab, &run, "judge-churn").await;
    assert_eq!(judge.state, StepState::Running);
    assert_eq!(judge.message, "the validator cannot be reached (connection refused); see that it runs");
    (lab.validator.known().away, lab.registry.known().away) = (false, true);
    lab.clock.advance(Duration::from_secs(2));
    let crown = waiting(&lab, &run, "crown-churn").await;
    assert!(crown.message.starts_with("the registry cannot be reached"), "{}", crown.message);
    lab.registry.known().away = false;
    lab.clock.advance(Duration::from_secs(4));
    let log = events(&lab, &run.id, 0).await;
    running.stop().await;
    assert_eq!(log.iter().filter(|event| event.message.starts_with("waits: ")).count(), 2, "it is told once");
    let run = lab.app.pipeline_run(&run.id).await.unwrap();
    assert_eq!(run.state, PipelineRunState::Succeeded);
    for node in ["judge-churn", "crown-churn"] {
        assert_eq!((step(&run, node).attempt, step(&run, node).message.as_str()), (1, ""));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_waits_is_cancelled_at_once() {
    // F78
    let lab = Lab::new().await;
    let run = begun(&lab).await;
    let running = lab.run();
    waiting(&lab, &run, "judge-churn").await;
    lab.app.cancel_pipeline_run(&caller(), &run.id).await.unwrap();
    events(&lab, &run.id, 0).await;
    running.stop().await;
    let run = lab.app.pipeline_run(&run.id).await.unwrap();
    assert_eq!((run.state, step(&run, "judge-churn").state), (PipelineRunState::Cancelled, StepState::Cancelled));
    assert_eq!(step(&run, "crown-churn").state, StepState::Skipped);
}
