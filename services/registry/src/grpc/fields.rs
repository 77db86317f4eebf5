//! Fields that many requests share, checked and named by their path.

use std::collections::BTreeMap;

use lineal_kernel::{Digest, FieldError, FieldErrors, ModelName, PageToken, RequestId, Slot, VersionNumber};

use crate::domain::tags::TagChange;

const MAX_TEXT: usize = 64 * 1024;
const MAX_ENTRIES: usize = 1000;

/// Runs every check of a request, so that all bad fields are named at once, and builds the wish from what they yield.
macro_rules! checked {
    ({ $($field:ident: $check:expr),+ $(,)? } => $build:expr) => {{
        let mut errors = lineal_kernel::FieldErrors::default();
        $(let $field = crate::grpc::fields::gather(&mut errors, $check);)+
        errors.into_result(|| { $(let $field = $field?;)+ Some($build) })
    }};
}
pub(super) use checked;

pub(super) fn model(text: &str) -> Result<ModelName, FieldError> {
    ModelName::new(text).map_err(|error| error.under("model"))
}

pub(super) fn number(number: u64, path: &str) -> Result<VersionNumber, FieldError> {
    VersionNumber::new(number).map_err(|error| error.under(path))
}

pub(super) fn slot(labels: BTreeMap<String, String>) -> Result<Slot, FieldError> {
    Slot::new(labels).map_err(|error| error.under("slot"))
}

pub(super) fn digest(text: &str, path: &str) -> Result<Digest, FieldError> {
    text.parse().map_err(|error: FieldError| FieldError::new(path, error.problem))
}

/// The caller's key, or a fresh one: without a key every call is its own change.
pub(super) fn request_id(text: &str) -> Result<RequestId, FieldError> {
    if text.is_empty() {
        Ok(RequestId::random())
    } else {
        RequestId::new(text).map_err(|error| error.under("request_id"))
    }
}

/// Free text of bounded length.
pub(super) fn text(text: String, path: &str) -> Result<String, FieldError> {
    if text.len() > MAX_TEXT {
        return Err(FieldError::new(path, format!("at most {MAX_TEXT} bytes")));
    }
    // No database takes it.
    if text.contains('\0') {
        return Err(FieldError::new(path, "holds a NUL character"));
    }
    Ok(text)
}

/// Free text that may be left alone.
pub(super) fn optional_text(given: Option<String>, path: &str) -> Result<Option<String>, FieldError> {
    given.map(|given| text(given, path)).transpose()
}

/// An address or another reference that people click on or programs follow.
pub(super) fn link(given: String, path: &str) -> Result<String, FieldError> {
    if given.chars().any(|c| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    }) {
        return Err(FieldError::new(path, "holds control characters or changes the direction of writing"));
    }
    text(given, path)
}

/// The etag that the caller saw; empty for none.
pub(super) fn etag(etag: String) -> Option<String> {
    Some(etag).filter(|etag| !etag.is_empty())
}

/// Tags to set and to take away.
pub(super) fn tags(set: BTreeMap<String, String>, removed: Vec<String>) -> Result<TagChange, FieldErrors> {
    let both = removed.iter().find(|key| set.contains_key(*key));
    let known = if removed.len() > MAX_ENTRIES {
        Err(FieldError::new("remove_tags", format!("at most {MAX_ENTRIES} entries")))
    } else if let Some(key) = both {
        Err(FieldError::new("remove_tags", format!("`{key}` is to be set as well")))
    } else {
        removed.iter().try_for_each(|name| key(name, "remove_tags"))
    };
    checked!({ set: words(set, "tags"), known: known } => { let () = known; TagChange { set, removed } })
}

/// A reason that people will read in the audit.
pub(super) fn reason(given: String) -> Result<String, FieldError> {
    if given.trim().is_empty() {
        return Err(FieldError::new("reason", "say why; it goes into the audit"));
    }
    text(given, "reason")
}

/// A map of bounded size with bounded keys and values.
pub(super) fn words(map: BTreeMap<String, String>, path: &str) -> Result<BTreeMap<String, String>, FieldError> {
    keys(&map, path)?;
    map.into_iter().map(|(key, value)| Ok((key.clone(), text(value, &format!("{path}.{key}"))?))).collect()
}

/// Metrics by name, all finite.
pub(super) fn metrics(map: BTreeMap<String, f64>, path: &str) -> Result<BTreeMap<String, f64>, FieldError> {
    keys(&map, path)?;
    match map.iter().find(|(_, value)| !value.is_finite()) {
        Some((key, value)) => Err(FieldError::new(format!("{path}.{key}"), format!("{value} is not a finite number"))),
        None => Ok(map),
    }
}

/// The keys of a map of bounded size.
pub(super) fn keys<V>(map: &BTreeMap<String, V>, path: &str) -> Result<(), FieldError> {
    if map.len() > MAX_ENTRIES {
        return Err(FieldError::new(path, format!("at most {MAX_ENTRIES} entries")));
    }
    map.keys().try_for_each(|text| key(text, path))
}

/// The name of a parameter, a metric or a tag.
pub(super) fn key(text: &str, path: &str) -> Result<(), FieldError> {
    if text.is_empty() || text.len() > 250 || text.chars().any(char::is_control) {
        return Err(FieldError::new(path, "keys have 1 to 250 bytes and no control characters"));
    }
    Ok(())
}

/// Keeps the errors of one check, be it of a field or of a whole message, and goes on.
pub(super) fn gather<T>(errors: &mut FieldErrors, result: Result<T, impl Into<FieldErrors>>) -> Option<T> {
    result.map_err(|found| errors.0.extend(found.into().0)).ok()
}

/// A message that a request cannot go without.
pub(super) fn required<T>(field: Option<T>, path: &str) -> Result<T, FieldErrors> {
    field.ok_or_else(|| FieldError::new(path, "is required").into())
}

/// The token of the next page; empty on the last one.
pub(super) fn next(cursor: Option<String>, query: &str) -> String {
    cursor.map(|cursor| PageToken::seal(&cursor, query)).unwrap_or_default()
}

/// A model to narrow a listing to; empty for all.
pub(super) fn optional_model(text: &str) -> Result<Option<ModelName>, FieldError> {
    if text.is_empty() { Ok(None) } else { model(text).map(Some) }
}
