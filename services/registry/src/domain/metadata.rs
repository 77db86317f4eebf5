//! Metadata: what callers want to keep with a version, in a form of their own.

use lineal_kernel::FieldError;
use serde_json::{Map, Value};

/// Most bytes of the JSON form.
const MOST_BYTES: usize = 64 * 1024;
/// Objects and lists inside one another.
const MOST_DEPTH: usize = 16;
/// Numbers, texts and flags, which is what searches see.
const MOST_LEAVES: usize = 1000;
const MOST_KEY_BYTES: usize = 250;
/// As much as an index takes of the keys that lead to a value, written as a list.
const MOST_PATH_BYTES: usize = 1000;

/// A JSON object of bounded size and depth.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata(Map<String, Value>);

/// One value and the keys that lead to it. Members of a list share the list's keys.
pub(super) type Leaf<'a> = (Vec<&'a str>, &'a Value);

impl Metadata {
    /// Checks size, depth, keys and texts; the error's path leads to what is wrong.
    pub fn new(object: Map<String, Value>) -> Result<Self, FieldError> {
        let metadata = Self(object);
        for (key, value) in &metadata.0 {
            check(&key_path("", key)?, value, 1)?;
        }
        let bytes = metadata.json().len();
        if bytes > MOST_BYTES {
            return Err(FieldError::new("", format!("{bytes} bytes of JSON, at most {MOST_BYTES} are kept")));
        }
        let leaves = metadata.leaves();
        if leaves.len() > MOST_LEAVES {
            return Err(FieldError::new("", format!("{} values, at most {MOST_LEAVES} are kept", leaves.len())));
        }
        let long = leaves.iter().find(|(keys, _)| Value::from(keys.as_slice()).to_string().len() > MOST_PATH_BYTES);
        if let Some((keys, _)) = long {
            return Err(FieldError::new(keys.join("."), format!("keys of more than {MOST_PATH_BYTES} bytes together")));
        }
        Ok(metadata)
    }

    /// What was stored; it was checked then.
    pub fn stored(object: Map<String, Value>) -> Self {
        Self(object)
    }

    /// The object.
    pub fn object(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The object as JSON.
    pub fn json(&self) -> String {
        Value::from(self.0.clone()).to_string()
    }

    /// Every number, text and flag.
    pub(super) fn leaves(&self) -> Vec<Leaf<'_>> {
        let mut found = Vec::new();
        for (key, value) in &self.0 {
            gather(&mut vec![key], value, &mut found);
        }
        found
    }
}

fn gather<'a>(keys: &mut Vec<&'a str>, value: &'a Value, found: &mut Vec<Leaf<'a>>) {
    match value {
        Value::Null => {}
        Value::Array(members) => members.iter().for_each(|member| gather(keys, member, found)),
        Value::Object(members) => {
            for (key, member) in members {
                keys.push(key);
                gather(keys, member, found);
                keys.pop();
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push((keys.clone(), value)),
    }
}

fn check(path: &str, value: &Value, depth: usize) -> Result<(), FieldError> {
    match value {
        Value::Array(_) | Value::Object(_) if depth == MOST_DEPTH => {
            Err(FieldError::new(path, format!("more than {MOST_DEPTH} objects and lists inside one another")))
        }
        Value::Array(members) => members.iter().try_for_each(|member| check(path, member, depth + 1)),
        Value::Object(members) => {
            members.iter().try_for_each(|(key, member)| check(&key_path(path, key)?, member, depth + 1))
        }
        Value::String(text) if text.contains('\0') => Err(FieldError::new(path, "holds a NUL character")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn key_path(path: &str, key: &str) -> Result<String, FieldError> {
    if key.is_empty() || key.len() > MOST_KEY_BYTES || key.chars().any(char::is_control) {
        let problem = format!("keys have 1 to {MOST_KEY_BYTES} bytes and no control characters");
        return Err(FieldError::new(path, problem));
    }
    Ok(if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata(value: Value) -> Result<Metadata, FieldError> {
        match value {
            Value::Object(object) => Metadata::new(object),
            other => panic!("{other} is no object"),
        }
    }

    fn nested(depth: usize) -> Value {
        (1..depth).fold(json!({"a": 1}), |inner, _| json!({ "a": inner }))
    }

    #[test]
    fn values_are_found_by_the_keys_that_lead_to_them() {
        // F25
        let kept = metadata(json!({"a": {"b": 1.5, "c": null}, "d": ["x", ["y"], {"e": true}], "f": {}})).unwrap();
        let found: Vec<_> = kept.leaves().into_iter().map(|(keys, value)| (keys.join("."), value.clone())).collect();
        let expected = [("a.b", json!(1.5)), ("d", json!("x")), ("d", json!("y")), ("d.e", json!(true))];
        assert_eq!(found, expected.map(|(keys, value)| (keys.to_owned(), value)));
    }

    #[test]
    fn metadata_is_bounded_and_the_place_is_named() {
        // F25
        let keys: Vec<String> = "klmn".chars().map(|key| key.to_string().repeat(250)).collect();
        let long = keys.iter().rev().fold(json!(1), |inner, key| json!({ key: inner }));
        let long_path = keys.join(".");
        let wide = |count: usize| json!({ "a": vec![1; count] });
        for (fine, too_much, path) in [
            (json!({"a": "x".repeat(64 * 1024 - 8)}), json!({"a": "x".repeat(64 * 1024 - 7)}), ""),
            (wide(1000), wide(1001), ""),
            (nested(16), nested(17), ["a"; 16].join(".").as_str()),
            (json!({"a": {"k".repeat(250): 1}}), json!({"a": {"k".repeat(251): 1}}), "a"),
            (json!({"a": "\u{202e}\n"}), json!({"a": "b\0"}), "a"),
            (json!({"a b/../%2f": 1}), json!({"": 1}), ""),
            (
                json!({"a": {"k".repeat(250): {"l".repeat(250): {"m".repeat(250): 1}}}}),
                long.clone(),
                long_path.as_str(),
            ),
        ] {
            assert!(metadata(fine).is_ok(), "{path}");
            assert_eq!(metadata(too_much).unwrap_err().path, path);
        }
    }
}
