-- The twin of the SQLite schema: tracking in tables of its own, and what the first schema kept as JSON moved over.

ALTER TABLE runs RENAME TO runs_before;
ALTER INDEX runs_pkey RENAME TO runs_before_pkey;

CREATE TABLE experiments (
    tenant        TEXT NOT NULL,
    experiment_id TEXT COLLATE "C" NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    description   TEXT NOT NULL,
    tags          TEXT NOT NULL,
    stage         TEXT NOT NULL,
    created_us    BIGINT NOT NULL,
    updated_us    BIGINT NOT NULL,
    revision      BIGINT NOT NULL,
    PRIMARY KEY (tenant, experiment_id),
    UNIQUE (tenant, name)
);

CREATE TABLE runs (
    tenant        TEXT NOT NULL,
    run_id        TEXT COLLATE "C" NOT NULL,
    experiment_id TEXT COLLATE "C" NOT NULL,
    name          TEXT NOT NULL,
    description   TEXT NOT NULL,
    status        TEXT NOT NULL,
    stage         TEXT NOT NULL,
    started_us    BIGINT NOT NULL,
    ended_us      BIGINT,
    parent_run_id TEXT COLLATE "C" NOT NULL,
    source        TEXT NOT NULL,
    datasets      TEXT NOT NULL,
    error         TEXT NOT NULL,
    revision      BIGINT NOT NULL,
    PRIMARY KEY (tenant, run_id),
    FOREIGN KEY (tenant, experiment_id) REFERENCES experiments (tenant, experiment_id)
);
CREATE INDEX runs_by_time ON runs (tenant, started_us, run_id);
CREATE INDEX runs_by_experiment ON runs (tenant, experiment_id, started_us, run_id);
CREATE INDEX runs_by_parent ON runs (tenant, parent_run_id, started_us, run_id);

CREATE TABLE run_params (
    tenant TEXT NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    key    TEXT COLLATE "C" NOT NULL,
    value  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, run_id, key),
    FOREIGN KEY (tenant, run_id) REFERENCES runs (tenant, run_id)
);
-- Values may be longer than an index takes; searches give the beginning along.
CREATE INDEX run_params_by_value ON run_params (tenant, key, substr(value, 1, 200));

CREATE TABLE run_tags (
    tenant TEXT NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    key    TEXT COLLATE "C" NOT NULL,
    value  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, run_id, key),
    FOREIGN KEY (tenant, run_id) REFERENCES runs (tenant, run_id)
);
CREATE INDEX run_tags_by_value ON run_tags (tenant, key, substr(value, 1, 200));

-- Every point. A value is there if it is finite: what has none wins no comparison.
CREATE TABLE run_metrics (
    tenant   TEXT NOT NULL,
    run_id   TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    key      TEXT COLLATE "C" NOT NULL,
    step     BIGINT NOT NULL,
    time_us  BIGINT NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN ('finite', 'nan', 'infinity', '-infinity')),
    value    DOUBLE PRECISION CHECK ((kind = 'finite') = (value IS NOT NULL)),
    PRIMARY KEY (tenant, run_id, sequence),
    FOREIGN KEY (tenant, run_id) REFERENCES runs (tenant, run_id)
);
CREATE UNIQUE INDEX metric_points_once ON run_metrics (tenant, run_id, key, step, time_us, kind, COALESCE(value, 0));

-- The latest point of each metric, for reads and searches.
CREATE TABLE run_latest_metrics (
    tenant  TEXT NOT NULL,
    run_id  TEXT COLLATE "C" NOT NULL,
    key     TEXT COLLATE "C" NOT NULL,
    step    BIGINT NOT NULL,
    time_us BIGINT NOT NULL,
    kind    TEXT NOT NULL,
    value   DOUBLE PRECISION,
    PRIMARY KEY (tenant, run_id, key),
    FOREIGN KEY (tenant, run_id) REFERENCES runs (tenant, run_id)
);
CREATE INDEX run_latest_metrics_by_value ON run_latest_metrics (tenant, key, value);

INSERT INTO experiments
SELECT tenant, gen_random_uuid()::text, name, '', '{}', 'active', created_us, created_us, 1
FROM (
    SELECT tenant, CASE experiment WHEN '' THEN 'default' ELSE experiment END AS name,
           MIN((body::jsonb ->> 'started_us')::bigint) AS created_us
    FROM runs_before GROUP BY 1, 2
) found;

INSERT INTO runs
SELECT r.tenant, r.run_id, e.experiment_id, body::jsonb ->> 'name', '', body::jsonb ->> 'status', 'active',
       (body::jsonb ->> 'started_us')::bigint, (body::jsonb ->> 'ended_us')::bigint, '', '{}', body::jsonb ->> 'datasets',
       body::jsonb ->> 'error', r.revision
FROM runs_before r
JOIN experiments e ON e.tenant = r.tenant AND e.name = CASE r.experiment WHEN '' THEN 'default' ELSE r.experiment END;

INSERT INTO run_params SELECT r.tenant, r.run_id, p.key, p.value
FROM runs_before r, jsonb_each_text(r.body::jsonb -> 'parameters') p;
INSERT INTO run_tags SELECT r.tenant, r.run_id, t.key, t.value
FROM runs_before r, jsonb_each_text(r.body::jsonb -> 'tags') t;
INSERT INTO run_metrics
SELECT r.tenant, r.run_id, ROW_NUMBER() OVER (PARTITION BY r.tenant, r.run_id ORDER BY m.key), m.key, 0,
       COALESCE(r.body::jsonb ->> 'ended_us', r.body::jsonb ->> 'started_us')::bigint, 'finite', m.value::double precision
FROM runs_before r, jsonb_each_text(r.body::jsonb -> 'metrics') m;
INSERT INTO run_latest_metrics SELECT tenant, run_id, key, step, time_us, kind, value FROM run_metrics;

DROP TABLE runs_before;
