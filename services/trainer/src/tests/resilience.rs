//! Panics, cancellation, and restarts.

use std::time::Duration;

use lineal_kernel::Clock as _;

use super::lab::{LEASE, Lab, caller, customers};
use crate::{
    domain::{JobChange, JobState, Step, Stop},
    registry::{NewRun, Registry as _, RunEnd, RunLog},
};

#[tokio::test]
async fn a_panic_costs_one_job_and_keeps_its_trace() {
    // F73
    let lab = Lab::new().await;
    let bad = lab.create(&customers(100), |spec| spec.family = "panicking".to_owned()).await;
    let good = lab.create(&customers(100), |_| {}).await;
    let running = lab.run();
    for id in [&bad.id, &good.id] {
        lab.events(id, 0).await;
    }
    running.stop().await;
    let bad = lab.stored(&bad.id).await;
    assert_eq!(bad.state, JobState::Failed);
    assert!(bad.error.starts_with("train: it panicked: row 1 is beyond the matrix"), "{}", bad.error);
    assert!(bad.error.contains("families.rs:"), "{}", bad.error);
    assert_eq!(lab.stored(&good.id).await.state, JobState::Succeeded);
    assert_eq!(lab.registry.known().versions.len(), 1);
}

#[tokio::test]
async fn a_running_job_is_cancelled_and_leaves_no_version() {
    // F78
    let lab = Lab::new().await;
    let job = lab.create(&customers(100), |spec| spec.family = "endless".to_owned()).await;
    let running = lab.run();
    lab.fitting(&job.id).await;
    assert_eq!(lab.app.stop_job(&caller(), &job.id, Stop::Cancel).await.unwrap().state, JobState::Running);
    // Far sooner than the next heartbeat, which would be in ten seconds.
    let events = tokio::time::timeout(Duration::from_secs(2), lab.events(&job.id, 0)).await.unwrap();
    let last = events.last().unwrap();
    assert_eq!(last.state, JobState::Cancelled);
    assert!(events.iter().any(|event| event.actor == "ada" && event.message == "asked to cancel"));
    running.stop().await;
    let job = lab.stored(&job.id).await;
    let known = lab.registry.known();
    assert_eq!(known.versions.len(), 0);
    assert_eq!(known.runs[job.run_id.as_ref().unwrap()].end, Some(RunEnd::Killed));
}

#[tokio::test]
async fn a_queued_job_is_cancelled_at_once_and_never_starts() {
    // F78
    let mut lab = Lab::new().await;
    let job = lab.create(&customers(100), |_| {}).await;
    assert_eq!(lab.app.stop_job(&caller(), &job.id, Stop::Cancel).await.unwrap().state, JobState::Cancelled);
    let other = lab.create(&customers(100), |_| {}).await;
    lab.finish(&other).await;
    let job = lab.stored(&job.id).await;
    assert_eq!((job.state, job.attempt, job.last_sequence), (JobState::Cancelled, 0, 2));
}

#[tokio::test]
async fn cancelling_is_too_late_once_the_version_is_being_created() {
    // F70, F78
    let lab = Lab::new().await;
    lab.registry.gate.forget_permits(1000);
    let job = lab.create(&customers(100), |_| {}).await;
    let running = lab.run();
    lab.event(&job.id, |event| event.step == Some(Step::CreateVersion)).await;
    assert_eq!(lab.app.stop_job(&caller(), &job.id, Stop::Cancel).await.unwrap().state, JobState::Running);
    lab.registry.gate.add_permits(1);
    let events = lab.events(&job.id, 0).await;
    running.stop().await;
    assert_eq!(events.iter().filter(|event| event.state.is_final()).count(), 1);
    assert_eq!(lab.stored(&job.id).await.state, JobState::Succeeded);
    assert_eq!(lab.registry.known().versions.len(), 1);
}

#[tokio::test]
async fn a_job_of_a_killed_process_is_done_once_by_the_next() {
    // F80
    let mut lab = Lab::new().await;
    let job = lab.create(&customers(100), |_| {}).await;
    let now = lab.clock.now();
    lab.store.claim("killed", now, now.plus(LEASE), 0).await.unwrap().unwrap().unwrap();
    lab.restart();
    let job = lab.take_up(&job).await;
    assert_eq!((job.state, job.attempt, job.version), (JobState::Succeeded, 2, Some(1)), "{}", job.error);
    assert_eq!(lab.registry.known().versions.len(), 1);
}

#[tokio::test]
async fn a_process_killed_after_it_logged_leaves_its_run_to_itself() {
    // F80
    let mut lab = Lab::new().await;
    let job = lab.create(&customers(100), |_| {}).await;
    let now = lab.clock.now();
    let claim = lab.store.claim("killed", now, now.plus(LEASE), 0).await.unwrap().unwrap().unwrap();
    let run = NewRun {
        model: job.spec.model.clone(),
        experiment: String::new(),
        tags: [].into(),
        request_id: format!("{}:run", job.id),
    };
    let first = lab.registry.create_run(&run).await.unwrap();
    let opened = JobChange { run_id: Some(first.clone()), ..JobChange::progress(Some(Step::Load), 0.0, "run") };
    lab.store.record(&claim.lease, &opened, now).await.unwrap();
    // The rows met other expectations then.
    let parameters = [("data_report".to_owned(), "another".to_owned())].into();
    lab.registry.log(&first, &RunLog { parameters, ..RunLog::default() }).await.unwrap();
    lab.restart();
    let job = lab.take_up(&job).await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 2), "{}", job.error);
    let known = lab.registry.known();
    let second = &known.runs[job.run_id.as_ref().unwrap()];
    assert_eq!((known.runs.len(), &second.end), (2, &Some(RunEnd::Finished)));
    assert_eq!(known.runs[&first].end, Some(RunEnd::Killed));
    assert_eq!(known.versions[0].1.run_id, job.run_id.unwrap());
}

#[tokio::test]
async fn a_process_killed_while_creating_the_version_leaves_one_version() {
    // F80
    let mut lab = Lab::new().await;
    let model = lab.create(&customers(100), |_| {}).await;
    lab.finish(&model).await;
    let job = lab.create(&customers(100), |_| {}).await;
    let now = lab.clock.now();
    let claim = lab.store.claim("killed", now, now.plus(LEASE), 0).await.unwrap().unwrap().unwrap();
    let pending = lab.registry.known().versions[0].1.clone();
    lab.store.record(&claim.lease, &JobChange::prepare(pending.clone()), now).await.unwrap();
    // The registry did its part before the process was killed.
    lab.registry.known().versions.push((job.id.to_string(), pending));
    lab.restart();
    // Neither a cancellation nor a new training comes between.
    assert_eq!(lab.app.stop_job(&caller(), &job.id, Stop::Cancel).await.unwrap().state, JobState::Running);
    let job = lab.take_up(&job).await;
    assert_eq!((job.state, job.version), (JobState::Succeeded, Some(2)), "{}", job.error);
    assert_eq!(lab.registry.known().versions.len(), 2);
    assert_eq!(job.digest, lab.stored(&model.id).await.digest);
}

#[tokio::test]
async fn a_shutdown_puts_the_job_back_without_counting_the_attempt() {
    let mut lab = Lab::new().await;
    let job = lab.create(&customers(100), |spec| spec.family = "endless".to_owned()).await;
    let running = lab.run();
    lab.fitting(&job.id).await;
    running.stop().await;
    let stored = lab.stored(&job.id).await;
    assert_eq!((stored.state, stored.attempt), (JobState::Queued, 0));
    lab.restart();
    let running = lab.run();
    lab.event(&job.id, |event| event.sequence > stored.last_sequence && event.state == JobState::Running).await;
    lab.app.stop_job(&caller(), &job.id, Stop::Cancel).await.unwrap();
    lab.events(&job.id, 0).await;
    running.stop().await;
    assert_eq!(lab.stored(&job.id).await.state, JobState::Cancelled);
    assert_eq!(lab.registry.known().runs.len(), 1);
}
