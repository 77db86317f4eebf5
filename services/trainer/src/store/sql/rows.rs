//! Rows and what they mean.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use lineal_db::StoreError;
use lineal_kernel::{RequestId, Timestamp};
use serde::de::DeserializeOwned;
use sqlx::FromRow;

use crate::domain::{Attempt, Claim, Job, JobEvent, JobId, Lease, OpenRun, Stop, Unreadable};

/// The columns of a [`JobRow`].
macro_rules! job_columns {
    () => {
        "job_id, request_id, state, spec, actor, step, progress, metrics, version, digest, run_id, sample, error, reason, attempt, \
         create_time, run_time, start_time, end_time, last_sequence, lease_owner, lease_gen, lease_until, stop_requested, \
         pending_version"
    };
}
pub(super) use job_columns;

/// A row of `jobs`.
#[derive(FromRow)]
pub(super) struct JobRow {
    job_id: String,
    request_id: String,
    state: String,
    spec: String,
    actor: String,
    step: String,
    progress: f64,
    metrics: String,
    version: Option<i64>,
    digest: Option<String>,
    run_id: Option<String>,
    sample: Option<String>,
    error: String,
    reason: String,
    pub(super) attempt: i64,
    create_time: i64,
    run_time: i64,
    start_time: Option<i64>,
    end_time: Option<i64>,
    pub(super) last_sequence: i64,
    pub(super) lease_owner: String,
    lease_gen: i64,
    lease_until: i64,
    stop_requested: String,
    pending_version: Option<String>,
}

impl TryFrom<JobRow> for Job {
    type Error = StoreError;

    fn try_from(row: JobRow) -> Result<Self, StoreError> {
        Ok(Self {
            request_id: RequestId::new(&row.request_id).map_err(|error| corrupt("request_id", error))?,
            state: parsed("state", &row.state)?,
            spec: json("spec", &row.spec)?,
            actor: row.actor,
            step: optional("step", &row.step)?,
            progress: row.progress,
            metrics: metrics(&row.metrics)?,
            version: row.version.map(|number| unsigned("version", number)).transpose()?,
            digest: row.digest.map(|text| parsed("digest", &text)).transpose()?,
            run_id: row.run_id,
            sample: row.sample.as_deref().map(|text| json("sample", text)).transpose()?,
            error: row.error,
            reason: optional("reason", &row.reason)?,
            attempt: unsigned("attempt", row.attempt)?,
            create_time: Timestamp::from_micros(row.create_time),
            run_time: Timestamp::from_micros(row.run_time),
            start_time: row.start_time.map(Timestamp::from_micros),
            end_time: row.end_time.map(Timestamp::from_micros),
            last_sequence: unsigned("last_sequence", row.last_sequence)?,
            id: JobId::from(row.job_id),
        })
    }
}

impl JobRow {
    /// The job in the hands of its worker, if that one can read it.
    pub(super) fn claim(self) -> Result<Claim, Unreadable> {
        let lease = Lease { job_id: JobId::from(self.job_id.clone()), generation: self.lease_gen };
        let until = Timestamp::from_micros(self.lease_until);
        Claim::try_from(self).map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            Unreadable { lease, until, problem: source.unwrap_or_else(|| error.to_string()) }
        })
    }
}

impl TryFrom<JobRow> for Claim {
    type Error = StoreError;

    fn try_from(row: JobRow) -> Result<Self, StoreError> {
        Ok(Self {
            lease: Lease { job_id: JobId::from(row.job_id.clone()), generation: row.lease_gen },
            until: Timestamp::from_micros(row.lease_until),
            stop: stop(&row.stop_requested)?,
            pending: row.pending_version.as_deref().map(|text| json("pending_version", text)).transpose()?,
            job: row.try_into()?,
        })
    }
}

/// A row of `job_events`.
#[derive(FromRow)]
pub(super) struct EventRow {
    sequence: i64,
    create_time: i64,
    actor: String,
    state: String,
    step: String,
    progress: f64,
    metrics: String,
    message: String,
}

impl TryFrom<EventRow> for JobEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        Ok(Self {
            sequence: unsigned("sequence", row.sequence)?,
            create_time: Timestamp::from_micros(row.create_time),
            actor: row.actor,
            state: parsed("state", &row.state)?,
            step: optional("step", &row.step)?,
            progress: row.progress,
            metrics: metrics(&row.metrics)?,
            message: row.message,
        })
    }
}

/// A row of `job_attempts`.
#[derive(FromRow)]
pub(super) struct AttemptRow {
    number: i64,
    worker: String,
    start_time: i64,
    end_time: Option<i64>,
    state: String,
    reason: String,
    error: String,
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<Self, StoreError> {
        Ok(Self {
            number: unsigned("number", row.number)?,
            worker: row.worker,
            start_time: Timestamp::from_micros(row.start_time),
            end_time: row.end_time.map(Timestamp::from_micros),
            state: parsed("state", &row.state)?,
            reason: optional("reason", &row.reason)?,
            error: row.error,
        })
    }
}

/// A run that the registry has still to close.
#[derive(FromRow)]
pub(super) struct OpenRunRow {
    job_id: String,
    run_id: String,
    state: String,
    error: String,
}

impl TryFrom<OpenRunRow> for OpenRun {
    type Error = StoreError;

    fn try_from(row: OpenRunRow) -> Result<Self, StoreError> {
        let state = parsed("state", &row.state)?;
        Ok(Self { job_id: JobId::from(row.job_id), run_id: row.run_id, state, error: row.error })
    }
}

/// The stored form of a value that has one as JSON.
pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Backend(error.into()))
}

pub(super) fn json<T: DeserializeOwned>(column: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| corrupt(column, error))
}

/// Metrics by name. JSON has a null for what was not finite; it is left out.
fn metrics(text: &str) -> Result<BTreeMap<String, f64>, StoreError> {
    let metrics: BTreeMap<String, Option<f64>> = json("metrics", text)?;
    Ok(metrics.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

pub(super) fn parsed<T: FromStr>(column: &str, text: &str) -> Result<T, StoreError>
where
    T::Err: Display,
{
    text.parse().map_err(|error| corrupt(column, error))
}

pub(super) fn unsigned<T: TryFrom<i64>>(column: &str, number: i64) -> Result<T, StoreError> {
    T::try_from(number).map_err(|_| corrupt(column, "out of range"))
}

fn optional<T: FromStr>(column: &str, text: &str) -> Result<Option<T>, StoreError>
where
    T::Err: Display,
{
    if text.is_empty() { Ok(None) } else { parsed(column, text).map(Some) }
}

/// What a running job is asked to do.
pub(super) fn stop(text: &str) -> Result<Option<Stop>, StoreError> {
    optional("stop_requested", text)
}

pub(super) fn corrupt(column: &str, problem: impl Display) -> StoreError {
    StoreError::corrupt(format!("column `{column}`: {problem}"))
}
