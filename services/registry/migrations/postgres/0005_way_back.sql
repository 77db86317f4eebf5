-- What reading the files of a bundle again has shown, and when that is done next.
CREATE TABLE bundle_checks (
    tenant     TEXT   NOT NULL,
    digest     TEXT   NOT NULL,
    checked_us BIGINT NOT NULL,
    problem    TEXT   NOT NULL,
    PRIMARY KEY (tenant, digest)
);
CREATE TABLE check_rounds (
    tenant  TEXT   NOT NULL PRIMARY KEY,
    next_us BIGINT NOT NULL
);

-- What a replica said of the bundles that it keeps ready, as JSON.
ALTER TABLE replicas ADD COLUMN standbys TEXT NOT NULL DEFAULT '[]';

ALTER TABLE promotions ADD COLUMN kind TEXT GENERATED ALWAYS AS (body::json ->> 'kind') STORED;
CREATE INDEX promotions_by_kind ON promotions (tenant, kind, promotion_id);
