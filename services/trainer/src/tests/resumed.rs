//! Runs that go on after an end that was no success.

use super::{
    graphs::{branches, save, start},
    lab::{Lab, caller},
    pipeline_runs::{finish, step},
};
use crate::domain::{PipelineRun, PipelineRunState, StepState};

/// A run whose promotion failed: somebody else became champion after the validation.
async fn overtaken(lab: &mut Lab) -> PipelineRun {
    (lab.registry.known().champion, lab.validator.known().champion) = (7, 6);
    let pipeline = save(lab, branches(lab, &[("churn", "logistic_regression")])).await.unwrap().pipeline_id;
    let run = start(lab, &pipeline, |_| {}).await;
    let failed = finish(lab, &run).await;
    assert_eq!((failed.state, step(&failed, "crown-churn").state), (PipelineRunState::Failed, StepState::Failed));
    failed
}

async fn resume(lab: &mut Lab, run: &PipelineRun) -> PipelineRun {
    let resumed = lab.app.resume_pipeline_run(&caller(), &run.id).await.unwrap();
    finish(lab, &resumed).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_judged_against_the_champion_of_now_before_its_promotion_is_tried_again() {
    // X5
    let mut lab = Lab::new().await;
    let failed = overtaken(&mut lab).await;
    lab.validator.known().champion = 7;
    let run = resume(&mut lab, &failed).await;
    assert_eq!(run.state, PipelineRunState::Succeeded, "{}", step(&run, "crown-churn").message);
    assert_eq!((step(&run, "judge-churn").attempt, step(&run, "crown-churn").attempt), (2, 2));
    assert_eq!(step(&run, "churn"), step(&failed, "churn"), "nothing is trained again");
    let promoted = lab.registry.known().promotions[0].clone();
    assert_eq!((promoted.number, promoted.expected_champion), (1, 7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_is_champion_already_needs_no_promotion() {
    // X5
    let mut lab = Lab::new().await;
    let failed = overtaken(&mut lab).await;
    (lab.registry.known().champion, lab.validator.known().champion) = (1, 1);
    let run = resume(&mut lab, &failed).await;
    assert_eq!(run.state, PipelineRunState::Succeeded, "{}", step(&run, "crown-churn").message);
    let output = &step(&run, "crown-churn").output;
    assert_eq!((output.version, output.promotion_id.as_str(), output.generation), (1, "", 0));
    assert!(lab.registry.known().promotions.is_empty());
}
