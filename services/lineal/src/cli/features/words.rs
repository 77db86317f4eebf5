//! Features as people write them: `rate=charges:ratio=tenure:0`.

use lineal_proto::lineal::trainer::v1::{
    BucketsTransform, ClipTransform, DatePartsTransform, Feature, FeatureKind, FeatureTransform, Lag, LogTransform,
    MissingRule, OneHotTransform, RatioTransform, StandardizeTransform, feature_transform::Transform,
};

use crate::cli::{format, parse};

/// `[NAME=]COLUMN:TRANSFORM[:MISSING]`. The transform tells whether the column holds numbers or texts.
pub(super) fn feature(text: &str) -> Result<Feature, String> {
    let mut words = text.split(':');
    let column = words.next().unwrap_or_default();
    let (name, source) = column.split_once('=').unwrap_or((column, column));
    let how = words.next().ok_or_else(|| format!("say how `{source}` becomes numbers, as in {source}:standardize"))?;
    let transform = read(how)?;
    let texts = matches!(transform, Some(Transform::OneHot(_) | Transform::DateParts(_)));
    let kind = if texts { FeatureKind::Category } else { FeatureKind::Number };
    let (missing, missing_constant) = match (words.next(), kind) {
        (Some(word), _) => rule(word)?,
        (None, FeatureKind::Category) => (MissingRule::Unknown, 0.0),
        (None, _) => (MissingRule::Mean, 0.0),
    };
    if let Some(more) = words.next() {
        return Err(format!("`{more}` is one word too many"));
    }
    Ok(Feature {
        name: name.to_owned(),
        source: source.to_owned(),
        kind: kind.into(),
        missing: missing.into(),
        missing_constant,
        transform: transform.map(|transform| FeatureTransform { transform: Some(transform) }),
    })
}

/// `COLUMN=ROWS`.
pub(super) fn lag(text: &str) -> Result<Lag, String> {
    let (column, rows) = parse::pair(text)?;
    let rows = rows.parse().map_err(|_| format!("expected a number of rows like {column}=1, found `{text}`"))?;
    Ok(Lag { column, rows })
}

fn read(word: &str) -> Result<Option<Transform>, String> {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    let wrong = || {
        format!(
            "`{word}` is none of as_is, standardize, log, clip=LOW..HIGH, buckets=N, ratio=COLUMN, one_hot, date_parts"
        )
    };
    Ok(Some(match (name, value) {
        ("as_is", "") => return Ok(None),
        ("standardize", "") => Transform::Standardize(StandardizeTransform {}),
        ("one_hot", "") => Transform::OneHot(OneHotTransform {}),
        ("log", "") => Transform::Log(LogTransform {}),
        ("date_parts", "") => Transform::DateParts(DatePartsTransform {}),
        ("clip", limits) => {
            let (low, high) = limits.split_once("..").ok_or_else(wrong)?;
            let number = |text: &str| text.parse().map_err(|_| wrong());
            Transform::Clip(ClipTransform { low: number(low)?, high: number(high)? })
        }
        ("buckets", count) => Transform::Buckets(BucketsTransform { count: count.parse().map_err(|_| wrong())? }),
        ("ratio", over) if !over.is_empty() => Transform::Ratio(RatioTransform { over: over.to_owned() }),
        _ => return Err(wrong()),
    }))
}

fn rule(word: &str) -> Result<(MissingRule, f64), String> {
    let rule = match word {
        "mean" => MissingRule::Mean,
        "median" => MissingRule::Median,
        "most_frequent" => MissingRule::MostFrequent,
        "unknown" => MissingRule::Unknown,
        "reject" => MissingRule::Reject,
        number => {
            let number = number.parse().map_err(|_| {
                format!("`{word}` is none of mean, median, most_frequent, unknown, reject and no number")
            })?;
            return Ok((MissingRule::Constant, number));
        }
    };
    Ok((rule, 0.0))
}

/// How the feature's column becomes numbers.
pub(super) fn transform(feature: &Feature) -> String {
    let Some(transform) = feature.transform.as_ref().and_then(|known| known.transform.as_ref()) else {
        return "as_is".to_owned();
    };
    match transform {
        Transform::Standardize(_) => "standardize".to_owned(),
        Transform::OneHot(_) => "one_hot".to_owned(),
        Transform::Clip(limits) => format!("clip={}..{}", limits.low, limits.high),
        Transform::Log(_) => "log".to_owned(),
        Transform::Buckets(buckets) => format!("buckets={}", buckets.count),
        Transform::DateParts(_) => "date_parts".to_owned(),
        Transform::Ratio(ratio) => format!("ratio={}", ratio.over),
    }
}

/// What a missing value becomes.
pub(super) fn missing(feature: &Feature) -> String {
    match feature.missing() {
        MissingRule::Constant => feature.missing_constant.to_string(),
        rule => format::word(rule.as_str_name(), "MISSING_RULE_"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same() {
        for (text, category) in [
            ("age:as_is:mean", false),
            ("age:standardize:median", false),
            ("age:log:-1.5", false),
            ("age:clip=-1..90.5:reject", false),
            ("age:buckets=10:unknown", false),
            ("age:ratio=tenure:0", false),
            ("plan:one_hot:most_frequent", true),
            ("day:date_parts:unknown", true),
        ] {
            let read = feature(text).unwrap();
            assert_eq!(read.kind() == FeatureKind::Category, category, "{text}");
            assert_eq!(read.name, read.source);
            assert_eq!(format!("{}:{}:{}", read.source, transform(&read), missing(&read)), text);
        }
        let named = feature("rate=charges:log").unwrap();
        assert_eq!(
            (named.name.as_str(), named.source.as_str(), missing(&named)),
            ("rate", "charges", "mean".to_owned())
        );
        assert_eq!(missing(&feature("plan:one_hot").unwrap()), "unknown");
    }

    #[test]
    fn what_cannot_be_read_says_what_can() {
        for (text, word) in [
            ("age", "age:standardize"),
            ("age:squared", "clip=LOW..HIGH"),
            ("age:clip=1", "clip=LOW..HIGH"),
            ("age:buckets=many", "buckets=N"),
            ("age:ratio=", "ratio=COLUMN"),
            ("age:log:zero", "most_frequent"),
            ("age:log:mean:more", "`more`"),
        ] {
            let error = feature(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
        assert!(lag("goals").is_err() && lag("goals=x").unwrap_err().contains("goals=1"));
    }
}
