//! Values on the command line.

use std::time::Duration;

use lineal_kernel::{AliasName, FieldError, Share, Slot, Timestamp};
use lineal_proto::{lineal::validator::v1::MetricLimit, pbjson_types::Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// `key=value`; the value may hold further `=`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err(format!("expected key=value, found `{text}`")),
    }
}

/// `key=value`, where the value is a number, `true`, `false` or else a text.
pub(super) fn setting(text: &str) -> Result<(String, Value), String> {
    let (key, value) = pair(text)?;
    let value = match (value.parse::<f64>(), value.as_str()) {
        (_, "") => return Err(format!("`{key}` has no value: leave it out to use the default")),
        (Ok(number), _) if number.is_finite() => Value::from(number),
        (_, "true") => Value::from(true),
        (_, "false") => Value::from(false),
        _ => Value::from(value),
    };
    Ok((key, value))
}

/// `metric=number`, the number finite.
pub(super) fn measurement(text: &str) -> Result<(String, f64), String> {
    let (metric, value) = pair(text)?;
    let value = value.parse().ok().filter(|value: &f64| value.is_finite());
    value.map(|value| (metric, value)).ok_or_else(|| format!("expected a number like auc=0.75, found `{text}`"))
}

/// `metric=limit`.
pub(super) fn limit(text: &str) -> Result<MetricLimit, String> {
    measurement(text).map(|(metric, limit)| MetricLimit { metric, limit })
}

/// `key=value,key=value`, the labels of a slot.
pub(super) fn slot(text: &str) -> Result<Slot, String> {
    Slot::parse(text).map_err(
        |FieldError { path, problem }| {
            if path.is_empty() { problem } else { format!("{path}: {problem}") }
        },
    )
}

/// The name of an alias.
pub(super) fn alias(text: &str) -> Result<AliasName, String> {
    AliasName::new(text).map_err(|error| error.problem)
}

/// A percentage: `10%`, `2.5%`.
pub(super) fn share(text: &str) -> Result<Share, String> {
    text.parse().map_err(|error: FieldError| error.problem)
}

/// A moment: `2025-01-15T14:30:22Z`.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error: FieldError| error.problem)
}

/// A length of time: `90s`, `10m`, `2h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("expected a time like 90s, 10m or 2h, found `{text}`");
    let unit = text.chars().last().ok_or_else(bad)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return Err(bad()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| bad())?;
    count.checked_mul(seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs).ok_or_else(bad)
}

/// A moment in RFC 3339, e.g. `2026-01-15T06:00:00Z`.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let moment = OffsetDateTime::parse(text, &Rfc3339);
    let moment = moment.map_err(|_| format!("expected a time like 2026-01-15T06:00:00Z, found `{text}`"))?;
    Ok(Timestamp::from_micros((moment.unix_timestamp_nanos() / 1000) as i64))
}

/// An error with its causes, in one line.
pub(super) fn reason(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_numbers_flags_or_texts() {
        assert_eq!(setting("learning_rate=0.05"), Ok(("learning_rate".to_owned(), Value::from(0.05))));
        assert_eq!(setting("trees = 100"), Ok(("trees".to_owned(), Value::from(100.0))));
        assert_eq!(setting("bootstrap=false"), Ok(("bootstrap".to_owned(), Value::from(false))));
        assert_eq!(setting("penalty=l2"), Ok(("penalty".to_owned(), Value::from("l2"))));
        assert_eq!(setting("x=inf"), Ok(("x".to_owned(), Value::from("inf"))));
        for text in ["trees", "=1", "trees=", ""] {
            assert!(setting(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tags_keep_everything_after_the_first_equals_sign() {
        assert_eq!(pair("note=a=b"), Ok(("note".to_owned(), "a=b".to_owned())));
        assert_eq!(pair("note="), Ok(("note".to_owned(), String::new())));
        assert!(pair("note").is_err());
    }

    #[test]
    fn limits_are_finite_numbers() {
        assert_eq!(limit("auc=0.75"), Ok(MetricLimit { metric: "auc".to_owned(), limit: 0.75 }));
        for text in ["auc", "auc=", "auc=high", "auc=NaN", "auc=inf"] {
            assert!(limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        assert_eq!(duration("2h"), Ok(Duration::from_hours(2)));
        for text in ["", "10", "m", "0s", "-1s", "1.5h", "10µ", "18446744073709551615h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_have_a_zone() {
        assert_eq!(time("2025-01-15T14:30:22.000001Z").unwrap().micros(), 1_736_951_422_000_001);
        assert_eq!(time("2025-01-15T15:30:22+01:00").unwrap().to_string(), "2025-01-15T14:30:22Z");
        for text in ["", "tomorrow", "2025-01-15", "2025-01-15T14:30:22"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bad_slot_says_which_label() {
        assert!(slot("regime=trending,symbol=BTCUSDT").is_ok());
        assert_eq!(slot("regime").unwrap_err(), "expected key=value, found `regime`");
    }
}
