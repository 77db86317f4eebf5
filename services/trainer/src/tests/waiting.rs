//! What decides when a waiting job runs, on the store alone. Each case runs on every database, see `conformance`.

use futures::future::join_all;
use lineal_db::StoreError;
use lineal_kernel::{Clock as _, ModelName};

use super::{
    lab::{LEASE, Lab, caller, customers},
    queue::{change_to, claim, claim_up_to, claimed, job_in, queued, queued_with, record, stop},
};
use crate::domain::{Creation, FailureReason, Job, JobChange, JobFilter, JobId, JobState, SpecDraft, Stop};

async fn resume(lab: &Lab, id: &JobId) -> JobState {
    lab.store.resume(id, "ada", lab.clock.now()).await.unwrap().unwrap().state
}

pub(super) async fn greater_priorities_go_first(lab: &Lab) {
    // X7
    let mut ids = Vec::new();
    for priority in [0, 5, -5, 5] {
        ids.push(queued_with(lab, |spec| spec.schedule.priority = priority).await);
    }
    for expected in [1, 3, 0, 2] {
        assert_eq!(claimed(lab).await.unwrap(), ids[expected]);
    }
}

pub(super) async fn a_suspended_job_keeps_its_place(lab: &Lab) {
    // X7
    let first = queued(lab).await.id;
    let second = queued(lab).await.id;
    assert_eq!(stop(lab, &first, Stop::Suspend).await, JobState::Suspended);
    assert_eq!(claimed(lab).await, Some(second));
    assert_eq!(claimed(lab).await, None);
    let third = queued(lab).await.id;
    assert_eq!(resume(lab, &first).await, JobState::Queued);
    assert_eq!(claimed(lab).await, Some(first));
    assert_eq!(claimed(lab).await, Some(third));
}

pub(super) async fn a_job_that_is_resumed_while_it_stops_is_queued(lab: &Lab) {
    // X7
    let lease = job_in(lab, JobState::Running).await;
    stop(lab, &lease.job_id, Stop::Suspend).await;
    assert_eq!(resume(lab, &lease.job_id).await, JobState::Running);
    let suspended = JobChange::stopped(Stop::Suspend);
    assert!(matches!(record(lab, &lease, &suspended).await, Err(StoreError::Conflict)));
    record(lab, &lease, &suspended.instead(None)).await.unwrap();
    let job = lab.stored(&lease.job_id).await;
    assert_eq!((job.state, job.attempt), (JobState::Queued, 0));
}

pub(super) async fn no_job_starts_before_its_time(lab: &Lab) {
    // F80
    let time = lab.clock.now().plus(LEASE);
    let id = queued_with(lab, |spec| spec.schedule.not_before = Some(time)).await;
    assert_eq!(lab.stored(&id).await.run_time, time);
    assert!(claimed(lab).await.is_none() && !lab.store.waiting(lab.clock.now()).await.unwrap());
    lab.clock.advance(LEASE);
    assert!(lab.store.waiting(lab.clock.now()).await.unwrap());
    assert_eq!(claimed(lab).await, Some(id));
}

pub(super) async fn a_job_that_waits_too_long_fails(lab: &Lab) {
    // F79
    let by = Some(lab.clock.now().plus(LEASE));
    let start = queued_with(lab, |spec| spec.schedule.start_by = by).await;
    let finish = queued_with(lab, |spec| spec.schedule.finish_by = by).await;
    let started = queued_with(lab, |spec| (spec.schedule.start_by, spec.schedule.priority) = (by, 1)).await;
    stop(lab, &finish, Stop::Suspend).await;
    let lease = claim(lab).await.unwrap().lease;
    assert_eq!(lease.job_id, started);
    record(lab, &lease, &JobChange::released("released")).await.unwrap();
    assert_eq!(lab.store.expire(lab.clock.now(), "too late").await.unwrap(), None);
    lab.clock.advance(LEASE);
    assert_eq!(claimed(lab).await, Some(started), "it has started in time");
    let late =
        [lab.store.expire(lab.clock.now(), "too late").await, lab.store.expire(lab.clock.now(), "too late").await];
    assert_eq!(late.map(|id| id.unwrap().unwrap()), [start.clone(), finish.clone()]);
    assert_eq!(lab.store.expire(lab.clock.now(), "too late").await.unwrap(), None);
    for id in [start, finish] {
        let job = lab.stored(&id).await;
        assert_eq!((job.state, job.reason), (JobState::Failed, Some(FailureReason::DeadlineExceeded)));
        assert_eq!(lab.store.events(&id, 0, 9).await.unwrap().last().unwrap().message, "too late");
    }
}

pub(super) async fn a_model_never_runs_more_jobs_than_its_limit(lab: &Lab) {
    // F81
    for _ in 0..4 {
        queued(lab).await;
    }
    let other = queued_with(lab, |spec| spec.model = "fraud".to_owned()).await;
    let claims: Vec<_> = join_all((0..8).map(|_| claim_up_to(lab, 2))).await.into_iter().flatten().collect();
    let churn: Vec<_> = claims.iter().filter(|claim| claim.job.id != other).collect();
    assert_eq!((claims.len(), churn.len()), (3, 2));
    record(lab, &churn[0].lease, &change_to(JobState::Succeeded)).await.unwrap();
    assert!(claim_up_to(lab, 2).await.is_some());
    assert!(claim_up_to(lab, 2).await.is_none());
}

pub(super) async fn a_node_has_one_active_job(lab: &Lab) {
    // F93
    let node = |spec: &mut SpecDraft| (spec.pipeline_id, spec.node_id) = ("p1".to_owned(), "train".to_owned());
    let make = async |rerun: bool| {
        let command = lab.command(&customers(60), node);
        let job = Job::queued(command.request_id, command.spec, "ada".to_owned(), lab.clock.now());
        lab.store.create_job(&job, rerun).await.unwrap()
    };
    // Eight at once: one is made, all others are told which.
    let made = join_all((0..8).map(|_| make(false))).await;
    let ids: Vec<_> =
        made.iter().filter_map(|made| if let Creation::Job(job) = made { Some(&job.id) } else { None }).collect();
    assert_eq!(ids.len(), 1);
    assert!(made.iter().all(|other| matches!(other, Creation::Job(_)) || *other == Creation::NodeBusy(ids[0].clone())));
    assert!(matches!(make(true).await, Creation::Job(_)), "a rerun is queued all the same");
    assert!(matches!(make(false).await, Creation::NodeBusy(_)));
    queued_with(lab, |spec| (spec.pipeline_id, spec.node_id) = ("p1".to_owned(), "other".to_owned())).await;
    for job in lab.store.jobs(&JobFilter::default(), None, 10).await.unwrap() {
        stop(lab, &job.id, Stop::Cancel).await;
    }
    assert!(matches!(make(false).await, Creation::Job(_)), "the node is free again");
}

pub(super) async fn jobs_are_found_by_every_filter(lab: &Lab) {
    // F83
    let other = queued(lab).await;
    lab.clock.advance(LEASE);
    let command = lab.command(&customers(60), |spec| {
        (spec.pipeline_id, spec.node_id) = ("p1".to_owned(), "train".to_owned());
        spec.experiment = "weekly".to_owned();
        spec.tags.insert("team".to_owned(), "growth".to_owned());
        spec.model = "fraud".to_owned();
    });
    let bob = lineal_kernel::Caller { actor: "bob".to_owned(), ..caller() };
    let job = lab.app.create_job(&bob, command).await.unwrap();
    stop(lab, &job.id, Stop::Suspend).await;
    let now = lab.clock.now();
    let text = |text: &str| Some(text.to_owned());
    let found = async |filter: JobFilter| {
        let jobs = lab.store.jobs(&filter, None, 10).await.unwrap();
        jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    let any = JobFilter::default;
    for filter in [
        JobFilter { model: ModelName::new("fraud").ok(), ..any() },
        JobFilter { state: Some(JobState::Suspended), ..any() },
        JobFilter { experiment: text("weekly"), ..any() },
        JobFilter { pipeline: text("p1"), ..any() },
        JobFilter { node: text("train"), ..any() },
        JobFilter { actor: text("bob"), ..any() },
        JobFilter { tag: Some(("team".to_owned(), "growth".to_owned())), ..any() },
        JobFilter { created_from: Some(now), ..any() },
    ] {
        assert_eq!(found(filter.clone()).await, std::slice::from_ref(&job.id), "{filter:?}");
    }
    assert_eq!(found(JobFilter { created_to: Some(now), ..any() }).await, [other.id]);
    let wrong = JobFilter { tag: Some(("team".to_owned(), "sales".to_owned())), ..any() };
    assert_eq!(found(wrong).await, []);
}
