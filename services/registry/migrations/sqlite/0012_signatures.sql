-- Who vouches for a bundle: one signature of each key, with the public key that it was checked with.
CREATE TABLE signatures (
    tenant          TEXT    NOT NULL,
    digest          TEXT    NOT NULL,
    key_fingerprint TEXT    NOT NULL,
    envelope        TEXT    NOT NULL,
    public_key      TEXT    NOT NULL,
    actor           TEXT    NOT NULL,
    created_us      INTEGER NOT NULL,
    PRIMARY KEY (tenant, digest, key_fingerprint)
);
