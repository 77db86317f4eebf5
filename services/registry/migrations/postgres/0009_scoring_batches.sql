-- Batches whose predictions are written. The record id orders them by time.
CREATE TABLE scoring_batches (
    tenant          TEXT   NOT NULL,
    model           TEXT   NOT NULL,
    batch_id        TEXT   NOT NULL,
    record_id       TEXT COLLATE "C" NOT NULL,
    slot            TEXT   NOT NULL,
    number          BIGINT NOT NULL,
    manifest_digest TEXT   NOT NULL,
    body            TEXT   NOT NULL,
    created_us      BIGINT NOT NULL,
    PRIMARY KEY (tenant, model, batch_id),
    FOREIGN KEY (tenant, model, number) REFERENCES versions (tenant, model, number)
);
CREATE INDEX scoring_batches_by_time ON scoring_batches (tenant, model, record_id);
