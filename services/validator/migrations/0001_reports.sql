-- Verdicts. What is looked for has a column of its own; the rest of a report is one JSON body.
CREATE TABLE reports (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which reports were made
    report_id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    model TEXT NOT NULL,
    slot TEXT NOT NULL,
    number INTEGER NOT NULL,
    champion_number INTEGER, -- NULL if the slot had no champion
    actor TEXT NOT NULL,
    request_id TEXT NOT NULL,
    create_time INTEGER NOT NULL, -- microseconds since 1970
    body TEXT NOT NULL,
    UNIQUE (tenant, actor, request_id)
) STRICT;

CREATE INDEX reports_of_a_model ON reports (tenant, model, sequence);
