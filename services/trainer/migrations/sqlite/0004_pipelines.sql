-- Pipelines, their runs with the steps of each, and what happened in them. Graphs, steps and sources are JSON.

CREATE TABLE pipelines (
    pipeline_id TEXT    NOT NULL PRIMARY KEY, -- {dataset}_{hash of the graph}
    dataset     TEXT    NOT NULL,
    graph       TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    create_time INTEGER NOT NULL
) STRICT;

CREATE INDEX pipelines_by_time ON pipelines (create_time, pipeline_id);

CREATE TABLE pipeline_runs (
    pipeline_run_id TEXT    NOT NULL PRIMARY KEY, -- sorts by creation
    request_id      TEXT    NOT NULL UNIQUE,
    pipeline_id     TEXT    NOT NULL REFERENCES pipelines (pipeline_id),
    state           TEXT    NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'cancelled')),
    until_node      TEXT    NOT NULL,
    sources         TEXT    NOT NULL,
    max_staleness   INTEGER, -- microseconds; NULL for any age
    actor           TEXT    NOT NULL,
    create_time     INTEGER NOT NULL,
    end_time        INTEGER,
    last_sequence   INTEGER NOT NULL,
    cancel_asked    INTEGER NOT NULL DEFAULT 0,
    -- Every write of the process that drives the run names the lease_gen it was given; a newer one makes it void.
    lease_owner     TEXT    NOT NULL DEFAULT '',
    lease_gen       INTEGER NOT NULL DEFAULT 0,
    lease_until     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX pipeline_runs_by_pipeline ON pipeline_runs (pipeline_id, pipeline_run_id);
CREATE INDEX pipeline_runs_under_way ON pipeline_runs (pipeline_run_id) WHERE state = 'running';

CREATE TABLE pipeline_steps (
    pipeline_run_id TEXT    NOT NULL REFERENCES pipeline_runs (pipeline_run_id),
    position        INTEGER NOT NULL, -- an order in which the steps can run
    node_id         TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    result_key      TEXT,    -- steps of this run with one key have one result; NULL for results of other runs
    end_time        INTEGER,
    body            TEXT    NOT NULL,
    PRIMARY KEY (pipeline_run_id, node_id)
) STRICT;

CREATE INDEX pipeline_steps_by_key ON pipeline_steps (result_key, end_time) WHERE state = 'succeeded';

CREATE TABLE pipeline_events (
    pipeline_run_id TEXT    NOT NULL REFERENCES pipeline_runs (pipeline_run_id),
    sequence        INTEGER NOT NULL,
    create_time     INTEGER NOT NULL,
    actor           TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    step            TEXT,
    message         TEXT    NOT NULL,
    PRIMARY KEY (pipeline_run_id, sequence)
) STRICT;
