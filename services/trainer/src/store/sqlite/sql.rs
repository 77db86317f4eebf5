//! The text of every statement. All but the types of columns is SQL that PostgreSQL takes too.

macro_rules! job_columns {
    () => {
        "job_id, request_id, state, spec, actor, step, progress, metrics, version, digest, run_id, error, attempt, \
         create_time, start_time, end_time, last_sequence, lease_gen, cancel_requested, pending_version"
    };
}

pub(super) const INSERT_JOB: &str = "\
     INSERT INTO jobs (job_id, request_id, state, model, experiment, spec, actor, create_time, last_sequence) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)";

pub(super) const JOB: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE job_id = $1");

pub(super) const JOB_BY_REQUEST: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE request_id = $1");

/// The empty text stands for "any".
pub(super) const JOBS: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM jobs WHERE ($1 = '' OR model = $1) AND ($2 = '' OR state = $2) AND ($3 = '' OR experiment = $3) \
     AND ($4 = '' OR job_id < $4) ORDER BY job_id DESC LIMIT $5"
);

pub(super) const EVENTS: &str = "\
     SELECT sequence, create_time, actor, state, step, progress, metrics, message FROM job_events \
     WHERE job_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";

pub(super) const INSERT_EVENT: &str = "\
     INSERT INTO job_events (job_id, sequence, create_time, actor, state, step, progress, metrics, message) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

pub(super) const CANCEL_QUEUED: &str = "\
     UPDATE jobs SET state = 'cancelled', end_time = $2, last_sequence = last_sequence + 1 \
     WHERE job_id = $1 AND state = 'queued' AND pending_version IS NULL RETURNING last_sequence";

pub(super) const REQUEST_CANCEL: &str = "UPDATE jobs SET cancel_requested = 1, last_sequence = last_sequence + 1 \
     WHERE job_id = $1 AND state = 'running' AND cancel_requested = 0 AND pending_version IS NULL \
     RETURNING last_sequence";

/// On PostgreSQL the inner SELECT ends in FOR UPDATE SKIP LOCKED.
pub(super) const CLAIM: &str = concat!(
    "UPDATE jobs SET state = 'running', lease_owner = $1, lease_until = $3, lease_gen = lease_gen + 1, \
     attempt = attempt + 1, start_time = COALESCE(start_time, $2), step = '', progress = 0, \
     last_sequence = last_sequence + 1 \
     WHERE job_id = (SELECT job_id FROM jobs WHERE state = 'queued' ORDER BY job_id LIMIT 1) RETURNING ",
    job_columns!()
);

pub(super) const HEARTBEAT: &str = "\
     UPDATE jobs SET lease_until = $3 WHERE job_id = $1 AND lease_gen = $2 AND state = 'running' \
     RETURNING cancel_requested";

/// A change that prepares a version ($11) loses to a request to cancel.
pub(super) const CHANGE: &str = "\
     UPDATE jobs SET state = $3, step = $4, progress = $5, metrics = COALESCE($6, metrics), \
     run_id = COALESCE($7, run_id), version = COALESCE($8, version), digest = COALESCE($9, digest), \
     error = COALESCE($10, error), pending_version = COALESCE($11, pending_version), attempt = attempt - $12, \
     end_time = $13, last_sequence = last_sequence + 1 \
     WHERE job_id = $1 AND lease_gen = $2 AND state = 'running' AND ($11 IS NULL OR cancel_requested = 0) \
     RETURNING last_sequence";

pub(super) const LOST: &str =
    concat!("SELECT ", job_columns!(), " FROM jobs WHERE state = 'running' AND lease_until < $1 ORDER BY job_id");

pub(super) const DEFINITION: &str = "SELECT body FROM definitions WHERE kind = $1 AND scope = $2 AND name = $3";

pub(super) const DEFINE: &str = "\
     INSERT INTO definitions (kind, scope, name, body, create_time) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (kind, scope, name) DO NOTHING";
