-- Rows that sources gave. Rows are never changed.
CREATE TABLE imports (
    import_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    request_id  TEXT    NOT NULL UNIQUE,
    dataset     TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    query       TEXT    NOT NULL, -- empty for a file
    path        TEXT    NOT NULL, -- empty for rows of a query
    format      TEXT    NOT NULL, -- of what was kept, as JSON
    digest      TEXT    NOT NULL,
    row_count   BIGINT,
    size_bytes  BIGINT NOT NULL,
    actor       TEXT    NOT NULL,
    create_time BIGINT NOT NULL
);

CREATE INDEX imports_of_dataset ON imports (dataset, import_id);
CREATE INDEX imports_of_digest ON imports (dataset, digest, import_id);
