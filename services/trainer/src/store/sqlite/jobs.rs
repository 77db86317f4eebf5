//! What callers do with jobs.

use std::collections::BTreeMap;

use lineal_db::{Sqlite, StoreError};
use lineal_kernel::{RequestId, Timestamp};

use super::{
    append,
    rows::{EventRow, JobRow, to_json},
    sql,
};
use crate::domain::{Job, JobEvent, JobFilter, JobId, JobState};

pub(super) async fn create(db: &Sqlite, job: &Job) -> Result<Job, StoreError> {
    let mut tx = db.begin().await?;
    let known = sqlx::query_as::<_, JobRow>(sql::JOB_BY_REQUEST).bind(job.request_id.as_str());
    if let Some(row) = known.fetch_optional(&mut *tx).await? {
        // The first request may still wait for its commit.
        tx.commit().await?;
        return row.try_into();
    }
    sqlx::query(sql::INSERT_JOB)
        .bind(job.id.as_str())
        .bind(job.request_id.as_str())
        .bind(job.state.as_str())
        .bind(job.spec.model.as_str())
        .bind(&job.spec.experiment)
        .bind(to_json(&job.spec)?)
        .bind(&job.actor)
        .bind(job.create_time.micros())
        .execute(&mut *tx)
        .await?;
    append(&mut tx, &job.id, &event(1, job.create_time, &job.actor, job.state, "queued")).await?;
    tx.commit().await?;
    Ok(Job { last_sequence: 1, ..job.clone() })
}

pub(super) async fn get(db: &Sqlite, id: &JobId) -> Result<Option<Job>, StoreError> {
    let row = sqlx::query_as::<_, JobRow>(sql::JOB).bind(id.as_str()).fetch_optional(db.reader()).await?;
    row.map(Job::try_from).transpose()
}

pub(super) async fn by_request(db: &Sqlite, request_id: &RequestId) -> Result<Option<Job>, StoreError> {
    let query = sqlx::query_as::<_, JobRow>(sql::JOB_BY_REQUEST).bind(request_id.as_str());
    query.fetch_optional(db.reader()).await?.map(Job::try_from).transpose()
}

pub(super) async fn list(
    db: &Sqlite,
    filter: &JobFilter,
    before: Option<&JobId>,
    limit: u32,
) -> Result<Vec<Job>, StoreError> {
    let rows = sqlx::query_as::<_, JobRow>(sql::JOBS)
        .bind(filter.model.as_ref().map_or("", |model| model.as_str()))
        .bind(filter.state.map_or("", JobState::as_str))
        .bind(filter.experiment.as_deref().unwrap_or(""))
        .bind(before.map_or("", JobId::as_str))
        .bind(i64::from(limit))
        .fetch_all(db.reader())
        .await?;
    rows.into_iter().map(Job::try_from).collect()
}

pub(super) async fn events(db: &Sqlite, id: &JobId, after: u64, limit: u32) -> Result<Vec<JobEvent>, StoreError> {
    let rows = sqlx::query_as::<_, EventRow>(sql::EVENTS)
        .bind(id.as_str())
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .fetch_all(db.reader())
        .await?;
    rows.into_iter().map(JobEvent::try_from).collect()
}

pub(super) async fn cancel(db: &Sqlite, id: &JobId, actor: &str, now: Timestamp) -> Result<Option<Job>, StoreError> {
    let mut tx = db.begin().await?;
    let queued = sqlx::query_scalar::<_, i64>(sql::CANCEL_QUEUED).bind(id.as_str()).bind(now.micros());
    let running = sqlx::query_scalar::<_, i64>(sql::REQUEST_CANCEL).bind(id.as_str());
    let event = if let Some(sequence) = queued.fetch_optional(&mut *tx).await? {
        Some(event(sequence, now, actor, JobState::Cancelled, "cancelled"))
    } else {
        let sequence = running.fetch_optional(&mut *tx).await?;
        sequence.map(|sequence| event(sequence, now, actor, JobState::Running, "asked to cancel"))
    };
    if let Some(event) = event {
        append(&mut tx, id, &event).await?;
    }
    let row = sqlx::query_as::<_, JobRow>(sql::JOB).bind(id.as_str()).fetch_optional(&mut *tx).await?;
    tx.commit().await?;
    row.map(Job::try_from).transpose()
}

fn event(sequence: i64, create_time: Timestamp, actor: &str, state: JobState, message: &str) -> JobEvent {
    JobEvent {
        sequence: sequence as u64,
        create_time,
        actor: actor.to_owned(),
        state,
        step: None,
        progress: 0.0,
        metrics: BTreeMap::new(),
        message: message.to_owned(),
    }
}
