//! What callers see of jobs.

use futures::{StreamExt as _, future::join_all};
use lineal_kernel::PageRequest;

use super::lab::{Lab, caller, customers};
use crate::domain::{CreateJob, JobFilter, JobId, JobState, Stop, TrainerError};

#[tokio::test]
async fn a_job_is_queued_at_once_and_waits_for_a_worker() {
    // F53, F68, F71
    let lab = Lab::new().await;
    let job = lab.create(&customers(10), |spec| spec.description = "first try".to_owned()).await;
    assert_eq!((job.state, job.actor.as_str(), job.last_sequence), (JobState::Queued, "ada", 1));
    assert_eq!(lab.app.job(&job.id).await.unwrap(), job);
    assert_eq!((job.version, job.digest, job.run_id, job.error.as_str()), (None, None, None, ""));
}

#[tokio::test]
async fn a_request_id_makes_one_job() {
    // F93
    let lab = Lab::new().await;
    let command = lab.command(&customers(10), |_| {});
    let job = lab.app.create_job(&caller(), command.clone()).await.unwrap();
    assert_eq!(lab.app.create_job(&caller(), command.clone()).await.unwrap(), job);
    let other = lab.command(&customers(10), |spec| spec.seed = 1);
    let reused = CreateJob { request_id: command.request_id, ..other };
    let error = lab.app.create_job(&caller(), reused).await.unwrap_err();
    assert!(matches!(error, TrainerError::RequestIdReused { job_id, .. } if job_id == job.id));
    let (jobs, _) = lab.app.jobs(&JobFilter::default(), &page(10, None)).await.unwrap();
    assert_eq!(jobs, [job]);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_page_by_page_and_by_tag() {
    // F83
    let lab = Lab::new().await;
    let mut ids = Vec::new();
    for i in 0..5 {
        let experiment = if i % 2 == 0 { "even" } else { "odd" };
        ids.push(lab.create(&customers(10), |spec| spec.experiment = experiment.to_owned()).await.id);
    }
    ids.reverse();
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let (jobs, next) = lab.app.jobs(&JobFilter::default(), &page(2, after.as_ref())).await.unwrap();
        assert!(jobs.len() <= 2);
        listed.extend(jobs.into_iter().map(|job| job.id));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, ids);
    let odd = JobFilter { experiment: Some("odd".to_owned()), ..JobFilter::default() };
    let (jobs, _) = lab.app.jobs(&odd, &page(10, None)).await.unwrap();
    assert_eq!(jobs.into_iter().map(|job| job.id).collect::<Vec<_>>(), [ids[1].clone(), ids[3].clone()]);
    let running = JobFilter { state: Some(JobState::Running), ..JobFilter::default() };
    assert!(lab.app.jobs(&running, &page(10, None)).await.unwrap().0.is_empty());
}

#[tokio::test]
async fn a_watcher_resumes_after_the_last_number_it_saw() {
    // F92
    let mut lab = Lab::new().await;
    let job = lab.create(&customers(60), |_| {}).await;
    let mut early = Box::pin(lab.app.watch_job(job.id.clone(), 0).await.unwrap());
    assert_eq!(early.next().await.unwrap().unwrap().sequence, 1);
    let early = tokio::spawn(early.map(Result::unwrap).collect::<Vec<_>>());
    let job = lab.finish(&job).await;
    let all = lab.events(&job.id, 0).await;
    assert_eq!(all.last().unwrap().state, JobState::Succeeded, "{}", job.error);
    assert_eq!(all.iter().map(|event| event.sequence).collect::<Vec<_>>(), (1..=job.last_sequence).collect::<Vec<_>>());
    assert_eq!(early.await.unwrap(), all[1..]);
    assert_eq!(lab.events(&job.id, 5).await, all[5..]);
    for after in [job.last_sequence, u64::MAX] {
        assert_eq!(lab.events(&job.id, after).await, []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_watchers_see_everything_and_a_slow_one_delays_nobody() {
    // F92
    let lab = Lab::new().await;
    let job = lab.create(&customers(60), |spec| spec.family = "chatty".to_owned()).await;
    let mut slow = Box::pin(lab.app.watch_job(job.id.clone(), 0).await.unwrap());
    assert_eq!(slow.next().await.unwrap().unwrap().sequence, 1);
    let watchers = join_all((0..300).map(|_| lab.app.watch_job(job.id.clone(), 0))).await;
    let watchers =
        watchers.into_iter().map(|events| tokio::spawn(events.unwrap().map(Result::unwrap).collect::<Vec<_>>()));
    let watchers: Vec<_> = watchers.collect();
    let running = lab.run();
    let expected = lab.events(&job.id, 0).await;
    for watcher in watchers {
        assert_eq!(watcher.await.unwrap(), expected);
    }
    assert_eq!(expected.last().unwrap().state, JobState::Succeeded);
    assert_eq!(slow.map(Result::unwrap).collect::<Vec<_>>().await, expected[1..]);
    running.stop().await;
}

#[tokio::test]
async fn a_node_with_an_active_job_gets_another_only_as_a_rerun() {
    // F93
    let lab = Lab::new().await;
    let wish =
        || lab.command(&customers(60), |spec| (spec.pipeline_id, spec.node_id) = ("p".to_owned(), "n".to_owned()));
    let first = lab.app.create_job(&caller(), wish()).await.unwrap();
    let error = lab.app.create_job(&caller(), wish()).await.unwrap_err();
    assert!(
        matches!(&error, TrainerError::NodeBusy { node, job_id } if node == "p/n" && *job_id == first.id),
        "{error}"
    );
    let again = CreateJob { request_id: first.request_id.clone(), ..wish() };
    assert_eq!(lab.app.create_job(&caller(), again).await.unwrap().id, first.id);
    let rerun = lab.app.create_job(&caller(), CreateJob { rerun: true, ..wish() }).await.unwrap();
    assert_eq!((rerun.state, rerun.id == first.id), (JobState::Queued, false));
}

#[tokio::test]
async fn a_job_nobody_made_is_not_found() {
    let lab = Lab::new().await;
    let id = JobId::from("no such job".to_owned());
    assert!(matches!(lab.app.job(&id).await, Err(TrainerError::JobNotFound { .. })));
    assert!(matches!(lab.app.stop_job(&caller(), &id, Stop::Cancel).await, Err(TrainerError::JobNotFound { .. })));
    assert!(matches!(lab.app.resume_job(&caller(), &id).await, Err(TrainerError::JobNotFound { .. })));
    assert!(matches!(lab.app.attempts(&id, &page(1, None)).await, Err(TrainerError::JobNotFound { .. })));
    assert!(matches!(lab.app.watch_job(id, 0).await.err(), Some(TrainerError::JobNotFound { .. })));
}

fn page(size: u32, after: Option<&JobId>) -> PageRequest {
    PageRequest { size, after: after.map(ToString::to_string) }
}
