-- Each entry's digest covers the entry and the digest before it. A database cannot hash, so entries that are here already get
-- theirs when the store opens: until then their tenants' heads have an empty digest.
ALTER TABLE audit ADD COLUMN digest TEXT NOT NULL DEFAULT '';
-- A process of an earlier release that still runs would append without one.
ALTER TABLE audit ALTER COLUMN digest DROP DEFAULT;

-- The last entry of each tenant's chain: guards its end.
CREATE TABLE audit_heads (
    tenant   TEXT   NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL,
    digest   TEXT   NOT NULL
);
INSERT INTO audit_heads (tenant, sequence, digest) SELECT tenant, MAX(sequence), '' FROM audit GROUP BY tenant;

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are never changed and never deleted';
END
$$;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
    FOR EACH ROW WHEN (OLD.digest <> '') EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit EXECUTE FUNCTION refuse_audit_change();
