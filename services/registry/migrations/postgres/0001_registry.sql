-- The twin of the SQLite schema. Names that listings are ordered by compare byte by byte, as there.
-- Times are microseconds since 1970 in UTC; maps and lists are JSON; a slot is its canonical text, '' for the default slot.

CREATE TABLE models (
    tenant         TEXT    NOT NULL,
    name           TEXT COLLATE "C" NOT NULL,
    description    TEXT    NOT NULL,
    latest_version BIGINT NOT NULL,
    created_us     BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE versions (
    tenant      TEXT    NOT NULL,
    model       TEXT    NOT NULL,
    number      BIGINT NOT NULL,
    label       TEXT    NOT NULL,
    family      TEXT    NOT NULL,
    digest      TEXT    NOT NULL,
    size_bytes  BIGINT NOT NULL,
    state       TEXT    NOT NULL,
    metrics     TEXT    NOT NULL,
    description TEXT    NOT NULL,
    tags        TEXT    NOT NULL,
    upstreams   TEXT    NOT NULL,
    lineage     TEXT    NOT NULL,
    created_us  BIGINT NOT NULL,
    PRIMARY KEY (tenant, model, number),
    UNIQUE (tenant, label),
    FOREIGN KEY (tenant, model) REFERENCES models (tenant, name)
);
CREATE INDEX versions_by_digest ON versions (tenant, model, digest);

CREATE TABLE validations (
    tenant     TEXT    NOT NULL,
    report_id  TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    number     BIGINT NOT NULL,
    body       TEXT    NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (tenant, report_id),
    FOREIGN KEY (tenant, model, number) REFERENCES versions (tenant, model, number)
);
CREATE INDEX validations_by_version ON validations (tenant, model, number, created_us);

CREATE TABLE aliases (
    tenant     TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    slot       TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    number     BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    updated_us BIGINT NOT NULL,
    PRIMARY KEY (tenant, model, slot, name),
    FOREIGN KEY (tenant, model, number) REFERENCES versions (tenant, model, number)
);

CREATE TABLE generations (
    tenant     TEXT    NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL
);

-- Who was champion from when to when: the history behind "archived", rollback targets and traced predictions.
CREATE TABLE reigns (
    tenant          TEXT    NOT NULL,
    model           TEXT    NOT NULL,
    slot            TEXT COLLATE "C" NOT NULL,
    from_generation BIGINT NOT NULL,
    to_generation   BIGINT,
    number          BIGINT NOT NULL,
    ended_by        TEXT,
    started_us      BIGINT NOT NULL,
    ended_us        BIGINT,
    PRIMARY KEY (tenant, model, slot, from_generation),
    FOREIGN KEY (tenant, model, number) REFERENCES versions (tenant, model, number)
);
CREATE UNIQUE INDEX one_champion_per_slot ON reigns (tenant, model, slot) WHERE to_generation IS NULL;

CREATE TABLE promotions (
    tenant       TEXT    NOT NULL,
    promotion_id TEXT COLLATE "C" NOT NULL,
    model        TEXT    NOT NULL,
    slot         TEXT COLLATE "C" NOT NULL,
    state        TEXT    NOT NULL,
    generation   BIGINT NOT NULL,
    body         TEXT    NOT NULL,
    PRIMARY KEY (tenant, promotion_id)
);
CREATE INDEX promotions_by_state ON promotions (tenant, state);

CREATE TABLE runs (
    tenant     TEXT    NOT NULL,
    run_id     TEXT COLLATE "C" NOT NULL,
    experiment TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    revision   BIGINT NOT NULL,
    PRIMARY KEY (tenant, run_id)
);

CREATE TABLE snapshots (
    tenant     TEXT    NOT NULL,
    dataset    TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    row_count  BIGINT NOT NULL,
    columns    TEXT    NOT NULL,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (tenant, dataset, digest)
);

CREATE TABLE replicas (
    tenant        TEXT    NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    address       TEXT    NOT NULL,
    generation    BIGINT NOT NULL,
    problem       TEXT    NOT NULL,
    lease_end_us  BIGINT NOT NULL,
    created_us    BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);

-- Append-only. A row with a request id is also the record by which a repeated request finds its first answer.
CREATE TABLE audit (
    tenant      TEXT    NOT NULL,
    sequence    BIGINT NOT NULL,
    created_us  BIGINT NOT NULL,
    actor       TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    model       TEXT    NOT NULL,
    slot        TEXT COLLATE "C" NOT NULL,
    number      BIGINT NOT NULL,
    from_stage  TEXT    NOT NULL,
    to_stage    TEXT    NOT NULL,
    done        BOOLEAN NOT NULL,
    detail      TEXT    NOT NULL,
    generation  BIGINT NOT NULL,
    request_id  TEXT,
    fingerprint TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    PRIMARY KEY (tenant, sequence),
    UNIQUE (tenant, action, request_id)
);
CREATE INDEX audit_by_model ON audit (tenant, model, sequence);
