//! The queue and the log, on the store alone. Each case runs on every database, see `conformance`.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use lineal_db::StoreError;
use lineal_kernel::{Clock as _, Digest, ModelName, Name, RequestId};

use super::lab::{LEASE, Lab, customers};
use crate::domain::{
    Claim, Failure, FailureReason, Hold, Job, JobChange, JobId, JobSpec, JobState, Lease, NewVersion, SpecDraft, Step,
    Stop,
};

pub(super) async fn queued(lab: &Lab) -> Job {
    lab.create(&customers(60), |_| {}).await
}

pub(super) async fn queued_with(lab: &Lab, change: impl FnOnce(&mut SpecDraft)) -> JobId {
    lab.create(&customers(60), change).await.id
}

pub(super) async fn claim(lab: &Lab) -> Option<Claim> {
    claim_up_to(lab, 0).await
}

pub(super) async fn claim_up_to(lab: &Lab, per_model: u32) -> Option<Claim> {
    let now = lab.clock.now();
    lab.store.claim(lab.store.process(), now, now.plus(LEASE), per_model).await.unwrap().map(Result::unwrap)
}

pub(super) async fn claimed(lab: &Lab) -> Option<JobId> {
    claim(lab).await.map(|claim| claim.job.id)
}

/// The jobs that were lost, all of them readable.
async fn lost_jobs(lab: &Lab) -> Vec<Claim> {
    lab.store.lost(lab.clock.now()).await.unwrap().into_iter().map(Result::unwrap).collect()
}

pub(super) async fn record(lab: &Lab, lease: &Lease, change: &JobChange) -> Result<(), StoreError> {
    lab.store.record(lease, change, lab.clock.now()).await
}

pub(super) async fn stop(lab: &Lab, id: &JobId, stop: Stop) -> JobState {
    lab.store.stop(id, stop, "ada", lab.clock.now()).await.unwrap().unwrap().state
}

fn failure(reason: FailureReason) -> Failure {
    Failure { reason, error: "it failed\nat line 7".to_owned() }
}

pub(super) fn change_to(state: JobState) -> JobChange {
    let change = match state {
        JobState::Queued => JobChange::released("released"),
        JobState::Running => JobChange::progress(Some(Step::Train), 0.5, "half"),
        JobState::Suspended => JobChange::stopped(Stop::Suspend),
        JobState::Succeeded => JobChange::succeeded(1, Digest::of(b"bundle")),
        JobState::Failed => JobChange::failed(Some(Step::Train), failure(FailureReason::Fit)),
        JobState::Cancelled => JobChange::stopped(Stop::Cancel),
    };
    JobChange { unless: crate::domain::Unless::Never, ..change }
}

fn version() -> NewVersion {
    let name = |text: &str| Name::new(text).unwrap();
    NewVersion {
        model: ModelName::new("churn").unwrap(),
        family: "logistic_regression".to_owned(),
        digest: Digest::of(b"bundle"),
        metrics: [("auc".to_owned(), 0.1 + 0.2)].into(),
        description: String::new(),
        tags: [].into(),
        run_id: "r1".to_owned(),
        parent_number: 0,
        data_digest: Digest::of(b"data"),
        reference_digest: Digest::of(b"reference"),
        feature_digest: Digest::of(b"features"),
        hyperparameters_digest: Digest::of(b"hyperparameters"),
        code_version: "0.1.0".to_owned(),
        dataset: name("customers"),
        split_version: name("v1"),
        feature_version: name("v1"),
        model_version: name("v1"),
        training_duration: Duration::from_millis(7),
        training_rows: 40,
        validation_rows: 20,
        environment: [].into(),
        upstreams: Vec::new(),
    }
}

/// A job in `state`, with the last lease on it. No other job waits.
pub(super) async fn job_in(lab: &Lab, state: JobState) -> Lease {
    queued(lab).await;
    let claim = claim(lab).await.unwrap();
    if state != JobState::Running {
        record(lab, &claim.lease, &change_to(state)).await.unwrap();
    }
    claim.lease
}

pub(super) async fn a_worker_changes_only_a_running_job(lab: &Lab) {
    // F70
    for from in JobState::ALL {
        for to in JobState::ALL {
            let lease = job_in(lab, from).await;
            let result = record(lab, &lease, &change_to(to)).await;
            let allowed = from == JobState::Running;
            assert_eq!(result.is_ok(), allowed, "{from:?} -> {to:?}");
            let expected = if allowed { to } else { from };
            let job = lab.stored(&lease.job_id).await;
            assert_eq!(job.state, expected, "{from:?} -> {to:?}");
            assert_eq!(job.end_time.is_some(), expected.is_final());
            // Every transition is in the log once.
            let events = lab.store.events(&lease.job_id, 0, 100).await.unwrap();
            let first_change = usize::from(from != JobState::Running);
            assert_eq!(events.len(), 2 + first_change + usize::from(allowed), "{from:?} -> {to:?}");
            assert_eq!(events.last().unwrap().state, expected);
            stop(lab, &lease.job_id, Stop::Cancel).await;
        }
    }
}

pub(super) async fn stopping_depends_on_the_state(lab: &Lab) {
    // F70, F78, X7
    use JobState::{Cancelled, Failed, Queued, Running, Succeeded, Suspended};
    for (from, cancelled, suspended) in [
        (Queued, Cancelled, Suspended),
        (Running, Running, Running),
        (Suspended, Cancelled, Suspended),
        (Succeeded, Succeeded, Succeeded),
        (Failed, Failed, Failed),
        (Cancelled, Cancelled, Cancelled),
    ] {
        for (way, expected) in [(Stop::Cancel, cancelled), (Stop::Suspend, suspended)] {
            let lease = job_in(lab, from).await;
            let before = lab.stored(&lease.job_id).await.last_sequence;
            assert_eq!(stop(lab, &lease.job_id, way).await, expected, "{from:?}, {way:?}");
            assert_eq!(stop(lab, &lease.job_id, way).await, expected, "{from:?}, {way:?} again");
            // One event for the first request, none for its repetition or where there was nothing to do.
            let asked = from == Running;
            let told = u64::from(asked || expected != from);
            assert_eq!(lab.stored(&lease.job_id).await.last_sequence, before + told, "{from:?}, {way:?}");
            let hold = lab.store.heartbeat(&lease, lab.clock.now().plus(LEASE)).await.unwrap();
            assert_eq!(hold, if asked { Hold::Held(Some(way)) } else { Hold::Void });
            stop(lab, &lease.job_id, Stop::Cancel).await;
        }
    }
}

pub(super) async fn a_job_is_claimed_once_and_the_oldest_first(lab: &Lab) {
    let jobs: Vec<_> = [queued(lab).await, queued(lab).await, queued(lab).await].map(|job| job.id).into();
    assert!(lab.store.waiting(lab.clock.now()).await.unwrap());
    assert_eq!(claimed(lab).await.unwrap(), jobs[0]);
    let claims: Vec<_> = join_all((0..8).map(|_| claim(lab))).await.into_iter().flatten().collect();
    let claimed: BTreeSet<_> = claims.iter().map(|claim| claim.job.id.clone()).collect();
    assert_eq!((claims.len(), claimed), (2, jobs[1..].iter().cloned().collect()));
    assert!(!lab.store.waiting(lab.clock.now()).await.unwrap());
}

pub(super) async fn a_void_lease_writes_nothing(lab: &Lab) {
    // F80
    queued(lab).await;
    let first = claim(lab).await.unwrap();
    assert_eq!(lost_jobs(lab).await, []);
    lab.clock.advance(LEASE * 2);
    let lost = lost_jobs(lab).await;
    assert_eq!(lost.len(), 1);
    record(lab, &lost[0].lease, &JobChange::lost(&lost[0], lab.clock.now())).await.unwrap();
    lab.clock.advance(LEASE);
    let second = claim(lab).await.unwrap();
    assert_eq!((second.job.attempt, second.job.state), (2, JobState::Running));
    let done = change_to(JobState::Succeeded);
    assert!(matches!(record(lab, &first.lease, &done).await, Err(StoreError::Conflict)));
    assert_eq!(lab.store.heartbeat(&first.lease, lab.clock.now()).await.unwrap(), Hold::Void);
    record(lab, &second.lease, &done).await.unwrap();
    assert_eq!(lab.stored(&first.job.id).await.state, JobState::Succeeded);
}

pub(super) async fn a_sign_of_life_keeps_a_job(lab: &Lab) {
    // F80
    queued(lab).await;
    let lease = claim(lab).await.unwrap().lease;
    lab.clock.advance(LEASE * 2);
    let lost = lost_jobs(lab).await;
    // The worker was only slow.
    lab.store.heartbeat(&lease, lab.clock.now().plus(LEASE)).await.unwrap();
    let taken = record(lab, &lost[0].lease, &JobChange::lost(&lost[0], lab.clock.now())).await;
    assert!(matches!(taken, Err(StoreError::Conflict)));
    assert_eq!(lab.stored(&lease.job_id).await.state, JobState::Running);
}

pub(super) async fn a_lost_job_is_tried_as_often_as_it_may(lab: &Lab) {
    // F80
    for limit in [1, 3] {
        let id = queued_with(lab, |spec| spec.schedule.max_attempts = limit).await;
        for attempt in 1..=limit {
            lab.clock.advance(Duration::from_mins(10));
            let now = lab.clock.now();
            // On a process that is gone there is no need to wait for the end of the lease.
            let claim = lab.store.claim("0194f3a2-dead", now, now.plus(LEASE), 0).await.unwrap().unwrap().unwrap();
            assert_eq!(claim.job.attempt, attempt);
            let lost = lost_jobs(lab).await;
            assert_eq!(lost.len(), 1, "attempt {attempt}");
            record(lab, &claim.lease, &JobChange::lost(&lost[0], now)).await.unwrap();
        }
        let job = lab.stored(&id).await;
        assert_eq!((job.state, job.reason), (JobState::Failed, Some(FailureReason::WorkerLost)));
    }
}

pub(super) async fn a_lost_job_that_was_to_be_cancelled_is_cancelled(lab: &Lab) {
    queued(lab).await;
    let lease = claim(lab).await.unwrap().lease;
    stop(lab, &lease.job_id, Stop::Cancel).await;
    assert_eq!(lab.store.asked(lab.store.process()).await.unwrap(), std::slice::from_ref(&lease.job_id));
    lab.clock.advance(LEASE * 2);
    let lost = lost_jobs(lab).await;
    record(lab, &lease, &JobChange::lost(&lost[0], lab.clock.now())).await.unwrap();
    assert_eq!(lab.stored(&lease.job_id).await.state, JobState::Cancelled);
    // Also if that is asked while its loss is being settled.
    queued(lab).await;
    let lease = claim(lab).await.unwrap().lease;
    lab.clock.advance(LEASE * 2);
    let lost = lost_jobs(lab).await;
    stop(lab, &lease.job_id, Stop::Cancel).await;
    let early = record(lab, &lease, &JobChange::lost(&lost[0], lab.clock.now())).await;
    assert!(matches!(early, Err(StoreError::Conflict)));
    let lost = lost_jobs(lab).await;
    record(lab, &lease, &JobChange::lost(&lost[0], lab.clock.now())).await.unwrap();
    assert_eq!(lab.stored(&lease.job_id).await.state, JobState::Cancelled);
}

pub(super) async fn a_version_is_not_prepared_once_someone_asked_to_stop(lab: &Lab) {
    // F70, F78
    for asked_first in [Some(Stop::Cancel), Some(Stop::Suspend), None] {
        let lease = job_in(lab, JobState::Running).await;
        if let Some(way) = asked_first {
            stop(lab, &lease.job_id, way).await;
        }
        assert_eq!(record(lab, &lease, &JobChange::prepare(version())).await.is_ok(), asked_first.is_none());
        stop(lab, &lease.job_id, Stop::Cancel).await;
        let hold = lab.store.heartbeat(&lease, lab.clock.now().plus(LEASE)).await.unwrap();
        assert_eq!(hold, Hold::Held(asked_first.map(|_| Stop::Cancel)));
        // Nor does it fail for being late then.
        let late = record(lab, &lease, &JobChange::late(None, "late".to_owned())).await;
        assert_eq!(late.is_ok(), asked_first.is_some());
    }
}

pub(super) async fn events_have_no_gaps_however_many_write_at_once(lab: &Lab) {
    // F72
    queued(lab).await;
    let lease = claim(lab).await.unwrap().lease;
    join_all((0..8).map(|_| async {
        for _ in 0..5 {
            record(lab, &lease, &change_to(JobState::Running)).await.unwrap();
            stop(lab, &lease.job_id, Stop::Cancel).await;
        }
    }))
    .await;
    let events = lab.store.events(&lease.job_id, 0, 100).await.unwrap();
    let sequence: Vec<_> = events.iter().map(|event| event.sequence).collect();
    // Queued, started, 40 times progress, asked to cancel once.
    assert_eq!(sequence, (1..=43).collect::<Vec<u64>>());
    assert_eq!(lab.store.heads(std::slice::from_ref(&lease.job_id)).await.unwrap(), [(lease.job_id, 43)]);
    assert_eq!(events.iter().filter(|event| event.actor == "ada").count(), 2);
}

pub(super) async fn every_attempt_is_kept(lab: &Lab) {
    // F72, F73, F80
    let id = queued(lab).await.id;
    let first = claim(lab).await.unwrap();
    let begun = lab.clock.now();
    lab.clock.advance(Duration::from_secs(7));
    let away = failure(FailureReason::RegistryUnavailable);
    let retry = JobChange::after(away.clone(), &first.job, Some(Step::Load), false, lab.clock.now());
    record(lab, &first.lease, &retry).await.unwrap();
    let job = lab.stored(&id).await;
    assert_eq!((job.state, job.error.as_str(), job.reason), (JobState::Queued, "", None));
    assert!(job.run_time > lab.clock.now() && claimed(lab).await.is_none());
    let told = lab.store.events(&id, 0, 9).await.unwrap().pop().unwrap();
    assert!(told.message.starts_with("attempt 1 failed, trying again in ") && told.message.ends_with("it failed"));
    lab.clock.advance(Duration::from_mins(1));
    let second = claim(lab).await.unwrap();
    let panic = JobChange::after(failure(FailureReason::Panic), &second.job, None, false, lab.clock.now());
    record(lab, &second.lease, &panic).await.unwrap();
    let attempts = lab.store.attempts(&id, 0, 10).await.unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((attempts[0].start_time, attempts[0].end_time), (begun, Some(begun.plus(Duration::from_secs(7)))));
    assert_eq!((attempts[0].state, attempts[0].reason), (JobState::Queued, Some(away.reason)));
    assert_eq!((attempts[1].state, attempts[1].reason), (JobState::Failed, Some(FailureReason::Panic)));
    assert!(attempts.iter().all(|attempt| attempt.error == away.error && attempt.worker == lab.store.process()));
    assert_eq!(lab.store.attempts(&id, 1, 10).await.unwrap(), attempts[1..]);
    assert_eq!((lab.stored(&id).await.error, lab.stored(&id).await.attempt), (away.error, 2));
}

pub(super) async fn a_run_stays_open_until_it_is_closed(lab: &Lab) {
    for (state, open) in [(JobState::Failed, true), (JobState::Cancelled, true), (JobState::Suspended, false)] {
        let lease = job_in(lab, JobState::Running).await;
        let opened = JobChange { run_id: Some("r1".to_owned()), ..change_to(JobState::Running) };
        record(lab, &lease, &opened).await.unwrap();
        record(lab, &lease, &change_to(state)).await.unwrap();
        let runs = lab.store.open_runs(10).await.unwrap();
        assert_eq!(runs.iter().any(|run| run.job_id == lease.job_id && run.run_id == "r1"), open, "{state:?}");
        lab.store.run_closed(&lease.job_id).await.unwrap();
        assert_eq!(lab.store.open_runs(10).await.unwrap(), []);
        stop(lab, &lease.job_id, Stop::Cancel).await;
        // A suspended job that is cancelled ends there.
        assert_eq!(lab.store.open_runs(10).await.unwrap().len(), usize::from(!open));
    }
}

pub(super) async fn a_job_that_cannot_be_read_holds_up_no_other(lab: &Lab) {
    // F70, F80
    // JSON has no NaN, and a null is no threshold.
    let spec = JobSpec { threshold: f64::NAN, ..lab.command(&customers(60), |_| {}).spec };
    let odd = Job::queued(RequestId::random(), spec, "ada".to_owned(), lab.clock.now());
    lab.store.create_job(&odd, false).await.unwrap();
    let next = queued(lab).await;
    let now = lab.clock.now();
    let taken = lab.store.claim(lab.store.process(), now, now.plus(LEASE), 0).await.unwrap().unwrap();
    let found = taken.unwrap_err();
    assert!(found.problem.starts_with("column `spec`: invalid type: null"), "{}", found.problem);
    // Its worker is killed before it gives up.
    lab.clock.advance(LEASE * 2);
    assert_eq!(lab.store.lost(lab.clock.now()).await.unwrap(), [Err(found.clone())]);
    record(lab, &found.lease, &JobChange::unreadable(&found)).await.unwrap();
    assert_eq!(lab.store.lost(lab.clock.now()).await.unwrap(), []);
    assert_eq!(claimed(lab).await, Some(next.id));
    let last = lab.store.events(&odd.id, 0, 9).await.unwrap().pop().unwrap();
    assert_eq!(last.state, JobState::Failed);
    assert!(last.message.starts_with("it cannot be read (column `spec`"), "{}", last.message);
    let attempt = lab.store.attempts(&odd.id, 0, 9).await.unwrap().pop().unwrap();
    assert_eq!((attempt.state, attempt.reason), (JobState::Failed, Some(FailureReason::Internal)));
}

pub(super) async fn a_nul_is_found_nowhere_and_stops_no_job(lab: &Lab) {
    // F85
    assert_eq!(lab.store.job(&JobId::from("a\0b".to_owned())).await.unwrap(), None);
    let lease = job_in(lab, JobState::Running).await;
    record(lab, &lease, &JobChange::progress(None, 0.0, "column `a\0b`")).await.unwrap();
    assert_eq!(lab.store.events(&lease.job_id, 0, 9).await.unwrap().pop().unwrap().message, "column `a\u{fffd}b`");
}

pub(super) async fn a_metric_that_is_not_finite_hides_no_job(lab: &Lab) {
    let lease = job_in(lab, JobState::Running).await;
    let metrics = [("auc".to_owned(), 0.7), ("r2".to_owned(), f64::NAN)].into();
    let measured = JobChange { metrics, keep_metrics: true, ..change_to(JobState::Running) };
    record(lab, &lease, &measured).await.unwrap();
    let kept = [("auc".to_owned(), 0.7)].into();
    assert_eq!(lab.stored(&lease.job_id).await.metrics, kept);
    assert_eq!(lab.store.events(&lease.job_id, 0, 9).await.unwrap().pop().unwrap().metrics, kept);
}
