-- What versions did in production: usage, blocks, performance, comparisons, bake times.

-- What each process counted since it started. The incarnation '' holds the sums of processes that are gone.
CREATE TABLE usage (
    tenant           TEXT NOT NULL,
    model            TEXT NOT NULL,
    number           INTEGER NOT NULL,
    incarnation      TEXT NOT NULL,
    requests         INTEGER NOT NULL,
    errors           INTEGER NOT NULL,
    row_count        INTEGER NOT NULL,
    inference_micros INTEGER NOT NULL,
    last_use_us      INTEGER NOT NULL,
    PRIMARY KEY (tenant, model, number, incarnation),
    FOREIGN KEY (tenant, model, number) REFERENCES versions (tenant, model, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_by_incarnation ON usage (tenant, incarnation);

-- Processes that reported. A folded one is remembered for a while, so that a late report of it is not counted again.
CREATE TABLE usage_reporters (
    tenant      TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    replica     TEXT NOT NULL,
    reported_us INTEGER NOT NULL,
    folded      INTEGER NOT NULL,
    PRIMARY KEY (tenant, incarnation)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_reporters_by_time ON usage_reporters (tenant, folded, reported_us);

CREATE TABLE version_blocks (
    tenant     TEXT NOT NULL,
    model      TEXT NOT NULL,
    number     INTEGER NOT NULL,
    stage      TEXT NOT NULL,
    body       TEXT NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (tenant, model, number, stage),
    FOREIGN KEY (tenant, model, number) REFERENCES versions (tenant, model, number)
) STRICT;

-- The key begins with what a window is asked by.
CREATE TABLE performance (
    tenant      TEXT NOT NULL,
    model       TEXT NOT NULL,
    metric      TEXT NOT NULL,
    time_us     INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    slot        TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('finite', 'nan', 'infinity', '-infinity')),
    value       REAL CHECK ((kind = 'finite') = (value IS NOT NULL)),
    weight      INTEGER NOT NULL,
    PRIMARY KEY (tenant, model, metric, time_us, number, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE comparisons (
    tenant           TEXT NOT NULL,
    comparison_id    TEXT NOT NULL,
    model            TEXT NOT NULL,
    candidate_number INTEGER NOT NULL,
    champion_number  INTEGER NOT NULL,
    report_id        TEXT NOT NULL,
    body             TEXT NOT NULL,
    created_us       INTEGER NOT NULL,
    PRIMARY KEY (tenant, comparison_id),
    UNIQUE (tenant, report_id),
    FOREIGN KEY (tenant, model, candidate_number) REFERENCES versions (tenant, model, number),
    FOREIGN KEY (tenant, model, champion_number) REFERENCES versions (tenant, model, number)
) STRICT;
CREATE INDEX comparisons_by_model ON comparisons (tenant, model, comparison_id);

-- The bake times of promotions that were committed with one. The counts are those of the champion at the commit.
CREATE TABLE bakes (
    tenant        TEXT NOT NULL,
    promotion_id  TEXT NOT NULL,
    until_us      INTEGER NOT NULL,
    base_requests INTEGER NOT NULL,
    base_errors   INTEGER NOT NULL,
    state         TEXT NOT NULL,
    problem       TEXT NOT NULL,
    rollback_id   TEXT NOT NULL,
    PRIMARY KEY (tenant, promotion_id),
    FOREIGN KEY (tenant, promotion_id) REFERENCES promotions (tenant, promotion_id)
) STRICT;
CREATE INDEX bakes_by_state ON bakes (tenant, state, promotion_id);
