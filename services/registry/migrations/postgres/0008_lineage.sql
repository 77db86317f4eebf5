-- The steps from a version to those it comes from: its parent at position 0, its upstreams in their order after that.
CREATE TABLE lineage_edges (
    tenant      TEXT   NOT NULL,
    from_model  TEXT COLLATE "C" NOT NULL,
    from_number BIGINT NOT NULL,
    position    BIGINT NOT NULL,
    to_model    TEXT COLLATE "C" NOT NULL,
    to_number   BIGINT NOT NULL,
    relation    TEXT   NOT NULL CHECK (relation IN ('parent', 'upstream')),
    PRIMARY KEY (tenant, from_model, from_number, position)
);
CREATE INDEX lineage_edges_back ON lineage_edges (tenant, to_model, to_number, from_model, from_number, position, relation);

INSERT INTO lineage_edges
SELECT tenant, model, number, 0, model, (lineage::json ->> 'parent_number')::bigint, 'parent'
FROM versions WHERE (lineage::json ->> 'parent_number')::bigint > 0;
INSERT INTO lineage_edges
SELECT v.tenant, v.model, v.number, u.place, u.value ->> 0, (u.value ->> 1)::bigint, 'upstream'
FROM versions v, json_array_elements(v.upstreams::json) WITH ORDINALITY AS u (value, place);

-- Which versions a run made.
CREATE TABLE run_versions (
    tenant TEXT   NOT NULL,
    run_id TEXT   NOT NULL,
    model  TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (tenant, run_id, model, number)
);
INSERT INTO run_versions SELECT tenant, lineage::json ->> 'run_id', model, number FROM versions;

-- Who says that a run's inputs are not what was logged, when and why; NULL while nobody does.
ALTER TABLE runs ADD COLUMN taint TEXT;

-- A reign's generation names the move that began or ended it.
CREATE INDEX promotions_by_generation ON promotions (tenant, generation);

-- What was known of a version when it became champion; the digests name artifacts.
CREATE TABLE model_cards (
    tenant          TEXT   NOT NULL,
    model           TEXT   NOT NULL,
    slot            TEXT   NOT NULL,
    from_generation BIGINT NOT NULL,
    number          BIGINT NOT NULL,
    facts           TEXT   NOT NULL,
    text            TEXT   NOT NULL,
    PRIMARY KEY (tenant, model, slot, from_generation),
    FOREIGN KEY (tenant, model, slot, from_generation) REFERENCES reigns (tenant, model, slot, from_generation)
);
CREATE INDEX model_cards_by_version ON model_cards (tenant, model, number, from_generation);

-- Messages that still have to leave, in the order in which their changes were made. A number is never given twice.
CREATE TABLE outbox (
    sequence   BIGINT NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    kind       TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    message_id TEXT   NOT NULL UNIQUE,
    body       TEXT   NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX outbox_by_kind ON outbox (kind, sequence);

CREATE TABLE outbox_totals (
    kind      TEXT   NOT NULL PRIMARY KEY,
    delivered BIGINT NOT NULL,
    dropped   BIGINT NOT NULL
);

-- The environment that this database belongs to: one row.
CREATE TABLE environment (
    one  BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    name TEXT   NOT NULL
);
