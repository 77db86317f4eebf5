//! Runs whose inputs moved while they were used.

use lineal_data::{Snapshot, Table};
use lineal_kernel::Digest;

use super::lab::{Lab, customers};
use crate::domain::{JobState, Step};

#[tokio::test]
async fn a_run_whose_inputs_moved_is_tainted_and_its_job_says_so() {
    // F34
    let rows = customers(200);
    let snapshot = Snapshot::of(&Table::from_csv(&rows).unwrap()).unwrap().digest;
    for (input, moved) in [("source file", Digest::of(&rows)), ("snapshot", snapshot)] {
        let mut lab = Lab::new().await;
        lab.registry.known().decaying = Some(moved);
        let job = lab.create(&rows, |_| {}).await;
        let job = lab.finish(&job).await;
        assert_eq!(job.state, JobState::Succeeded, "{}", job.error);
        let taint = lab.registry.known().runs[job.run_id.as_ref().unwrap()].taint.clone().unwrap();
        assert!(taint.starts_with(&format!("the {input} is no longer {moved}: ")), "{taint}");
        assert!(!taint.contains(';'), "only one input moved: {taint}");
        let told = lab.event(&job.id, |event| event.message == format!("tainted: {taint}")).await;
        assert_eq!(told.step, Some(Step::Register), "before there is a version to promote");
    }
}

#[tokio::test]
async fn a_run_whose_inputs_stayed_is_not_tainted() {
    // F34
    let mut lab = Lab::new().await;
    let job = lab.create(&customers(200), |_| {}).await;
    let job = lab.finish(&job).await;
    assert_eq!(lab.registry.known().runs[job.run_id.as_ref().unwrap()].taint, None);
}
