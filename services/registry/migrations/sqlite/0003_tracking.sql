-- Tracking in tables of its own; what the first schema kept as JSON moves over. Runs without an experiment go to 'default'.

ALTER TABLE runs RENAME TO runs_before;

CREATE TABLE experiments (
    tenant        TEXT NOT NULL,
    experiment_id TEXT NOT NULL,
    name          TEXT NOT NULL,
    description   TEXT NOT NULL,
    tags          TEXT NOT NULL,
    stage         TEXT NOT NULL,
    created_us    INTEGER NOT NULL,
    updated_us    INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    PRIMARY KEY (tenant, experiment_id),
    UNIQUE (tenant, name)
) STRICT;

CREATE TABLE runs (
    tenant        TEXT NOT NULL,
    run_id        TEXT NOT NULL,
    experiment_id TEXT NOT NULL,
    name          TEXT NOT NULL,
    description   TEXT NOT NULL,
    status        TEXT NOT NULL,
    stage         TEXT NOT NULL,
    started_us    INTEGER NOT NULL,
    ended_us      INTEGER,
    parent_run_id TEXT NOT NULL,
    source        TEXT NOT NULL,
    datasets      TEXT NOT NULL,
    error         TEXT NOT NULL,
    revision      INTEGER NOT NULL,
    PRIMARY KEY (tenant, run_id),
    FOREIGN KEY (tenant, experiment_id) REFERENCES experiments (tenant, experiment_id)
) STRICT;
CREATE INDEX runs_by_time ON runs (tenant, started_us, run_id);
CREATE INDEX runs_by_experiment ON runs (tenant, experiment_id, started_us, run_id);
CREATE INDEX runs_by_parent ON runs (tenant, parent_run_id, started_us, run_id);

CREATE TABLE run_params (
    tenant TEXT NOT NULL,
    run_id TEXT NOT NULL,
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (tenant, run_id, key),
    FOREIGN KEY (tenant, run_id) REFERENCES runs (tenant, run_id)
) STRICT;
-- Values may be longer than an index takes; searches give the beginning along.
CREATE INDEX run_params_by_value ON run_params (tenant, key, substr(value, 1, 200));

CREATE TABLE run_tags (
    tenant TEXT NOT NULL,
    run_id TEXT NOT NULL,
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (tenant, run_id, key),
    FOREIGN KEY (tenant, run_id) REFERENCES runs (tenant, run_id)
) STRICT;
CREATE INDEX run_tags_by_value ON run_tags (tenant, key, substr(value, 1, 200));

-- Every point. A value is there if it is finite: what has none wins no comparison.
CREATE TABLE run_metrics (
    tenant   TEXT NOT NULL,
    run_id   TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    key      TEXT NOT NULL,
    step     INTEGER NOT NULL,
    time_us  INTEGER NOT NULL,
    kind     TEXT NOT NULL CHECK (kind IN ('finite', 'nan', 'infinity', '-infinity')),
    value    REAL CHECK ((kind = 'finite') = (value IS NOT NULL)),
    PRIMARY KEY (tenant, run_id, sequence),
    FOREIGN KEY (tenant, run_id) REFERENCES runs (tenant, run_id)
) STRICT;
CREATE UNIQUE INDEX metric_points_once ON run_metrics (tenant, run_id, key, step, time_us, kind, COALESCE(value, 0));

-- The latest point of each metric, for reads and searches.
CREATE TABLE run_latest_metrics (
    tenant  TEXT NOT NULL,
    run_id  TEXT NOT NULL,
    key     TEXT NOT NULL,
    step    INTEGER NOT NULL,
    time_us INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    value   REAL,
    PRIMARY KEY (tenant, run_id, key),
    FOREIGN KEY (tenant, run_id) REFERENCES runs (tenant, run_id)
) STRICT;
CREATE INDEX run_latest_metrics_by_value ON run_latest_metrics (tenant, key, value);

INSERT INTO experiments
SELECT tenant,
       lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-8'
           || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
       name, '', '{}', 'active', created_us, created_us, 1
FROM (
    SELECT tenant, CASE experiment WHEN '' THEN 'default' ELSE experiment END AS name,
           MIN(json_extract(body, '$.started_us')) AS created_us
    FROM runs_before GROUP BY 1, 2
);

INSERT INTO runs
SELECT r.tenant, r.run_id, e.experiment_id, json_extract(body, '$.name'), '', json_extract(body, '$.status'), 'active',
       json_extract(body, '$.started_us'), json_extract(body, '$.ended_us'), '', '{}', json_extract(body, '$.datasets'),
       json_extract(body, '$.error'), r.revision
FROM runs_before r
JOIN experiments e ON e.tenant = r.tenant AND e.name = CASE r.experiment WHEN '' THEN 'default' ELSE r.experiment END;

INSERT INTO run_params SELECT r.tenant, r.run_id, p.key, p.value FROM runs_before r, json_each(r.body, '$.parameters') p;
INSERT INTO run_tags SELECT r.tenant, r.run_id, t.key, t.value FROM runs_before r, json_each(r.body, '$.tags') t;
INSERT INTO run_metrics
SELECT r.tenant, r.run_id, ROW_NUMBER() OVER (PARTITION BY r.tenant, r.run_id ORDER BY m.key), m.key, 0,
       COALESCE(json_extract(r.body, '$.ended_us'), json_extract(r.body, '$.started_us')), 'finite', CAST(m.value AS REAL)
FROM runs_before r, json_each(r.body, '$.metrics') m;
INSERT INTO run_latest_metrics SELECT tenant, run_id, key, step, time_us, kind, value FROM run_metrics;

DROP TABLE runs_before;
