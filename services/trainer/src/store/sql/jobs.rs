//! What callers do with jobs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lineal_kernel::{RequestId, Timestamp};

use super::{
    Connection, Sql, Store, append, micros,
    rows::{AttemptRow, EventRow, JobRow, job_columns, to_json},
};
use crate::{
    domain::{Attempt, Creation, Job, JobEvent, JobFilter, JobId, JobState, Stop},
    store::{JobStore, Result},
};

const INSERT: &str = "\
     INSERT INTO jobs (job_id, request_id, state, model, experiment, pipeline_id, node_id, priority, spec, actor, create_time, \
     run_time, start_by, finish_by, last_sequence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1)";

const INSERT_TAG: &str = "INSERT INTO job_tags (job_id, name, value) VALUES ($1, $2, $3)";

const JOB: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE job_id = $1");

const BY_REQUEST: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE request_id = $1");

const ACTIVE: &str = "SELECT job_id FROM jobs WHERE pipeline_id = $1 AND node_id = $2 AND pipeline_id <> '' \
     AND state IN ('queued', 'running', 'suspended') ORDER BY job_id DESC LIMIT 1";

/// The empty text stands for "any".
const LIST: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM jobs WHERE ($1 = '' OR model = $1) AND ($2 = '' OR state = $2) AND ($3 = '' OR experiment = $3) \
     AND ($4 = '' OR pipeline_id = $4) AND ($5 = '' OR node_id = $5) AND ($6 = '' OR actor = $6) \
     AND ($7 = '' OR EXISTS (SELECT 1 FROM job_tags t WHERE t.job_id = jobs.job_id AND t.name = $7 AND t.value = $8)) \
     AND create_time >= $9 AND create_time < $10 AND ($11 = '' OR job_id < $11) ORDER BY job_id DESC LIMIT $12"
);

const EVENTS: &str = "\
     SELECT sequence, create_time, actor, state, step, progress, metrics, message FROM job_events \
     WHERE job_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";

const ATTEMPTS: &str = "\
     SELECT number, worker, start_time, end_time, state, reason, error FROM job_attempts \
     WHERE job_id = $1 AND number > $2 ORDER BY number LIMIT $3";

/// Makes later statements of the transaction see one state of the job.
const LOCK: &str = "UPDATE jobs SET last_sequence = last_sequence WHERE job_id = $1";

const STOP_WAITING: &str = "\
     UPDATE jobs SET state = $3, end_time = CASE WHEN $3 = 'cancelled' THEN $2 END, \
     run_to_close = CASE WHEN $3 = 'cancelled' AND run_id IS NOT NULL THEN 1 ELSE 0 END, last_sequence = last_sequence + 1 \
     WHERE job_id = $1 AND state IN ('queued', 'suspended') AND state <> $3 AND pending_version IS NULL \
     RETURNING last_sequence";

const ASK_RUNNING: &str = "UPDATE jobs SET stop_requested = $2, last_sequence = last_sequence + 1 \
     WHERE job_id = $1 AND state = 'running' AND stop_requested NOT IN ($2, 'cancel') AND pending_version IS NULL \
     RETURNING last_sequence";

const RESUME: &str = "UPDATE jobs SET state = 'queued', last_sequence = last_sequence + 1 \
     WHERE job_id = $1 AND state = 'suspended' RETURNING last_sequence";

const TAKE_BACK: &str = "UPDATE jobs SET stop_requested = '', last_sequence = last_sequence + 1 \
     WHERE job_id = $1 AND state = 'running' AND stop_requested = 'suspend' RETURNING last_sequence";

#[async_trait]
impl JobStore for Store {
    async fn create_job(&self, job: &Job, rerun: bool) -> Result<Creation> {
        let mut tx = self.db.begin().await?;
        let known = sqlx::query_as::<_, JobRow>(BY_REQUEST).bind(job.request_id.as_str());
        if let Some(row) = known.fetch_optional(&mut *tx).await? {
            // The first request may still wait for its commit.
            tx.commit().await?;
            return Ok(Creation::Job(Box::new(row.try_into()?)));
        }
        let (pipeline, node) = job.spec.node.as_ref().map_or(("", ""), |key| (&key.pipeline, &key.node));
        if !rerun {
            let active = sqlx::query_scalar::<_, String>(ACTIVE).bind(pipeline).bind(node);
            if let Some(id) = active.fetch_optional(&mut *tx).await? {
                tx.commit().await?;
                return Ok(Creation::NodeBusy(JobId::from(id)));
            }
        }
        sqlx::query(INSERT)
            .bind(job.id.as_str())
            .bind(job.request_id.as_str())
            .bind(job.state.as_str())
            .bind(job.spec.model.as_str())
            .bind(&job.spec.experiment)
            .bind(pipeline)
            .bind(node)
            .bind(i64::from(job.spec.schedule.priority))
            .bind(to_json(&job.spec)?)
            .bind(&job.actor)
            .bind(job.create_time.micros())
            .bind(job.run_time.micros())
            .bind(micros(job.spec.schedule.start_by))
            .bind(micros(job.spec.schedule.finish_by))
            .execute(&mut *tx)
            .await?;
        for (name, value) in &job.spec.tags {
            sqlx::query(INSERT_TAG).bind(job.id.as_str()).bind(name).bind(value).execute(&mut *tx).await?;
        }
        append(&mut tx, &job.id, &event(1, job.create_time, &job.actor, job.state, "queued")).await?;
        tx.commit().await?;
        Ok(Creation::Job(Box::new(Job { last_sequence: 1, ..job.clone() })))
    }

    async fn job(&self, id: &JobId) -> Result<Option<Job>> {
        let row = sqlx::query_as::<_, JobRow>(JOB).bind(id.as_str()).fetch_optional(self.db.reader()).await?;
        row.map(Job::try_from).transpose()
    }

    async fn job_by_request(&self, request_id: &RequestId) -> Result<Option<Job>> {
        let query = sqlx::query_as::<_, JobRow>(BY_REQUEST).bind(request_id.as_str());
        query.fetch_optional(self.db.reader()).await?.map(Job::try_from).transpose()
    }

    async fn jobs(&self, filter: &JobFilter, before: Option<&JobId>, limit: u32) -> Result<Vec<Job>> {
        let (tag, value) = filter.tag.as_ref().map_or(("", ""), |(name, value)| (name, value));
        let rows = sqlx::query_as::<_, JobRow>(LIST)
            .bind(filter.model.as_ref().map_or("", |model| model.as_str()))
            .bind(filter.state.map_or("", JobState::as_str))
            .bind(filter.experiment.as_deref().unwrap_or(""))
            .bind(filter.pipeline.as_deref().unwrap_or(""))
            .bind(filter.node.as_deref().unwrap_or(""))
            .bind(filter.actor.as_deref().unwrap_or(""))
            .bind(tag)
            .bind(value)
            .bind(micros(filter.created_from).unwrap_or(i64::MIN))
            .bind(micros(filter.created_to).unwrap_or(i64::MAX))
            .bind(before.map_or("", JobId::as_str))
            .bind(i64::from(limit))
            .fetch_all(self.db.reader())
            .await?;
        rows.into_iter().map(Job::try_from).collect()
    }

    async fn events(&self, id: &JobId, after: u64, limit: u32) -> Result<Vec<JobEvent>> {
        let rows = sqlx::query_as::<_, EventRow>(EVENTS).bind(id.as_str()).bind(column(after)).bind(i64::from(limit));
        rows.fetch_all(self.db.reader()).await?.into_iter().map(JobEvent::try_from).collect()
    }

    async fn heads(&self, ids: &[JobId]) -> Result<Vec<(JobId, u64)>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut sql = Sql::new("SELECT job_id, last_sequence FROM jobs WHERE job_id IN (");
        let mut list = sql.separated(", ");
        for id in ids {
            list.push_bind(id.as_str());
        }
        sql.push(")");
        let heads: Vec<(String, i64)> = sql.build_query_as().fetch_all(self.db.reader()).await?;
        Ok(heads.into_iter().map(|(id, last)| (JobId::from(id), last as u64)).collect())
    }

    async fn attempts(&self, id: &JobId, after: u64, limit: u32) -> Result<Vec<Attempt>> {
        let rows =
            sqlx::query_as::<_, AttemptRow>(ATTEMPTS).bind(id.as_str()).bind(column(after)).bind(i64::from(limit));
        rows.fetch_all(self.db.reader()).await?.into_iter().map(Attempt::try_from).collect()
    }

    async fn stop(&self, id: &JobId, stop: Stop, actor: &str, now: Timestamp) -> Result<Option<Job>> {
        let (state, done, asked) = match stop {
            Stop::Cancel => (JobState::Cancelled, "cancelled", "asked to cancel"),
            Stop::Suspend => (JobState::Suspended, "suspended", "asked to suspend"),
        };
        let mut tx = self.db.begin_row().await?;
        sqlx::query(LOCK).bind(id.as_str()).execute(&mut *tx).await?;
        let waiting = sqlx::query_scalar(STOP_WAITING).bind(id.as_str()).bind(now.micros()).bind(state.as_str());
        let event = if let Some(sequence) = waiting.fetch_optional(&mut *tx).await? {
            Some(event(sequence, now, actor, state, done))
        } else {
            let running = sqlx::query_scalar(ASK_RUNNING).bind(id.as_str()).bind(stop.as_str());
            let sequence = running.fetch_optional(&mut *tx).await?;
            sequence.map(|sequence| event(sequence, now, actor, JobState::Running, asked))
        };
        let job = told(&mut tx, id, event).await?;
        tx.commit().await?;
        Ok(job)
    }

    async fn resume(&self, id: &JobId, actor: &str, now: Timestamp) -> Result<Option<Job>> {
        let mut tx = self.db.begin_row().await?;
        sqlx::query(LOCK).bind(id.as_str()).execute(&mut *tx).await?;
        let suspended = sqlx::query_scalar(RESUME).bind(id.as_str()).fetch_optional(&mut *tx).await?;
        let event = if let Some(sequence) = suspended {
            Some(event(sequence, now, actor, JobState::Queued, "resumed"))
        } else {
            let running = sqlx::query_scalar(TAKE_BACK).bind(id.as_str()).fetch_optional(&mut *tx).await?;
            running.map(|sequence| event(sequence, now, actor, JobState::Running, "to go on after all"))
        };
        let job = told(&mut tx, id, event).await?;
        tx.commit().await?;
        Ok(job)
    }
}

/// Appends the event, if something has happened, and reads the job as it is then.
async fn told(tx: &mut Connection, id: &JobId, event: Option<JobEvent>) -> Result<Option<Job>> {
    if let Some(event) = event {
        append(tx, id, &event).await?;
    }
    let row = sqlx::query_as::<_, JobRow>(JOB).bind(id.as_str()).fetch_optional(tx).await?;
    row.map(Job::try_from).transpose()
}

fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// An event without anything to measure.
pub(super) fn event(sequence: i64, create_time: Timestamp, actor: &str, state: JobState, message: &str) -> JobEvent {
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
