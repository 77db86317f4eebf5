//! Settings of models.

use lineal_kernel::{FieldError, FieldErrors, PageRequest};
use lineal_proto::{
    lineal::registry::v1 as pb,
    pbjson_types::{self, value::Kind},
};
use lineal_rpc::{caller_of, timestamp};
use lineal_settings::{Data, Scoring, Settings, SettingsFile, Task, Training, Validation, Value};
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
};
use crate::domain::settings::{Applied, ApplySettings, ModelSettings, Wanted};

#[tonic::async_trait]
impl pb::settings_service_server::SettingsService for Grpc {
    async fn apply_settings(
        &self,
        request: Request<pb::ApplySettingsRequest>,
    ) -> Result<Response<pb::ApplySettingsResponse>, Status> {
        let caller = caller_of(&request);
        let wish = apply_settings(request.into_inner()).map_err(bad_request)?;
        let (revision, created) = self.0.apply_settings(&caller, wish).await.map_err(from_error)?;
        Ok(Response::new(pb::ApplySettingsResponse { settings: Some(convert(revision)), created }))
    }

    async fn get_settings(
        &self,
        request: Request<pb::GetSettingsRequest>,
    ) -> Result<Response<pb::GetSettingsResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let (model, wanted) = checked!({
            model: fields::model(&message.model),
            wanted: wanted(message.revision, &message.digest),
        } => (model, wanted))
        .map_err(bad_request)?;
        let revision = self.0.settings(&caller, &model, wanted).await.map_err(from_error)?;
        Ok(Response::new(pb::GetSettingsResponse { settings: Some(convert(revision)) }))
    }

    async fn list_settings(
        &self,
        request: Request<pb::ListSettingsRequest>,
    ) -> Result<Response<pb::ListSettingsResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = format!("settings of {}", message.model);
        let (model, page) = checked!({
            model: fields::model(&message.model),
            page: PageRequest::new(message.page_size, &message.page_token, &query),
        } => (model, page))
        .map_err(bad_request)?;
        let found = self.0.settings_history(&caller, &model, &page).await.map_err(from_error)?;
        Ok(Response::new(pb::ListSettingsResponse {
            next_page_token: fields::next(found.next, &query),
            settings: found.items.into_iter().map(applied).collect(),
        }))
    }
}

fn apply_settings(message: pb::ApplySettingsRequest) -> Result<ApplySettings, FieldErrors> {
    let text = fields::text(message.text, "text")?;
    let etag = fields::etag(message.etag);
    checked!({
        file: SettingsFile::parse(&text).and_then(|file| named(file, &message.model)),
        request_id: fields::request_id(&message.request_id),
    } => ApplySettings { model: file.model, text, settings: file.settings, etag, request_id })
}

/// The file, if it is about the model that the caller means.
fn named(file: SettingsFile, model: &str) -> Result<SettingsFile, FieldErrors> {
    if model.is_empty() || model == file.model.as_str() {
        return Ok(file);
    }
    let problem = format!("the file is about `{}`, name that model or mend the file", file.model);
    Err(FieldError::new("model", problem).into())
}

fn wanted(revision: u64, digest: &str) -> Result<Wanted, FieldError> {
    match (revision, digest) {
        (0, "") => Ok(Wanted::Newest),
        (revision, "") => Ok(Wanted::Revision(revision)),
        (0, digest) => fields::digest(digest, "digest").map(Wanted::Digest),
        _ => Err(FieldError::new("digest", "comes without `revision`, or the other way round")),
    }
}

fn convert(found: ModelSettings) -> pb::Settings {
    let Settings { data, training, validation, scoring } = found.settings;
    pb::Settings {
        text: found.text,
        training: Some(learning(data, training)),
        validation: Some(judging(validation)),
        scoring: Some(predicting(scoring)),
        ..applied(found.applied)
    }
}

fn applied(applied: Applied) -> pb::Settings {
    pb::Settings {
        etag: applied.etag(),
        model: applied.model.to_string(),
        revision: applied.revision,
        digest: applied.digest.to_string(),
        actor: applied.actor,
        create_time: Some(timestamp(applied.created)),
        ..pb::Settings::default()
    }
}

fn learning(data: Data, training: Training) -> pb::TrainingSettings {
    let hyperparameters = training.hyperparameters.into_iter().map(|(name, given)| (name, value(given)));
    pb::TrainingSettings {
        dataset: data.dataset,
        label_column: data.label_column,
        classes: data.classes,
        positive_class: data.positive_class,
        exclude_columns: data.exclude_columns,
        weight_column: data.weight_column,
        split_version: data.split_version,
        reference_fraction: data.reference_fraction,
        feature_version: data.feature_version,
        family: training.family,
        task: training.task.map_or("", Task::word).to_owned(),
        hyperparameters: hyperparameters.collect(),
        seed: training.seed,
        threshold: training.threshold,
        stopping_fraction: training.stopping_fraction,
    }
}

fn judging(Validation { limits, comparison_metric, skip_comparison }: Validation) -> pb::ValidationSettings {
    pb::ValidationSettings { limits, comparison_metric, skip_comparison }
}

fn predicting(Scoring { output, key_columns, rows_per_part }: Scoring) -> pb::ScoringSettings {
    pb::ScoringSettings { output, key_columns, rows_per_part }
}

fn value(given: Value) -> pbjson_types::Value {
    let kind = match given {
        Value::Boolean(value) => Kind::BoolValue(value),
        Value::Integer(value) => Kind::NumberValue(value as f64),
        Value::Float(value) => Kind::NumberValue(value),
        Value::Text(value) => Kind::StringValue(value),
    };
    pbjson_types::Value { kind: Some(kind) }
}
