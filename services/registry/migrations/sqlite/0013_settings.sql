-- Settings of models: files as they were applied. Revisions are only added.
CREATE TABLE settings (
    tenant     TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    digest     TEXT    NOT NULL,
    content    TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (tenant, model, revision)
) STRICT;
