-- Suspended jobs, nodes, priorities, deadlines and the attempts of a job. SQLite changes a constraint by making the table anew, and with it
-- the one that refers to it.

CREATE TABLE jobs_2 (
    job_id          TEXT    NOT NULL PRIMARY KEY, -- sorts by creation
    request_id      TEXT    NOT NULL UNIQUE,
    state           TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'suspended', 'succeeded', 'failed', 'cancelled')),
    model           TEXT    NOT NULL,
    experiment      TEXT    NOT NULL,
    -- The node of a pipeline that the job works for; both '' for none.
    pipeline_id     TEXT    NOT NULL DEFAULT '',
    node_id         TEXT    NOT NULL DEFAULT '',
    spec            TEXT    NOT NULL,
    actor           TEXT    NOT NULL,
    step            TEXT    NOT NULL DEFAULT '',
    progress        REAL    NOT NULL DEFAULT 0,
    metrics         TEXT    NOT NULL DEFAULT '{}',
    version         INTEGER,
    digest          TEXT,
    run_id          TEXT,
    -- 1 from the end of the job until the registry knows how its run ended.
    run_to_close    INTEGER NOT NULL DEFAULT 0,
    error           TEXT    NOT NULL DEFAULT '',
    reason          TEXT    NOT NULL DEFAULT '',
    attempt         INTEGER NOT NULL DEFAULT 0,
    create_time     INTEGER NOT NULL,
    start_time      INTEGER,
    end_time        INTEGER,
    last_sequence   INTEGER NOT NULL DEFAULT 0,
    -- The queue: the greatest priority first, then the oldest, none before its run_time.
    priority        INTEGER NOT NULL DEFAULT 0,
    run_time        INTEGER NOT NULL,
    start_by        INTEGER,
    finish_by       INTEGER,
    -- Every write of a worker names the lease_gen it was given; a newer one makes it void.
    lease_owner     TEXT    NOT NULL DEFAULT '',
    lease_gen       INTEGER NOT NULL DEFAULT 0,
    lease_until     INTEGER NOT NULL DEFAULT 0,
    -- What a running job is asked to do: '', 'cancel' or 'suspend'.
    stop_requested  TEXT    NOT NULL DEFAULT '',
    -- The version about to be created; from here on the job cannot be stopped, and a retry creates just this.
    pending_version TEXT
) STRICT;

INSERT INTO jobs_2 (job_id, request_id, state, model, experiment, spec, actor, step, progress, metrics, version, digest, run_id,
    error, attempt, create_time, start_time, end_time, last_sequence, run_time, lease_owner, lease_gen, lease_until, stop_requested,
    pending_version)
SELECT job_id, request_id, state, model, experiment, spec, actor, step, progress, metrics, version, digest, run_id,
    error, attempt, create_time, start_time, end_time, last_sequence, create_time, lease_owner, lease_gen, lease_until,
    CASE cancel_requested WHEN 0 THEN '' ELSE 'cancel' END, pending_version
FROM jobs;

CREATE TABLE job_events_2 (
    job_id      TEXT    NOT NULL REFERENCES jobs_2 (job_id),
    sequence    INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    actor       TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    step        TEXT    NOT NULL,
    progress    REAL    NOT NULL,
    metrics     TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    PRIMARY KEY (job_id, sequence)
) STRICT;

INSERT INTO job_events_2 SELECT * FROM job_events;
DROP TABLE job_events;
DROP TABLE jobs;
ALTER TABLE jobs_2 RENAME TO jobs;
ALTER TABLE job_events_2 RENAME TO job_events;

CREATE INDEX jobs_by_state ON jobs (state, job_id);
CREATE INDEX jobs_by_model ON jobs (model, job_id);
CREATE INDEX jobs_by_node ON jobs (pipeline_id, node_id, job_id) WHERE pipeline_id <> '';
CREATE INDEX jobs_waiting ON jobs (priority DESC, job_id) WHERE state = 'queued';
CREATE INDEX jobs_with_open_runs ON jobs (job_id) WHERE run_to_close = 1;

-- One row for each start of a job.
CREATE TABLE job_attempts (
    job_id     TEXT    NOT NULL REFERENCES jobs (job_id),
    number     INTEGER NOT NULL, -- the generation of its lease
    worker     TEXT    NOT NULL,
    start_time INTEGER NOT NULL,
    end_time   INTEGER,
    -- The job's state after it; 'running' while it lasts.
    state      TEXT    NOT NULL,
    reason     TEXT    NOT NULL DEFAULT '',
    error      TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (job_id, number)
) STRICT;

INSERT INTO job_attempts (job_id, number, worker, start_time, end_time, state, error)
SELECT job_id, lease_gen, lease_owner, start_time, end_time, state, error
FROM jobs WHERE lease_gen > 0 AND start_time IS NOT NULL;

CREATE TABLE job_tags (
    job_id TEXT NOT NULL REFERENCES jobs (job_id),
    name   TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (name, value, job_id)
) STRICT;

INSERT INTO job_tags (job_id, name, value) SELECT job_id, tag.key, tag.value FROM jobs, json_each(jobs.spec, '$.tags') AS tag;
