-- Times are microseconds since 1970 in UTC; maps and lists are JSON; a slot is its canonical text, '' for the default slot.

CREATE TABLE models (
    tenant         TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    description    TEXT    NOT NULL,
    latest_version INTEGER NOT NULL,
    created_us     INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT;

CREATE TABLE versions (
    tenant      TEXT    NOT NULL,
    model       TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    label       TEXT    NOT NULL,
    family      TEXT    NOT NULL,
    digest      TEXT    NOT NULL,
    size_bytes  INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    metrics     TEXT    NOT NULL,
    description TEXT    NOT NULL,
    tags        TEXT    NOT NULL,
    upstreams   TEXT    NOT NULL,
    lineage     TEXT    NOT NULL,
    created_us  INTEGER NOT NULL,
    PRIMARY KEY (tenant, model, number),
    UNIQUE (tenant, label),
    FOREIGN KEY (tenant, model) REFERENCES models (tenant, name)
) STRICT;
CREATE INDEX versions_by_digest ON versions (tenant, model, digest);

CREATE TABLE validations (
    tenant     TEXT    NOT NULL,
    report_id  TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (tenant, report_id),
    FOREIGN KEY (tenant, model, number) REFERENCES versions (tenant, model, number)
) STRICT;
CREATE INDEX validations_by_version ON validations (tenant, model, number, created_us);

CREATE TABLE aliases (
    tenant     TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    slot       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (tenant, model, slot, name),
    FOREIGN KEY (tenant, model, number) REFERENCES versions (tenant, model, number)
) STRICT;

CREATE TABLE generations (
    tenant     TEXT    NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL
) STRICT;

-- Who was champion from when to when: the history behind "archived", rollback targets and traced predictions.
CREATE TABLE reigns (
    tenant          TEXT    NOT NULL,
    model           TEXT    NOT NULL,
    slot            TEXT    NOT NULL,
    from_generation INTEGER NOT NULL,
    to_generation   INTEGER,
    number          INTEGER NOT NULL,
    ended_by        TEXT,
    started_us      INTEGER NOT NULL,
    ended_us        INTEGER,
    PRIMARY KEY (tenant, model, slot, from_generation),
    FOREIGN KEY (tenant, model, number) REFERENCES versions (tenant, model, number)
) STRICT;
CREATE UNIQUE INDEX one_champion_per_slot ON reigns (tenant, model, slot) WHERE to_generation IS NULL;

CREATE TABLE promotions (
    tenant       TEXT    NOT NULL,
    promotion_id TEXT    NOT NULL,
    model        TEXT    NOT NULL,
    slot         TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    generation   INTEGER NOT NULL,
    body         TEXT    NOT NULL,
    PRIMARY KEY (tenant, promotion_id)
) STRICT;
CREATE INDEX promotions_by_state ON promotions (tenant, state);

CREATE TABLE runs (
    tenant     TEXT    NOT NULL,
    run_id     TEXT    NOT NULL,
    experiment TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    PRIMARY KEY (tenant, run_id)
) STRICT;

CREATE TABLE snapshots (
    tenant     TEXT    NOT NULL,
    dataset    TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    row_count  INTEGER NOT NULL,
    columns    TEXT    NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (tenant, dataset, digest)
) STRICT;

CREATE TABLE replicas (
    tenant        TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    address       TEXT    NOT NULL,
    generation    INTEGER NOT NULL,
    problem       TEXT    NOT NULL,
    lease_end_us  INTEGER NOT NULL,
    created_us    INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT;

-- Append-only. A row with a request id is also the record by which a repeated request finds its first answer.
CREATE TABLE audit (
    tenant      TEXT    NOT NULL,
    sequence    INTEGER NOT NULL,
    created_us  INTEGER NOT NULL,
    actor       TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    model       TEXT    NOT NULL,
    slot        TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    from_stage  TEXT    NOT NULL,
    to_stage    TEXT    NOT NULL,
    done        INTEGER NOT NULL,
    detail      TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    request_id  TEXT,
    fingerprint TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    PRIMARY KEY (tenant, sequence),
    UNIQUE (tenant, action, request_id)
) STRICT;
CREATE INDEX audit_by_model ON audit (tenant, model, sequence);
