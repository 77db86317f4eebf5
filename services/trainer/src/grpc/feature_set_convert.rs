//! Between the messages of feature sets and the domain's types.

use lineal_data::{Feature, FeatureKind, FeatureSet, History, Lag, MissingRule, Transform};
use lineal_kernel::{FieldError, FieldErrors};
use lineal_proto::lineal::trainer::v1::{self as pb, feature_transform::Transform as Kind};
use lineal_rpc::timestamp;
use tonic::Status;

use super::status;
use crate::domain::{CreateFeatures, NamedFeatures, TrainerError};

/// The wish for a set under its name.
pub(super) fn wish(asked: pb::FeatureSet) -> Result<CreateFeatures, FieldErrors> {
    let (model, name) = (asked.model.clone(), asked.name.clone());
    let (features, history, unread) = declaration(asked);
    let unread = FieldErrors(unread.0.into_iter().map(|error| error.under("feature_set")).collect());
    with_unread(CreateFeatures::check(&model, &name, features, history), unread)
}

/// What a set declares: the features that can be read, and what is wrong with the others.
pub(super) fn declaration(asked: pb::FeatureSet) -> (Vec<Feature>, Option<History>, FieldErrors) {
    let mut unread = FieldErrors::default();
    let mut features = Vec::with_capacity(asked.features.len());
    for (i, given) in asked.features.into_iter().enumerate() {
        let read = feature(given).map_err(|error| error.under(&format!("features[{i}]")));
        features.extend(unread.check(read));
    }
    (features, history(asked.order_column, asked.group_column, asked.lags), unread)
}

/// The answer of a check, and what could not be read before it. What is wrong with the features of the same list that could be read is
/// told once all can: their places have moved.
pub(super) fn with_unread<T>(checked: Result<T, FieldErrors>, mut unread: FieldErrors) -> Result<T, FieldErrors> {
    if unread.0.is_empty() {
        return checked;
    }
    let lists: Vec<_> = unread.0.iter().filter_map(|error| Some(error.path.rsplit_once('[')?.0.to_owned())).collect();
    let others = checked.err().into_iter().flat_map(|more| more.0);
    unread.0.extend(others.filter(|error| !lists.iter().any(|list| error.path.starts_with(list))));
    Err(unread)
}

/// Absent if nothing is said of it.
fn history(order: String, group: String, lags: Vec<pb::Lag>) -> Option<History> {
    let silent = order.is_empty() && group.is_empty() && lags.is_empty();
    let lags = lags.into_iter().map(|lag| Lag { column: lag.column, rows: lag.rows }).collect();
    (!silent).then(|| History { order, group: Some(group).filter(|group| !group.is_empty()), lags })
}

fn feature(asked: pb::Feature) -> Result<Feature, FieldError> {
    let kind = match asked.kind() {
        pb::FeatureKind::Number => FeatureKind::Number,
        pb::FeatureKind::Category => FeatureKind::Category,
        pb::FeatureKind::Unspecified => {
            return Err(FieldError::new("kind", "say whether it is a number or a category"));
        }
    };
    let missing = match (asked.missing(), kind) {
        (pb::MissingRule::Mean, _) | (pb::MissingRule::Unspecified, FeatureKind::Number) => MissingRule::Mean,
        (pb::MissingRule::Unknown, _) | (pb::MissingRule::Unspecified, FeatureKind::Category) => MissingRule::Unknown,
        (pb::MissingRule::Median, _) => MissingRule::Median,
        (pb::MissingRule::Constant, _) => MissingRule::Constant(asked.missing_constant),
        (pb::MissingRule::MostFrequent, _) => MissingRule::MostFrequent,
        (pb::MissingRule::Reject, _) => MissingRule::Reject,
    };
    if asked.missing_constant != 0.0 && !matches!(missing, MissingRule::Constant(_)) {
        return Err(FieldError::new("missing_constant", "only the rule constant has one"));
    }
    let transform = match asked.transform.and_then(|asked| asked.transform) {
        None => Transform::None,
        Some(Kind::Standardize(_)) => Transform::Standardize,
        Some(Kind::OneHot(_)) => Transform::OneHot,
        Some(Kind::Clip(limits)) => Transform::Clip { low: limits.low, high: limits.high },
        Some(Kind::Log(_)) => Transform::Log,
        // Too many for a byte are too many anyway.
        Some(Kind::Buckets(asked)) => Transform::Buckets { count: u8::try_from(asked.count).unwrap_or(u8::MAX) },
        Some(Kind::DateParts(_)) => Transform::DateParts,
        Some(Kind::Ratio(asked)) => Transform::Ratio { over: asked.over },
    };
    let name = if asked.name.is_empty() { asked.source.clone() } else { asked.name };
    Ok(Feature { name, source: asked.source, kind, missing, transform })
}

/// A set under its name.
pub(super) fn named(features: NamedFeatures) -> Result<pb::FeatureSet, Status> {
    let NamedFeatures { model, set, actor, create_time } = features;
    let digest = set
        .digest()
        .map_err(|error| status::from_error(TrainerError::Store(lineal_db::StoreError::Backend(error.into()))))?;
    Ok(pb::FeatureSet {
        model: model.to_string(),
        name: set.version.clone(),
        digest: digest.to_string(),
        actor,
        create_time: Some(timestamp(create_time)),
        ..declared(&set)
    })
}

/// What a set declares, without its names.
pub(super) fn declared(set: &FeatureSet) -> pb::FeatureSet {
    let (order_column, group_column, lags) = match set.history.clone() {
        Some(History { order, group, lags }) => (order, group.unwrap_or_default(), lags),
        None => Default::default(),
    };
    pb::FeatureSet {
        features: set.features.iter().cloned().map(told).collect(),
        order_column,
        group_column,
        lags: lags.into_iter().map(|lag| pb::Lag { column: lag.column, rows: lag.rows }).collect(),
        ..pb::FeatureSet::default()
    }
}

fn told(feature: Feature) -> pb::Feature {
    let kind = match feature.kind {
        FeatureKind::Number => pb::FeatureKind::Number,
        FeatureKind::Category => pb::FeatureKind::Category,
    };
    let (missing, missing_constant) = match feature.missing {
        MissingRule::Mean => (pb::MissingRule::Mean, 0.0),
        MissingRule::Median => (pb::MissingRule::Median, 0.0),
        MissingRule::Constant(value) => (pb::MissingRule::Constant, value),
        MissingRule::MostFrequent => (pb::MissingRule::MostFrequent, 0.0),
        MissingRule::Unknown => (pb::MissingRule::Unknown, 0.0),
        MissingRule::Reject => (pb::MissingRule::Reject, 0.0),
    };
    let transform = match feature.transform {
        Transform::None => None,
        Transform::Standardize => Some(Kind::Standardize(pb::StandardizeTransform {})),
        Transform::OneHot => Some(Kind::OneHot(pb::OneHotTransform {})),
        Transform::Clip { low, high } => Some(Kind::Clip(pb::ClipTransform { low, high })),
        Transform::Log => Some(Kind::Log(pb::LogTransform {})),
        Transform::Buckets { count } => Some(Kind::Buckets(pb::BucketsTransform { count: count.into() })),
        Transform::DateParts => Some(Kind::DateParts(pb::DatePartsTransform {})),
        Transform::Ratio { over } => Some(Kind::Ratio(pb::RatioTransform { over })),
    };
    pb::Feature {
        name: feature.name,
        source: feature.source,
        kind: kind.into(),
        missing: missing.into(),
        missing_constant,
        transform: transform.map(|transform| pb::FeatureTransform { transform: Some(transform) }),
    }
}
