//! PostgreSQL takes a JSON list apart with `jsonb_array_elements`. Each pair of texts goes around the bound list.

pub(in crate::store) const AMONG_TEXTS: [&str; 2] =
    [" = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST(", " AS jsonb))))"];
pub(in crate::store) const AMONG_NUMBERS: [&str; 2] =
    [" = ANY (ARRAY(SELECT CAST(value AS bigint) FROM jsonb_array_elements_text(CAST(", " AS jsonb))))"];
/// Rows of a model and a number.
pub(in crate::store) const NAMES: [&str; 2] =
    ["SELECT value ->> 0, CAST(value ->> 1 AS bigint) FROM jsonb_array_elements(CAST(", " AS jsonb))"];
