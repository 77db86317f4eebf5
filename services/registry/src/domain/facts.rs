//! Facts: what searches can ask of a version, one value each.

use serde_json::Value;

use super::version::Version;

/// One value of a version under the name that searches know it by.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// As [`metric`], [`tag`] or [`metadata`] name it.
    pub field: String,
    /// Tells values of one field apart: 0, 1, 2, ...
    pub place: u32,
    /// The value.
    pub value: FactValue,
}

/// A value that can be compared.
#[derive(Debug, Clone, PartialEq)]
pub enum FactValue {
    /// Finite.
    Number(f64),
    /// As written.
    Text(String),
    /// True or false.
    Flag(bool),
}

/// The name of a metric.
pub fn metric(key: &str) -> String {
    format!("metrics.{key}")
}

/// The name of a tag.
pub fn tag(key: &str) -> String {
    format!("tags.{key}")
}

/// The name of metadata; keys may hold dots, so they are written as a JSON list.
pub fn metadata<T: Into<Value>>(keys: impl IntoIterator<Item = T>) -> String {
    format!("metadata.{}", keys.into_iter().collect::<Value>())
}

/// Everything that searches can ask of a version besides its own columns.
pub fn of(version: &Version) -> Vec<Fact> {
    let fact = |field, value| Fact { field, place: 0, value };
    let metrics = version.metrics.iter().filter(|(_, value)| value.is_finite());
    let metrics = metrics.map(|(key, value)| fact(metric(key), FactValue::Number(*value)));
    let tags = version.tags.iter().map(|(key, value)| fact(tag(key), FactValue::Text(value.clone())));
    let mut facts: Vec<Fact> = metrics.chain(tags).collect();
    let kept = version.metadata.leaves().into_iter().filter_map(|(keys, leaf)| Some((metadata(keys), value(leaf)?)));
    for (place, (field, value)) in (0..).zip(kept) {
        facts.push(Fact { field, place, value });
    }
    facts
}

fn value(leaf: &Value) -> Option<FactValue> {
    match leaf {
        Value::Bool(flag) => Some(FactValue::Flag(*flag)),
        Value::Number(number) => number.as_f64().map(FactValue::Number),
        Value::String(text) => Some(FactValue::Text(text.clone())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
