//! SQLite takes a JSON list apart with `json_each`. Each pair of texts goes around the bound list.

pub(in crate::store) const AMONG_TEXTS: [&str; 2] = [" IN (SELECT value FROM json_each(", "))"];
pub(in crate::store) const AMONG_NUMBERS: [&str; 2] = AMONG_TEXTS;
/// Rows of a model and a number.
pub(in crate::store) const NAMES: [&str; 2] = ["SELECT value ->> 0, value ->> 1 FROM json_each(", ")"];
