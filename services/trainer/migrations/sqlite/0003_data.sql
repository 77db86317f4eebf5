-- Rules that were given a name before any job used it. Rows are never changed.
CREATE TABLE splits (
    dataset     TEXT    NOT NULL,
    name        TEXT NOT NULL,
    rule        TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    create_time INTEGER NOT NULL,
    PRIMARY KEY (dataset, name)
) STRICT;

-- What the rows of datasets have to look like; the greatest number is in force. Rows are never changed.
CREATE TABLE expectations (
    dataset     TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    create_time INTEGER NOT NULL,
    PRIMARY KEY (dataset, number)
) STRICT;

-- Summaries of reports; the reports themselves are in the artifact store. Rows are never changed.
CREATE TABLE data_reports (
    report_id    TEXT NOT NULL PRIMARY KEY,
    digest       TEXT    NOT NULL,
    dataset      TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    snapshot     TEXT    NOT NULL,
    expectations TEXT    NOT NULL,
    row_count    INTEGER NOT NULL,
    failed       TEXT    NOT NULL, -- the checks that failed, as JSON
    create_time  INTEGER NOT NULL
) STRICT;

CREATE INDEX data_reports_of_source ON data_reports (dataset, source, report_id);

-- How the rows of a job were chosen if they were too many, as JSON.
ALTER TABLE jobs ADD COLUMN sample TEXT;
