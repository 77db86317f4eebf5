-- The twin of the SQLite schema. Job ids compare byte by byte, as there.
-- Times are microseconds since 1970-01-01T00:00:00Z; specifications, metrics and definitions are JSON.

CREATE TABLE jobs (
    job_id           TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- sorts by creation
    request_id       TEXT    NOT NULL UNIQUE,
    state            TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    model            TEXT    NOT NULL,
    experiment       TEXT    NOT NULL,
    spec             TEXT    NOT NULL,
    actor            TEXT    NOT NULL,
    step             TEXT    NOT NULL DEFAULT '',
    progress         DOUBLE PRECISION NOT NULL DEFAULT 0,
    metrics          TEXT    NOT NULL DEFAULT '{}',
    version          BIGINT,
    digest           TEXT,
    run_id           TEXT,
    error            TEXT    NOT NULL DEFAULT '',
    attempt          BIGINT NOT NULL DEFAULT 0,
    create_time      BIGINT NOT NULL,
    start_time       BIGINT,
    end_time         BIGINT,
    last_sequence    BIGINT NOT NULL DEFAULT 0,
    -- The queue. Every write of a worker names the lease_gen it was given; a newer one makes it void.
    lease_owner      TEXT    NOT NULL DEFAULT '',
    lease_gen        BIGINT NOT NULL DEFAULT 0,
    lease_until      BIGINT NOT NULL DEFAULT 0,
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    -- The version about to be created; from here on the job cannot be cancelled, and a retry creates just this.
    pending_version  TEXT
);

CREATE INDEX jobs_by_state ON jobs (state, job_id);
CREATE INDEX jobs_by_model ON jobs (model, job_id);

CREATE TABLE job_events (
    job_id      TEXT COLLATE "C" NOT NULL REFERENCES jobs (job_id),
    sequence    BIGINT NOT NULL,
    create_time BIGINT NOT NULL,
    actor       TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    step        TEXT    NOT NULL,
    progress    DOUBLE PRECISION NOT NULL,
    metrics     TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    PRIMARY KEY (job_id, sequence)
);

-- What a version name of a recipe means. Rows are never changed.
CREATE TABLE definitions (
    kind        TEXT    NOT NULL CHECK (kind IN ('split', 'features', 'model')),
    scope       TEXT    NOT NULL, -- the dataset of a split, the model of the others
    name        TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    create_time BIGINT NOT NULL,
    PRIMARY KEY (kind, scope, name)
);
