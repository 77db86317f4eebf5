//! Suspending, deadlines and limits of jobs at work, and cancelling wherever they are.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use futures::future::join_all;
use lineal_kernel::Clock as _;

use super::{
    families::{HEARING, MOST},
    lab::{Lab, caller, customers},
};
use crate::domain::{FailureReason, JobState, Stop};

#[tokio::test]
async fn a_job_is_cancelled_wherever_it_hangs() {
    // F78
    let lab = Lab::new().await;
    let running = lab.run();
    for call in ["create_run", "defaults", "champion", "download", "upload", "record_snapshot", "log"] {
        lab.registry.known().silent = call;
        let job = lab.create(&customers(100), |_| {}).await;
        lab.event(&job.id, |event| event.state == JobState::Running && event.step.is_some()).await;
        let asked = Instant::now();
        lab.app.stop_job(&caller(), &job.id, Stop::Cancel).await.unwrap();
        let events = lab.events(&job.id, 0).await;
        assert_eq!(events.last().unwrap().state, JobState::Cancelled, "{call}");
        assert!(asked.elapsed() < Duration::from_secs(2), "{call}: {:?}", asked.elapsed());
    }
    running.stop().await;
    assert_eq!(lab.registry.known().versions.len(), 0);
}

#[tokio::test]
async fn a_running_job_is_suspended_and_begins_anew_when_resumed() {
    // X7
    let lab = Lab::new().await;
    let job = lab.create(&customers(100), |spec| spec.family = "endless".to_owned()).await;
    let running = lab.run();
    lab.fitting(&job.id).await;
    assert_eq!(lab.app.stop_job(&caller(), &job.id, Stop::Suspend).await.unwrap().state, JobState::Running);
    let suspended = lab.event(&job.id, |event| event.state == JobState::Suspended).await;
    let stored = lab.stored(&job.id).await;
    assert_eq!((stored.state, stored.attempt, stored.end_time), (JobState::Suspended, 0, None));
    assert_eq!(lab.app.resume_job(&caller(), &job.id).await.unwrap().state, JobState::Queued);
    lab.event(&job.id, |event| event.sequence > suspended.sequence && event.state == JobState::Running).await;
    lab.app.stop_job(&caller(), &job.id, Stop::Cancel).await.unwrap();
    lab.events(&job.id, 0).await;
    running.stop().await;
    assert_eq!(lab.registry.known().runs.len(), 1, "the run goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fit_beyond_its_limit_fails_and_frees_the_worker_although_it_does_not_listen() {
    // F79
    let mut lab = Lab::new().await;
    let deaf = async |change: fn(&mut crate::domain::SpecDraft)| {
        lab.create(&customers(100), |spec| {
            spec.family = "deaf".to_owned();
            change(spec);
        })
        .await
    };
    let limited = deaf(|spec| spec.max_runtime = Some(Duration::from_secs(1))).await;
    let by = lab.clock.now().plus(Duration::from_secs(1));
    let due = lab
        .create(&customers(100), |spec| (spec.family, spec.schedule.finish_by) = ("deaf".to_owned(), Some(by)))
        .await;
    // Both workers are held up.
    let next = lab.create(&customers(100), |_| {}).await;
    assert_eq!(lab.finish(&next).await.state, JobState::Succeeded);
    HEARING.store(true, Ordering::SeqCst);
    for (job, word) in [(limited, "max_runtime"), (due, "it was not finished by 2025-01-15T14:30:23Z")] {
        let job = lab.stored(&job.id).await;
        assert_eq!((job.state, job.reason), (JobState::Failed, Some(FailureReason::DeadlineExceeded)));
        assert!(job.error.starts_with("train: DEADLINE: ") && job.error.contains(word), "{}", job.error);
        assert_eq!(job.attempt, 1, "what is late is not tried again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_never_run_more_than_two_jobs() {
    // F81
    let lab = Lab::new().await;
    let rows = customers(60);
    let jobs = (0..5).map(|_| lab.create(&rows, |spec| spec.family = "counting".to_owned()));
    let jobs = join_all(jobs).await;
    let running = lab.run();
    for job in &jobs {
        assert_eq!(lab.events(&job.id, 0).await.last().unwrap().state, JobState::Succeeded);
    }
    running.stop().await;
    assert_eq!(MOST.load(Ordering::SeqCst), 2);
}
