//! What workers do with jobs. Every write names the generation of its lease.

use std::collections::BTreeMap;

use lineal_db::{Sqlite, StoreError};
use lineal_kernel::Timestamp;

use super::{
    append,
    rows::{JobRow, to_json},
    sql, step_word,
};
use crate::domain::{Claim, JobChange, JobEvent, JobState, Lease};

/// Who causes the events of a worker.
const ACTOR: &str = "service:trainer";

pub(super) async fn claim(
    db: &Sqlite,
    owner: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Claim>, StoreError> {
    let mut tx = db.begin().await?;
    let update = sqlx::query_as::<_, JobRow>(sql::CLAIM).bind(owner).bind(now.micros()).bind(until.micros());
    let Some(row) = update.fetch_optional(&mut *tx).await? else { return Ok(None) };
    let claim = Claim::try_from(row)?;
    let event = JobEvent {
        sequence: claim.job.last_sequence,
        create_time: now,
        actor: ACTOR.to_owned(),
        state: JobState::Running,
        step: None,
        progress: 0.0,
        metrics: BTreeMap::new(),
        message: format!("started, attempt {}", claim.job.attempt),
    };
    append(&mut tx, &claim.job.id, &event).await?;
    tx.commit().await?;
    Ok(Some(claim))
}

pub(super) async fn heartbeat(db: &Sqlite, lease: &Lease, until: Timestamp) -> Result<Option<bool>, StoreError> {
    let mut tx = db.begin().await?;
    let update = sqlx::query_scalar::<_, i64>(sql::HEARTBEAT).bind(lease.job_id.as_str()).bind(lease.generation);
    let cancel_requested = update.bind(until.micros()).fetch_optional(&mut *tx).await?;
    tx.commit().await?;
    Ok(cancel_requested.map(|flag| flag != 0))
}

pub(super) async fn record(db: &Sqlite, lease: &Lease, change: &JobChange, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let metrics = if change.keep_metrics { Some(to_json(&change.metrics)?) } else { None };
    let sequence = sqlx::query_scalar::<_, i64>(sql::CHANGE)
        .bind(lease.job_id.as_str())
        .bind(lease.generation)
        .bind(change.state.as_str())
        .bind(step_word(change.step))
        .bind(change.progress)
        .bind(metrics)
        .bind(&change.run_id)
        .bind(change.version.map(|version| version as i64))
        .bind(change.digest.map(|digest| digest.to_string()))
        .bind(&change.error)
        .bind(change.pending.as_ref().map(to_json).transpose()?)
        .bind(i64::from(change.refund_attempt))
        .bind(change.state.is_final().then_some(now.micros()))
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(StoreError::Conflict)?;
    let event = JobEvent {
        sequence: sequence as u64,
        create_time: now,
        actor: ACTOR.to_owned(),
        state: change.state,
        step: change.step,
        progress: change.progress,
        metrics: change.metrics.clone(),
        message: change.message.clone(),
    };
    append(&mut tx, &lease.job_id, &event).await?;
    tx.commit().await
}

pub(super) async fn lost(db: &Sqlite, moment: Timestamp) -> Result<Vec<Claim>, StoreError> {
    let rows = sqlx::query_as::<_, JobRow>(sql::LOST).bind(moment.micros()).fetch_all(db.reader()).await?;
    rows.into_iter().map(Claim::try_from).collect()
}
