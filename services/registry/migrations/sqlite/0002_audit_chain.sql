-- Each entry's digest covers the entry and the digest before it. A database cannot hash, so entries that are here already get
-- theirs when the store opens: until then their tenants' heads have an empty digest.
ALTER TABLE audit ADD COLUMN digest TEXT NOT NULL DEFAULT '';

-- The last entry of each tenant's chain: guards its end.
CREATE TABLE audit_heads (
    tenant   TEXT    NOT NULL PRIMARY KEY,
    sequence INTEGER NOT NULL,
    digest   TEXT    NOT NULL
) STRICT;
INSERT INTO audit_heads (tenant, sequence, digest) SELECT tenant, MAX(sequence), '' FROM audit GROUP BY tenant;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit WHEN OLD.digest <> '' BEGIN
    SELECT RAISE(ABORT, 'audit entries are never changed');
END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit entries are never deleted');
END;
