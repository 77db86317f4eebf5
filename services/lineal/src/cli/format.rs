//! Values as people read them.

use std::collections::BTreeMap;

use lineal_kernel::{Digest, Timestamp};
use lineal_proto::{
    lineal::registry::v1::Traffic,
    pbjson_types::{self, Value, value::Kind},
};

use super::output::{Style, Table, cell};

/// A moment in UTC to the second, e.g. `2025-01-15T14:30:22Z`; empty if there is none.
pub(super) fn time(moment: Option<&pbjson_types::Timestamp>) -> String {
    moment
        .map(|moment| Timestamp::from_micros(moment.seconds.saturating_mul(1_000_000)).to_string())
        .unwrap_or_default()
}

/// A length of time in milliseconds, e.g. `12.3 ms`; empty if there is none.
pub(super) fn millis(length: Option<&pbjson_types::Duration>) -> String {
    length
        .map(|length| format!("{:.1} ms", length.seconds as f64 * 1e3 + f64::from(length.nanos) / 1e6))
        .unwrap_or_default()
}

/// The first digits of a digest; anything else stays as it is.
pub(super) fn digest(text: &str) -> String {
    text.parse::<Digest>().map_or_else(|_| text.to_owned(), |digest| digest.short())
}

/// The labels of a slot; `default` for none.
pub(super) fn slot(labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() { "default".to_owned() } else { pairs(labels) }
}

/// What an alias gets of its slot's requests: `10%`, `mirror 20%`, `none`.
pub(super) fn traffic(traffic: Option<Traffic>) -> String {
    lineal_rpc::traffic_of(traffic).map_or_else(|error| error.problem, |traffic| traffic.to_string())
}

/// `key=value` pairs joined by commas.
pub(super) fn pairs(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// A version's number; `-` for none.
pub(super) fn number(number: u64) -> String {
    if number == 0 { "-".to_owned() } else { number.to_string() }
}

/// The word of an enum value: `JOB_STATE_RUNNING` without `JOB_STATE_` is `running`.
pub(super) fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase()
}

/// A metric to four places.
pub(super) fn metric(value: f64) -> String {
    format!("{value:.4}")
}

/// A metric by name; `-` if it was not measured.
pub(super) fn metric_of(metrics: &BTreeMap<String, f64>, name: &str) -> String {
    metrics.get(name).map_or_else(|| "-".to_owned(), |value| metric(*value))
}

/// One metric a line.
pub(super) fn metrics(style: Style, metrics: &BTreeMap<String, f64>) -> String {
    let mut table = Table::new(style, &["METRIC", "VALUE"]);
    for (name, value) in metrics {
        table.add([cell(name), cell(metric(*value))]);
    }
    table.render()
}

/// A size for people, e.g. `468.2 KiB`.
pub(super) fn size(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["bytes", "KiB", "MiB"] {
        if size < 1024.0 {
            return if unit == "bytes" { format!("{bytes} bytes") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} GiB")
}

/// A JSON value without quotes around texts; `-` for nothing.
pub(super) fn value(value: Option<&Value>) -> String {
    match value.and_then(|value| value.kind.as_ref()) {
        Some(Kind::NumberValue(number)) => number.to_string(),
        Some(Kind::BoolValue(flag)) => flag.to_string(),
        Some(Kind::StringValue(text)) => text.clone(),
        Some(Kind::NullValue(_) | Kind::StructValue(_) | Kind::ListValue(_)) | None => "-".to_owned(),
    }
}

/// What to say under a page that is not the last.
pub(super) fn more(next_page_token: &str) -> String {
    if next_page_token.is_empty() { String::new() } else { format!("more: --page-token {next_page_token}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_well() {
        assert_eq!(time(Some(&pbjson_types::Timestamp { seconds: 1_736_951_422, nanos: 5 })), "2025-01-15T14:30:22Z");
        assert_eq!(time(None), "");
        assert_eq!(millis(Some(&pbjson_types::Duration { seconds: 1, nanos: 2_340_000 })), "1002.3 ms");
        assert_eq!(slot(&BTreeMap::new()), "default");
        assert_eq!(word("JOB_STATE_RUNNING", "JOB_STATE_"), "running");
        assert_eq!(digest(&Digest::of(b"").to_string()), "e3b0c44298fc");
        assert_eq!(value(Some(&Value::from(100.0))), "100");
        assert_eq!(value(Some(&Value::from("gini"))), "gini");
        assert_eq!([size(7), size(1536), size(3 << 30)], ["7 bytes", "1.5 KiB", "3.0 GiB"]);
    }
}
