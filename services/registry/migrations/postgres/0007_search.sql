-- The twin of the SQLite schema: versions and models that can be described later, and what searches ask of versions.

ALTER TABLE models ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
ALTER TABLE models ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;

ALTER TABLE versions ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE versions ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN run_link TEXT NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN run_id TEXT NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN edition BIGINT NOT NULL DEFAULT 1;
UPDATE versions SET run_id = lineage::jsonb ->> 'run_id';
CREATE INDEX versions_by_time ON versions (tenant, model, created_us, number);
CREATE INDEX versions_by_run ON versions (tenant, run_id);
CREATE INDEX aliases_by_version ON aliases (tenant, model, number);
CREATE INDEX reigns_by_version ON reigns (tenant, model, number, from_generation);

-- Metrics, tags and metadata once more, one row a value, for searches and orders. A version is read from its own row; these are
-- written in the same transaction.
CREATE TABLE version_facts (
    tenant TEXT NOT NULL,
    model  TEXT NOT NULL,
    number BIGINT NOT NULL,
    field  TEXT COLLATE "C" NOT NULL,
    place  BIGINT NOT NULL,
    kind   TEXT NOT NULL CHECK (kind IN ('number', 'text', 'flag')),
    value  DOUBLE PRECISION CHECK ((kind = 'number') = (value IS NOT NULL)),
    text   TEXT COLLATE "C" CHECK ((kind = 'number') = (text IS NULL)),
    PRIMARY KEY (tenant, model, number, field, place),
    FOREIGN KEY (tenant, model, number) REFERENCES versions (tenant, model, number)
);
-- Ties go to the older version in either direction, so each direction has its own index.
CREATE INDEX version_facts_smallest_first ON version_facts (tenant, model, field, value, number) WHERE value IS NOT NULL;
CREATE INDEX version_facts_largest_first ON version_facts (tenant, model, field, value DESC, number) WHERE value IS NOT NULL;

INSERT INTO version_facts
SELECT v.tenant, v.model, v.number, 'metrics.' || m.key, 0, 'number', m.value::double precision, NULL
FROM versions v, jsonb_each_text(v.metrics::jsonb) m;
INSERT INTO version_facts
SELECT v.tenant, v.model, v.number, 'tags.' || t.key, 0, 'text', NULL, t.value
FROM versions v, jsonb_each_text(v.tags::jsonb) t;

-- Which model a run is about. Runs that made a version say so through it.
ALTER TABLE runs ADD COLUMN model TEXT NOT NULL DEFAULT '';
UPDATE runs SET model = COALESCE((
    SELECT v.model FROM versions v WHERE v.tenant = runs.tenant AND v.run_id = runs.run_id ORDER BY v.model LIMIT 1
), '');
CREATE INDEX runs_by_model ON runs (tenant, model, started_us, run_id);

ALTER TABLE experiments ADD COLUMN artifact_location TEXT NOT NULL DEFAULT '';
