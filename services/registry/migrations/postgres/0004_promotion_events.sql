-- What happens in a promotion, and the key of the call that makes it. A row holds all events of one write, under the number of the last
-- one: a promotion on a thousand replicas costs a few rows.
-- The twin of the SQLite schema.

ALTER TABLE promotions ADD COLUMN request_id TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX promotions_by_request ON promotions (tenant, request_id, promotion_id);

CREATE TABLE promotion_events (
    tenant       TEXT NOT NULL,
    promotion_id TEXT COLLATE "C" NOT NULL,
    sequence     BIGINT NOT NULL,
    body         TEXT NOT NULL,
    PRIMARY KEY (tenant, promotion_id, sequence)
);
