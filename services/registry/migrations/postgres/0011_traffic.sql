-- What part of its slot's requests an alias gets, in thousandths: to answer them ('split') or as copies ('mirror').
ALTER TABLE aliases ADD COLUMN traffic TEXT NOT NULL DEFAULT '';
ALTER TABLE aliases ADD COLUMN per_mille BIGINT NOT NULL DEFAULT 0;
