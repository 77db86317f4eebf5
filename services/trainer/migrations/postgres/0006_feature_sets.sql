-- Who created what a name means; empty for a meaning that a job gave. A meaning that is created later gets its creator, and nothing else
-- of a row is ever changed.
ALTER TABLE definitions ADD COLUMN actor TEXT NOT NULL DEFAULT '';
