//! What workers do with jobs. Every write names the generation of its lease.

use std::collections::HashMap;

use async_trait::async_trait;
use futures::{StreamExt as _, stream::BoxStream};
use lineal_db::StoreError;
use lineal_kernel::Timestamp;

use super::{
    Store, append,
    jobs::event,
    micros,
    rows::{JobRow, OpenRunRow, job_columns, to_json},
    step_word,
};
use crate::{
    domain::{Hold, JobChange, JobEvent, JobId, JobState, Lease, OpenRun, Stop, Unless},
    store::{QueueStore, Result, Taken},
};

/// Who causes the events of a worker.
const ACTOR: &str = "service:trainer";

/// A job that has to finish its version has no deadline any more.
const CLAIM: &str = concat!(
    "UPDATE jobs SET state = 'running', lease_owner = $1, lease_until = $3, lease_gen = lease_gen + 1, \
     attempt = attempt + 1, start_time = COALESCE(start_time, $2), step = '', progress = 0, \
     last_sequence = last_sequence + 1 \
     WHERE job_id = (SELECT j.job_id FROM jobs j WHERE j.state = 'queued' AND j.run_time <= $2 \
     AND (j.pending_version IS NOT NULL OR ((j.start_by IS NULL OR j.start_by > $2 OR j.start_time IS NOT NULL) \
     AND (j.finish_by IS NULL OR j.finish_by > $2))) \
     AND ($4 = 0 OR (SELECT COUNT(*) FROM jobs r WHERE r.state = 'running' AND r.model = j.model) < $4) \
     ORDER BY j.priority DESC, j.job_id LIMIT 1",
    skip_locked!(),
    ") RETURNING ",
    job_columns!()
);

const BEGIN_ATTEMPT: &str =
    "INSERT INTO job_attempts (job_id, number, worker, start_time, state) VALUES ($1, $2, $3, $4, 'running')";

const END_ATTEMPT: &str = "UPDATE job_attempts SET end_time = $3, state = $4, reason = $5, error = $6 \
     WHERE job_id = $1 AND number = $2";

const HEARTBEAT: &str = "\
     UPDATE jobs SET lease_until = $3 WHERE job_id = $1 AND lease_gen = $2 AND state = 'running' \
     RETURNING stop_requested";

const CHANGE: &str = "\
     UPDATE jobs SET state = $3, step = $4, progress = $5, metrics = COALESCE($6, metrics), \
     run_id = COALESCE($7, run_id), version = COALESCE($8, version), digest = COALESCE($9, digest), \
     error = COALESCE($10, error), reason = COALESCE($11, reason), pending_version = COALESCE($12, pending_version), \
     attempt = attempt - $13, end_time = $14, sample = COALESCE($20, sample), run_time = COALESCE($15, run_time), \
     run_to_close = CASE WHEN $16 = 1 AND run_id IS NOT NULL THEN 1 ELSE 0 END, \
     stop_requested = CASE WHEN $3 = 'running' THEN stop_requested ELSE '' END, last_sequence = last_sequence + 1 \
     WHERE job_id = $1 AND lease_gen = $2 AND state = 'running' AND ($17 IS NULL OR stop_requested = $17) \
     AND ($18 = 0 OR pending_version IS NULL) AND ($19 IS NULL OR lease_until = $19) RETURNING last_sequence";

const SUSPECT: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM jobs WHERE state = 'running' AND (lease_until < $1 OR lease_owner <> $2) ORDER BY job_id"
);

const EXPIRE: &str = concat!(
    "UPDATE jobs SET state = 'failed', reason = 'deadline_exceeded', error = $2, end_time = $1, \
     run_to_close = CASE WHEN run_id IS NULL THEN 0 ELSE 1 END, last_sequence = last_sequence + 1 \
     WHERE job_id = (SELECT j.job_id FROM jobs j WHERE j.state IN ('queued', 'suspended') AND j.pending_version IS NULL \
     AND ((j.start_by <= $1 AND j.start_time IS NULL) OR j.finish_by <= $1) ORDER BY j.job_id LIMIT 1",
    skip_locked!(),
    ") RETURNING job_id, last_sequence"
);

const ASKED: &str = "SELECT job_id FROM jobs WHERE state = 'running' AND lease_owner = $1 AND stop_requested <> ''";
const WAITING: &str =
    "SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state = 'queued' AND run_time <= $1 LIMIT 1) AS found";
const OPEN_RUNS: &str = "SELECT job_id, run_id, state, error FROM jobs WHERE run_to_close = 1 ORDER BY job_id LIMIT $1";
const RUN_CLOSED: &str = "UPDATE jobs SET run_to_close = 0 WHERE job_id = $1";

#[async_trait]
impl QueueStore for Store {
    fn process(&self) -> &str {
        self.db.process()
    }

    async fn claim(&self, owner: &str, now: Timestamp, until: Timestamp, per_model: u32) -> Result<Option<Taken>> {
        // In turn, so that running jobs are counted right.
        let mut tx = self.db.begin().await?;
        let update = sqlx::query_as::<_, JobRow>(CLAIM).bind(owner).bind(now.micros()).bind(until.micros());
        let Some(row) = update.bind(i64::from(per_model)).fetch_optional(&mut *tx).await? else { return Ok(None) };
        let (attempt, sequence) = (row.attempt, row.last_sequence);
        let taken = row.claim();
        let lease = taken.as_ref().map_or_else(|job| &job.lease, |claim| &claim.lease);
        sqlx::query(BEGIN_ATTEMPT)
            .bind(lease.job_id.as_str())
            .bind(lease.generation)
            .bind(owner)
            .bind(now.micros())
            .execute(&mut *tx)
            .await?;
        let event = event(sequence, now, ACTOR, JobState::Running, &format!("started, attempt {attempt}"));
        append(&mut tx, &lease.job_id, &event).await?;
        tx.commit().await?;
        Ok(Some(taken))
    }

    async fn heartbeat(&self, lease: &Lease, until: Timestamp) -> Result<Hold> {
        let mut tx = self.db.begin_row().await?;
        let update = sqlx::query_scalar::<_, String>(HEARTBEAT).bind(lease.job_id.as_str()).bind(lease.generation);
        let asked = update.bind(until.micros()).fetch_optional(&mut *tx).await?;
        tx.commit().await?;
        let Some(asked) = asked else { return Ok(Hold::Void) };
        super::rows::stop(&asked).map(Hold::Held)
    }

    async fn record(&self, lease: &Lease, change: &JobChange, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin_row().await?;
        let sequence = self::change(&mut tx, lease, change, now).await?.ok_or(StoreError::Conflict)?;
        if change.state != JobState::Running {
            let (reason, error) =
                change.failure.as_ref().map_or(("", ""), |failure| (failure.reason.as_str(), failure.error.as_str()));
            sqlx::query(END_ATTEMPT)
                .bind(lease.job_id.as_str())
                .bind(lease.generation)
                .bind(now.micros())
                .bind(change.state.as_str())
                .bind(reason)
                .bind(error)
                .execute(&mut *tx)
                .await?;
        }
        let event = JobEvent {
            step: change.step,
            progress: change.progress,
            metrics: change.metrics.clone(),
            ..event(sequence, now, ACTOR, change.state, &change.message)
        };
        append(&mut tx, &lease.job_id, &event).await?;
        Ok(tx.commit().await?)
    }

    async fn lost(&self, now: Timestamp) -> Result<Vec<Taken>> {
        let rows = sqlx::query_as::<_, JobRow>(SUSPECT).bind(now.micros()).bind(self.process());
        let mut gone: HashMap<String, bool> = HashMap::new();
        let mut lost = Vec::new();
        for row in rows.fetch_all(self.db.reader()).await? {
            let owner = row.lease_owner.clone();
            let taken = row.claim();
            let until = taken.as_ref().map_or_else(|job| job.until, |claim| claim.until);
            let is_lost = match gone.get(&owner) {
                _ if until < now => true,
                Some(gone) => *gone,
                None => {
                    let is_gone = self.db.is_gone(&owner).await?;
                    gone.insert(owner, is_gone);
                    is_gone
                }
            };
            lost.extend(is_lost.then_some(taken));
        }
        Ok(lost)
    }

    async fn expire(&self, now: Timestamp, error: &str) -> Result<Option<JobId>> {
        let mut tx = self.db.begin_row().await?;
        let update = sqlx::query_as::<_, (String, i64)>(EXPIRE).bind(now.micros()).bind(error);
        let Some((id, sequence)) = update.fetch_optional(&mut *tx).await? else { return Ok(None) };
        let id = JobId::from(id);
        append(&mut tx, &id, &event(sequence, now, ACTOR, JobState::Failed, error)).await?;
        tx.commit().await?;
        Ok(Some(id))
    }

    async fn asked(&self, owner: &str) -> Result<Vec<JobId>> {
        let ids: Vec<String> = sqlx::query_scalar(ASKED).bind(owner).fetch_all(self.db.reader()).await?;
        Ok(ids.into_iter().map(JobId::from).collect())
    }

    async fn waiting(&self, now: Timestamp) -> Result<bool> {
        let found: i64 = sqlx::query_scalar(WAITING).bind(now.micros()).fetch_one(self.db.reader()).await?;
        Ok(found > 0)
    }

    async fn open_runs(&self, limit: u32) -> Result<Vec<OpenRun>> {
        let rows = sqlx::query_as::<_, OpenRunRow>(OPEN_RUNS).bind(i64::from(limit));
        rows.fetch_all(self.db.reader()).await?.into_iter().map(OpenRun::try_from).collect()
    }

    async fn run_closed(&self, id: &JobId) -> Result<()> {
        let mut tx = self.db.begin_row().await?;
        sqlx::query(RUN_CLOSED).bind(id.as_str()).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    fn news(&self) -> BoxStream<'static, (JobState, JobId)> {
        let read = |text: String| async move {
            let (state, id) = text.split_once(' ')?;
            Some((state.parse().ok()?, JobId::from(id.to_owned())))
        };
        super::news(&self.db).filter_map(read).boxed()
    }
}

/// Makes the change if its lease and its condition hold, and returns the number of its event.
async fn change(tx: &mut super::Connection, lease: &Lease, change: &JobChange, now: Timestamp) -> Result<Option<i64>> {
    let metrics = if change.keep_metrics { Some(to_json(&change.metrics)?) } else { None };
    let asked = match change.unless {
        Unless::AskedOther(stop) | Unless::AliveOrAskedOther(_, stop) => Some(stop.map_or("", Stop::as_str)),
        Unless::Never | Unless::Prepared | Unless::Alive(_) => None,
    };
    let seen = match change.unless {
        Unless::Alive(seen) | Unless::AliveOrAskedOther(seen, _) => Some(seen),
        Unless::Never | Unless::Prepared | Unless::AskedOther(_) => None,
    };
    // A failure that does not end the job is told by its attempt alone.
    let failure = change.failure.as_ref().filter(|_| change.state == JobState::Failed);
    let sequence = sqlx::query_scalar::<_, i64>(CHANGE)
        .bind(lease.job_id.as_str())
        .bind(lease.generation)
        .bind(change.state.as_str())
        .bind(step_word(change.step))
        .bind(change.progress)
        .bind(metrics)
        .bind(&change.run_id)
        .bind(change.version.map(|version| version as i64))
        .bind(change.digest.map(|digest| digest.to_string()))
        .bind(failure.map(|failure| &failure.error))
        .bind(failure.map(|failure| failure.reason.as_str()))
        .bind(change.pending.as_ref().map(to_json).transpose()?)
        .bind(i64::from(change.refund_attempt))
        .bind(change.state.is_final().then_some(now.micros()))
        .bind(micros(change.run_time))
        .bind(i64::from(change.run_to_close))
        .bind(asked)
        .bind(i64::from(change.unless == Unless::Prepared))
        .bind(micros(seen))
        .bind(change.sample.as_ref().map(to_json).transpose()?);
    Ok(sequence.fetch_optional(tx).await?)
}
