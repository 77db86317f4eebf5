-- The twin of the SQLite schema: what versions did in production.

-- What each process counted since it started. The incarnation '' holds the sums of processes that are gone.
CREATE TABLE usage (
    tenant           TEXT NOT NULL,
    model            TEXT NOT NULL,
    number           BIGINT NOT NULL,
    incarnation      TEXT COLLATE "C" NOT NULL,
    requests         BIGINT NOT NULL,
    errors           BIGINT NOT NULL,
    row_count        BIGINT NOT NULL,
    inference_micros BIGINT NOT NULL,
    last_use_us      BIGINT NOT NULL,
    PRIMARY KEY (tenant, model, number, incarnation),
    FOREIGN KEY (tenant, model, number) REFERENCES versions (tenant, model, number)
);
CREATE INDEX usage_by_incarnation ON usage (tenant, incarnation);

-- Processes that reported. A folded one is remembered for a while, so that a late report of it is not counted again.
CREATE TABLE usage_reporters (
    tenant      TEXT NOT NULL,
    incarnation TEXT COLLATE "C" NOT NULL,
    replica     TEXT NOT NULL,
    reported_us BIGINT NOT NULL,
    folded      BOOLEAN NOT NULL,
    PRIMARY KEY (tenant, incarnation)
);
CREATE INDEX usage_reporters_by_time ON usage_reporters (tenant, folded, reported_us);

CREATE TABLE version_blocks (
    tenant     TEXT NOT NULL,
    model      TEXT NOT NULL,
    number     BIGINT NOT NULL,
    stage      TEXT NOT NULL,
    body       TEXT NOT NULL,
    updated_us BIGINT NOT NULL,
    PRIMARY KEY (tenant, model, number, stage),
    FOREIGN KEY (tenant, model, number) REFERENCES versions (tenant, model, number)
);

-- One partition for each month that has points, made by whoever writes the first. The key begins with what a window is asked by.
CREATE TABLE performance (
    tenant      TEXT NOT NULL,
    model       TEXT NOT NULL,
    metric      TEXT NOT NULL,
    time_us     BIGINT NOT NULL,
    number      BIGINT NOT NULL,
    slot        TEXT COLLATE "C" NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('finite', 'nan', 'infinity', '-infinity')),
    value       DOUBLE PRECISION CHECK ((kind = 'finite') = (value IS NOT NULL)),
    weight      BIGINT NOT NULL,
    PRIMARY KEY (tenant, model, metric, time_us, number, slot)
) PARTITION BY RANGE (time_us);

CREATE TABLE comparisons (
    tenant           TEXT NOT NULL,
    comparison_id    TEXT COLLATE "C" NOT NULL,
    model            TEXT NOT NULL,
    candidate_number BIGINT NOT NULL,
    champion_number  BIGINT NOT NULL,
    report_id        TEXT NOT NULL,
    body             TEXT NOT NULL,
    created_us       BIGINT NOT NULL,
    PRIMARY KEY (tenant, comparison_id),
    UNIQUE (tenant, report_id),
    FOREIGN KEY (tenant, model, candidate_number) REFERENCES versions (tenant, model, number),
    FOREIGN KEY (tenant, model, champion_number) REFERENCES versions (tenant, model, number)
);
CREATE INDEX comparisons_by_model ON comparisons (tenant, model, comparison_id);

-- The bake times of promotions that were committed with one. The counts are those of the champion at the commit.
CREATE TABLE bakes (
    tenant        TEXT NOT NULL,
    promotion_id  TEXT COLLATE "C" NOT NULL,
    until_us      BIGINT NOT NULL,
    base_requests BIGINT NOT NULL,
    base_errors   BIGINT NOT NULL,
    state         TEXT NOT NULL,
    problem       TEXT NOT NULL,
    rollback_id   TEXT NOT NULL,
    PRIMARY KEY (tenant, promotion_id),
    FOREIGN KEY (tenant, promotion_id) REFERENCES promotions (tenant, promotion_id)
);
CREATE INDEX bakes_by_state ON bakes (tenant, state, promotion_id);
