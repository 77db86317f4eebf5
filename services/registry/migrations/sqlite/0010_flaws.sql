-- The few versions that something is wrong with are found without a look at all others.
CREATE INDEX runs_tainted ON runs (tenant, run_id) WHERE taint IS NOT NULL;
CREATE INDEX bundle_checks_failed ON bundle_checks (tenant, digest) WHERE problem <> '';
