//! Failures that pass by themselves, and those that do not.

use std::time::Duration;

use lineal_kernel::{Clock as _, RequestId};

use super::lab::{Lab, caller, customers};
use crate::domain::{FailureReason, Job, JobSpec, JobState, Stop};

#[tokio::test]
async fn a_registry_that_comes_back_lets_the_job_finish() {
    // F80
    let mut lab = Lab::new().await;
    lab.registry.known().away = true;
    let job = lab.create(&customers(100), |_| {}).await;
    let running = lab.run();
    let retried = lab.event(&job.id, |event| event.state == JobState::Queued && event.sequence > 1).await;
    assert!(retried.message.contains("the registry cannot be reached (connection refused)"), "{}", retried.message);
    running.stop().await;
    lab.restart();
    lab.registry.known().away = false;
    // Not before its time, then at once.
    assert!(lab.stored(&job.id).await.run_time > lab.clock.now());
    lab.clock.advance(Duration::from_mins(1));
    let job = lab.finish(&job).await;
    assert_eq!((job.state, job.attempt, job.error.as_str()), (JobState::Succeeded, 2, ""));
    let attempts = lab.store.attempts(&job.id, 0, 10).await.unwrap();
    assert_eq!(attempts[0].reason, Some(FailureReason::RegistryUnavailable));
    assert_eq!((attempts[1].state, attempts[1].reason), (JobState::Succeeded, None));
}

#[tokio::test]
async fn a_registry_that_stays_away_fails_the_job_after_its_attempts() {
    // F80
    let lab = Lab::new().await;
    lab.registry.known().away = true;
    let job = lab.create(&customers(100), |spec| spec.schedule.max_attempts = 2).await;
    let running = lab.run();
    lab.event(&job.id, |event| event.state == JobState::Queued && event.sequence > 1).await;
    lab.clock.advance(Duration::from_mins(1));
    let events = lab.events(&job.id, 0).await;
    running.stop().await;
    assert_eq!(events.last().unwrap().state, JobState::Failed);
    let job = lab.stored(&job.id).await;
    assert_eq!((job.attempt, job.reason), (2, Some(FailureReason::RegistryUnavailable)));
    assert!(job.error.starts_with("load: the registry cannot be reached (connection refused)"), "{}", job.error);
}

#[tokio::test]
async fn rows_that_cannot_be_used_are_not_tried_again() {
    // F80
    let mut lab = Lab::new().await;
    let job = lab.create(b"calls,minutes,churn\n1,2\n", |_| {}).await;
    let job = lab.finish(&job).await;
    assert_eq!((job.state, job.attempt, job.reason), (JobState::Failed, 1, Some(FailureReason::Data)), "{}", job.error);
}

#[tokio::test]
async fn a_job_that_cannot_be_read_fails_and_the_next_one_runs() {
    // F80
    let mut lab = Lab::new().await;
    let spec = JobSpec { threshold: f64::NAN, ..lab.command(&customers(100), |_| {}).spec };
    let odd = Job::queued(RequestId::random(), spec, "ada".to_owned(), lab.clock.now());
    lab.store.create_job(&odd, false).await.unwrap();
    let next = lab.create(&customers(100), |_| {}).await;
    assert_eq!(lab.finish(&next).await.state, JobState::Succeeded);
    let last = lab.store.events(&odd.id, 0, 9).await.unwrap().pop().unwrap();
    assert_eq!(last.state, JobState::Failed);
}

#[tokio::test]
async fn a_job_that_waits_for_another_try_can_be_cancelled_and_its_run_is_closed_later() {
    // F78
    let lab = Lab::new().await;
    let job = lab.create(&customers(100), |spec| spec.family = "endless".to_owned()).await;
    let running = lab.run();
    lab.fitting(&job.id).await;
    lab.registry.known().away = true;
    lab.app.stop_job(&caller(), &job.id, Stop::Cancel).await.unwrap();
    lab.events(&job.id, 0).await;
    // The registry is away: the job has ended all the same, its run has not.
    let run_id = lab.stored(&job.id).await.run_id.unwrap();
    assert_eq!(lab.registry.known().runs[&run_id].end, None);
    lab.registry.known().away = false;
    running.stop().await;
    assert_eq!(lab.registry.known().runs[&run_id].end, Some(crate::registry::RunEnd::Killed));
    assert_eq!(lab.store.open_runs(10).await.unwrap(), []);
}
