//! The queue and the log, on the store alone.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::join_all;
use lineal_db::StoreError;
use lineal_kernel::{Clock as _, Digest};

use super::lab::{LEASE, Lab, customers};
use crate::{
    domain::{Claim, Job, JobChange, JobState, Lease, Step},
    store::TrainerStore as _,
};

async fn queued(lab: &Lab) -> Job {
    lab.create(&customers(60), |_| {}).await
}

async fn claim(lab: &Lab) -> Option<Claim> {
    let now = lab.clock.now();
    lab.store.claim("worker", now, now.plus(LEASE)).await.unwrap()
}

async fn record(lab: &Lab, lease: &Lease, change: &JobChange) -> Result<(), StoreError> {
    lab.store.record(lease, change, lab.clock.now()).await
}

fn change_to(state: JobState) -> JobChange {
    match state {
        JobState::Queued => JobChange::released(),
        JobState::Running => JobChange::progress(Some(Step::Train), 0.5, "half"),
        JobState::Succeeded => JobChange::succeeded(1, Digest::of(b"bundle")),
        JobState::Failed => JobChange::failed(Some(Step::Train), "it failed".to_owned()),
        JobState::Cancelled => JobChange::cancelled(),
    }
}

/// A job in `state`, with the last lease on it.
async fn job_in(lab: &Lab, state: JobState) -> Lease {
    queued(lab).await;
    let claim = claim(lab).await.unwrap();
    if state != JobState::Running {
        record(lab, &claim.lease, &change_to(state)).await.unwrap();
    }
    claim.lease
}

#[tokio::test]
async fn a_worker_changes_only_a_running_job() {
    // F70
    for from in JobState::ALL {
        for to in JobState::ALL {
            let lab = Lab::new().await;
            let lease = job_in(&lab, from).await;
            let result = record(&lab, &lease, &change_to(to)).await;
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
        }
    }
}

#[tokio::test]
async fn cancelling_depends_on_the_state() {
    // F70, F78
    for (from, expected) in [
        (JobState::Queued, JobState::Cancelled),
        (JobState::Running, JobState::Running),
        (JobState::Succeeded, JobState::Succeeded),
        (JobState::Failed, JobState::Failed),
        (JobState::Cancelled, JobState::Cancelled),
    ] {
        let lab = Lab::new().await;
        let lease = job_in(&lab, from).await;
        let now = lab.clock.now();
        let before = lab.stored(&lease.job_id).await.last_sequence;
        for _ in 0..2 {
            let job = lab.store.cancel(&lease.job_id, "ada", now).await.unwrap().unwrap();
            assert_eq!(job.state, expected, "{from:?}");
            // One event for the first request, none for its repetition or for a job that has ended.
            assert_eq!(job.last_sequence, before + u64::from(!from.is_final()), "{from:?}");
        }
        let asked = lab.store.heartbeat(&lease, now.plus(LEASE)).await.unwrap();
        assert_eq!(asked, (from == JobState::Running).then_some(true));
    }
}

#[tokio::test]
async fn a_job_is_claimed_once_and_the_oldest_first() {
    let lab = Lab::new().await;
    let jobs: Vec<_> = [queued(&lab).await, queued(&lab).await, queued(&lab).await].map(|job| job.id).into();
    assert_eq!(claim(&lab).await.unwrap().job.id, jobs[0]);
    let claims: Vec<_> = join_all((0..8).map(|_| claim(&lab))).await.into_iter().flatten().collect();
    let claimed: BTreeSet<_> = claims.iter().map(|claim| claim.job.id.clone()).collect();
    assert_eq!((claims.len(), claimed), (2, jobs[1..].iter().cloned().collect()));
}

#[tokio::test]
async fn a_void_lease_writes_nothing() {
    // F80
    let lab = Lab::new().await;
    queued(&lab).await;
    let first = claim(&lab).await.unwrap();
    assert_eq!(lab.store.lost(lab.clock.now()).await.unwrap(), []);
    lab.clock.advance(LEASE * 2);
    let lost = lab.store.lost(lab.clock.now()).await.unwrap();
    assert_eq!(lost.len(), 1);
    record(&lab, &lost[0].lease, &JobChange::lost(&lost[0], 3)).await.unwrap();
    let second = claim(&lab).await.unwrap();
    assert_eq!((second.job.attempt, second.job.state), (2, JobState::Running));
    let done = change_to(JobState::Succeeded);
    assert!(matches!(record(&lab, &first.lease, &done).await, Err(StoreError::Conflict)));
    assert_eq!(lab.store.heartbeat(&first.lease, lab.clock.now()).await.unwrap(), None);
    record(&lab, &second.lease, &done).await.unwrap();
    assert_eq!(lab.stored(&first.job.id).await.state, JobState::Succeeded);
}

#[tokio::test]
async fn a_lost_job_is_tried_three_times() {
    // F80
    let lab = Lab::new().await;
    let job = queued(&lab).await;
    for attempt in 1..=3 {
        let claim = claim(&lab).await.unwrap();
        assert_eq!(claim.job.attempt, attempt);
        record(&lab, &claim.lease, &JobChange::lost(&claim, 3)).await.unwrap();
    }
    let job = lab.stored(&job.id).await;
    assert_eq!(job.state, JobState::Failed);
    assert!(job.error.contains("3 times"), "{}", job.error);
}

#[tokio::test]
async fn a_lost_job_that_was_to_be_cancelled_is_cancelled() {
    let lab = Lab::new().await;
    queued(&lab).await;
    let lease = claim(&lab).await.unwrap().lease;
    lab.store.cancel(&lease.job_id, "ada", lab.clock.now()).await.unwrap();
    lab.clock.advance(LEASE * 2);
    let lost = lab.store.lost(lab.clock.now()).await.unwrap();
    record(&lab, &lease, &JobChange::lost(&lost[0], 3)).await.unwrap();
    assert_eq!(lab.stored(&lease.job_id).await.state, JobState::Cancelled);
}

#[tokio::test]
async fn a_version_is_not_prepared_once_someone_asked_to_cancel() {
    // F70, F78
    let mut lab = Lab::new().await;
    let model = queued(&lab).await;
    assert_eq!(lab.finish(&model).await.error, "");
    let version = lab.registry.known().versions[0].1.clone();
    let prepare = JobChange { pending: Some(Box::new(version)), ..change_to(JobState::Running) };
    for cancel_first in [true, false] {
        let lease = job_in(&lab, JobState::Running).await;
        if cancel_first {
            lab.store.cancel(&lease.job_id, "ada", lab.clock.now()).await.unwrap();
        }
        assert_eq!(record(&lab, &lease, &prepare).await.is_ok(), !cancel_first);
        lab.store.cancel(&lease.job_id, "ada", lab.clock.now()).await.unwrap();
        let asked = lab.store.heartbeat(&lease, lab.clock.now().plus(LEASE)).await.unwrap();
        assert_eq!(asked, Some(cancel_first));
    }
}

#[tokio::test]
async fn events_have_no_gaps_however_many_write_at_once() {
    // F72
    let lab = Arc::new(Lab::new().await);
    queued(&lab).await;
    let lease = claim(&lab).await.unwrap().lease;
    let writers = (0..8).map(|_| {
        let (lab, lease) = (Arc::clone(&lab), lease.clone());
        tokio::spawn(async move {
            for _ in 0..5 {
                record(&lab, &lease, &change_to(JobState::Running)).await.unwrap();
                lab.store.cancel(&lease.job_id, "ada", lab.clock.now()).await.unwrap();
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    let events = lab.store.events(&lease.job_id, 0, 100).await.unwrap();
    let sequence: Vec<_> = events.iter().map(|event| event.sequence).collect();
    // Queued, started, 40 times progress, asked to cancel once.
    assert_eq!(sequence, (1..=43).collect::<Vec<u64>>());
    assert_eq!(lab.stored(&lease.job_id).await.last_sequence, 43);
    assert_eq!(events.iter().filter(|event| event.actor == "ada").count(), 2);
}
