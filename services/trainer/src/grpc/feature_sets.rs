//! `FeatureSetService`.

use async_trait::async_trait;
use lineal_data::{Feature, FeatureKind, FeatureSet, History, Lag, MissingRule, Transform};
use lineal_kernel::{FieldError, FieldErrors, ModelName, Name, PageRequest, PageToken};
use lineal_proto::lineal::trainer::v1::{
    self as pb, feature_set_service_server::FeatureSetService, feature_transform::Transform as Kind,
};
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{TrainerGrpc, status};
use crate::domain::{CreateFeatures, NamedFeatures, TrainerError};

#[async_trait]
impl FeatureSetService for TrainerGrpc {
    async fn create_feature_set(
        &self,
        request: Request<pb::CreateFeatureSetRequest>,
    ) -> Result<Response<pb::CreateFeatureSetResponse>, Status> {
        let caller = caller_of(&request);
        let wish = wish(request.into_inner().feature_set.unwrap_or_default()).map_err(status::invalid)?;
        let created = self.app.create_feature_set(&caller, wish).await.map_err(status::from_error)?;
        Ok(Response::new(pb::CreateFeatureSetResponse { feature_set: Some(feature_set(created)?) }))
    }

    async fn get_feature_set(
        &self,
        request: Request<pb::GetFeatureSetRequest>,
    ) -> Result<Response<pb::GetFeatureSetResponse>, Status> {
        let request = request.into_inner();
        let model = model(&request.model)?;
        let name = Name::new(&request.name).map_err(|error| status::invalid(error.under("name").into()))?;
        let found = self.app.feature_set(&model, &name).await.map_err(status::from_error)?;
        Ok(Response::new(pb::GetFeatureSetResponse { feature_set: Some(feature_set(found)?) }))
    }

    async fn list_feature_sets(
        &self,
        request: Request<pb::ListFeatureSetsRequest>,
    ) -> Result<Response<pb::ListFeatureSetsResponse>, Status> {
        let request = request.into_inner();
        let model = model(&request.model)?;
        let query = format!("feature sets\n{model}");
        let page = PageRequest::new(request.page_size, &request.page_token, &query);
        let page = page.map_err(|error| status::invalid(error.into()))?;
        let (sets, next) = self.app.feature_sets(&model, &page).await.map_err(status::from_error)?;
        let next_page_token = next.map(|name| PageToken::seal(&name, &query)).unwrap_or_default();
        let feature_sets = sets.into_iter().map(feature_set).collect::<Result<_, _>>()?;
        Ok(Response::new(pb::ListFeatureSetsResponse { feature_sets, next_page_token }))
    }
}

fn model(text: &str) -> Result<ModelName, Status> {
    ModelName::new(text).map_err(|error| status::invalid(error.under("model").into()))
}

fn wish(asked: pb::FeatureSet) -> Result<CreateFeatures, FieldErrors> {
    let mut errors = FieldErrors::default();
    let mut features = Vec::with_capacity(asked.features.len());
    for (i, given) in asked.features.into_iter().enumerate() {
        let read = feature(given).map_err(|error| error.under(&format!("feature_set.features[{i}]")));
        features.extend(errors.check(read));
    }
    let history = history(asked.order_column, asked.group_column, asked.lags);
    let checked = CreateFeatures::check(&asked.model, &asked.name, features, history);
    if errors.0.is_empty() {
        return checked;
    }
    // What is wrong with the features that could be read is told once all can: their places have moved.
    let others = checked.err().into_iter().flat_map(|more| more.0);
    errors.0.extend(others.filter(|error| !error.path.starts_with("feature_set.features")));
    Err(errors)
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

fn feature_set(features: NamedFeatures) -> Result<pb::FeatureSet, Status> {
    let NamedFeatures { model, set, actor, create_time } = features;
    let digest = set
        .digest()
        .map_err(|error| status::from_error(TrainerError::Store(lineal_db::StoreError::Backend(error.into()))))?;
    let FeatureSet { version: name, features, history } = set;
    let (order_column, group_column, lags) = match history {
        Some(History { order, group, lags }) => (order, group.unwrap_or_default(), lags),
        None => Default::default(),
    };
    Ok(pb::FeatureSet {
        model: model.to_string(),
        name,
        features: features.into_iter().map(told).collect(),
        order_column,
        group_column,
        lags: lags.into_iter().map(|lag| pb::Lag { column: lag.column, rows: lag.rows }).collect(),
        digest: digest.to_string(),
        actor,
        create_time: Some(timestamp(create_time)),
    })
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
