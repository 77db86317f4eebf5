-- Suspended jobs, nodes, priorities, deadlines and the attempts of a job.

ALTER TABLE jobs DROP CONSTRAINT jobs_state_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_state_check
    CHECK (state IN ('queued', 'running', 'suspended', 'succeeded', 'failed', 'cancelled'));

-- The node of a pipeline that the job works for; both '' for none.
ALTER TABLE jobs ADD COLUMN pipeline_id TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN node_id TEXT NOT NULL DEFAULT '';
-- 1 from the end of the job until the registry knows how its run ended.
ALTER TABLE jobs ADD COLUMN run_to_close BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN reason TEXT NOT NULL DEFAULT '';
-- The queue: the greatest priority first, then the oldest, none before its run_time.
ALTER TABLE jobs ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN run_time BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN start_by BIGINT;
ALTER TABLE jobs ADD COLUMN finish_by BIGINT;
-- What a running job is asked to do: '', 'cancel' or 'suspend'.
ALTER TABLE jobs ADD COLUMN stop_requested TEXT NOT NULL DEFAULT '';

UPDATE jobs SET run_time = create_time, stop_requested = CASE cancel_requested WHEN 0 THEN '' ELSE 'cancel' END;
ALTER TABLE jobs ALTER COLUMN run_time DROP DEFAULT;
ALTER TABLE jobs DROP COLUMN cancel_requested;

CREATE INDEX jobs_by_node ON jobs (pipeline_id, node_id, job_id) WHERE pipeline_id <> '';
CREATE INDEX jobs_waiting ON jobs (priority DESC, job_id) WHERE state = 'queued';
CREATE INDEX jobs_with_open_runs ON jobs (job_id) WHERE run_to_close = 1;

-- One row for each start of a job.
CREATE TABLE job_attempts (
    job_id     TEXT COLLATE "C" NOT NULL REFERENCES jobs (job_id),
    number     BIGINT  NOT NULL, -- the generation of its lease
    worker     TEXT    NOT NULL,
    start_time BIGINT  NOT NULL,
    end_time   BIGINT,
    -- The job's state after it; 'running' while it lasts.
    state      TEXT    NOT NULL,
    reason     TEXT    NOT NULL DEFAULT '',
    error      TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (job_id, number)
);

INSERT INTO job_attempts (job_id, number, worker, start_time, end_time, state, error)
SELECT job_id, lease_gen, lease_owner, start_time, end_time, state, error
FROM jobs WHERE lease_gen > 0 AND start_time IS NOT NULL;

CREATE TABLE job_tags (
    job_id TEXT COLLATE "C" NOT NULL REFERENCES jobs (job_id),
    name   TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (name, value, job_id)
);

INSERT INTO job_tags (job_id, name, value)
SELECT job_id, tag.key, tag.value FROM jobs, json_each_text(spec::json -> 'tags') AS tag (key, value);
