//! Between the contract's messages and the domain's types.

use std::{collections::BTreeMap, time::Duration};

use lineal_kernel::{FieldError, FieldErrors, ModelName, PageRequest};
use lineal_models::{Family, Value};
use lineal_proto::lineal::trainer::v1 as pb;
use pbjson_types::value::Kind;

use crate::domain::{CreateJob, Job, JobEvent, JobFilter, JobSpec, JobState, SourceFormat, SpecDraft, Step};

/// The largest number up to which doubles are exact integers.
const EXACT: f64 = 9_007_199_254_740_992.0;

pub(super) fn create_job(
    request: pb::CreateJobRequest,
    families: &[&'static dyn Family],
) -> Result<CreateJob, FieldErrors> {
    CreateJob::check(draft(request.spec.unwrap_or_default()), &request.request_id, families)
}

fn draft(spec: pb::JobSpec) -> SpecDraft {
    let source = spec.source.unwrap_or_default();
    let format = match source.format() {
        pb::SourceFormat::Unspecified => None,
        pb::SourceFormat::Csv => Some(SourceFormat::Csv),
        pb::SourceFormat::Parquet => Some(SourceFormat::Parquet),
    };
    SpecDraft {
        model: spec.model,
        slot: spec.slot,
        dataset: source.dataset,
        source_digest: source.digest,
        format,
        label_column: spec.label_column,
        positive_class: spec.positive_class,
        exclude_columns: spec.exclude_columns,
        family: spec.family,
        hyperparameters: spec.hyperparameters.into_iter().map(|(name, value)| (name, given(value))).collect(),
        split_version: spec.split_version,
        feature_version: spec.feature_version,
        model_version: spec.model_version,
        reference_fraction: spec.reference_fraction,
        seed: spec.seed,
        threshold: spec.threshold,
        experiment: spec.experiment,
        description: spec.description,
        tags: spec.tags,
        git_sha: spec.git_sha,
        max_runtime: spec.max_runtime.map(length),
    }
}

/// Whole numbers come as doubles; what is no single value becomes NaN, which no hyperparameter takes.
fn given(value: pbjson_types::Value) -> Value {
    match value.kind {
        Some(Kind::BoolValue(value)) => Value::Boolean(value),
        Some(Kind::NumberValue(value)) if value.fract() == 0.0 && value.abs() <= EXACT => Value::Integer(value as i64),
        Some(Kind::NumberValue(value)) => Value::Float(value),
        Some(Kind::StringValue(value)) => Value::Text(value),
        Some(Kind::NullValue(_) | Kind::StructValue(_) | Kind::ListValue(_)) | None => Value::Float(f64::NAN),
    }
}

fn length(duration: pbjson_types::Duration) -> Duration {
    let seconds = u64::try_from(duration.seconds);
    let nanos = u32::try_from(duration.nanos);
    match (seconds, nanos) {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Duration::new(seconds, nanos),
        _ => Duration::ZERO,
    }
}

pub(super) fn list_jobs(request: &pb::ListJobsRequest) -> Result<(JobFilter, PageRequest), FieldErrors> {
    let mut errors = FieldErrors::default();
    let model = match request.model.as_str() {
        "" => Some(None),
        model => errors.check(ModelName::new(model).map(Some).map_err(|error| error.under("model"))),
    };
    let state = match pb::JobState::try_from(request.state) {
        Ok(state) => Some(wanted(state)),
        Err(_) => errors.check(Err(FieldError::new("state", "unknown, see JobState"))),
    };
    let page = errors.check(PageRequest::new(request.page_size, &request.page_token, &query_of(request)));
    let experiment = Some(request.experiment.clone()).filter(|experiment| !experiment.is_empty());
    errors.into_result(|| Some((JobFilter { model: model?, state: state?, experiment }, page?)))
}

/// What a page token of this listing belongs to.
pub(super) fn query_of(request: &pb::ListJobsRequest) -> String {
    format!("jobs\n{}\n{}\n{}", request.model, request.state, request.experiment)
}

fn wanted(state: pb::JobState) -> Option<JobState> {
    match state {
        pb::JobState::Unspecified => None,
        pb::JobState::Queued => Some(JobState::Queued),
        pb::JobState::Running => Some(JobState::Running),
        pb::JobState::Succeeded => Some(JobState::Succeeded),
        pb::JobState::Failed => Some(JobState::Failed),
        pb::JobState::Cancelled => Some(JobState::Cancelled),
    }
}

pub(super) fn job(job: Job) -> pb::Job {
    pb::Job {
        job_id: job.id.to_string(),
        state: state(job.state).into(),
        hyperparameters: values(job.spec.hyperparameters.iter()),
        spec: Some(spec(job.spec)),
        actor: job.actor,
        step: job.step.map_or("", Step::as_str).to_owned(),
        progress: job.progress,
        metrics: job.metrics,
        version: job.version.unwrap_or(0),
        digest: job.digest.map(|digest| digest.to_string()).unwrap_or_default(),
        run_id: job.run_id.unwrap_or_default(),
        error: job.error,
        attempt: job.attempt,
        create_time: Some(lineal_rpc::timestamp(job.create_time)),
        start_time: job.start_time.map(lineal_rpc::timestamp),
        end_time: job.end_time.map(lineal_rpc::timestamp),
        last_sequence: job.last_sequence,
    }
}

fn spec(spec: JobSpec) -> pb::JobSpec {
    let format = match spec.format {
        SourceFormat::Csv => pb::SourceFormat::Csv,
        SourceFormat::Parquet => pb::SourceFormat::Parquet,
    };
    let source = pb::DataSource {
        dataset: spec.dataset.to_string(),
        digest: spec.source_digest.to_string(),
        format: format.into(),
    };
    let name = |name: Option<lineal_kernel::Name>| name.map(|name| name.to_string()).unwrap_or_default();
    pb::JobSpec {
        model: spec.model.to_string(),
        slot: spec.slot.labels().clone(),
        source: Some(source),
        label_column: spec.label_column,
        positive_class: spec.positive_class.unwrap_or_default(),
        exclude_columns: spec.exclude_columns,
        family: spec.family,
        hyperparameters: values(spec.given.iter().map(|(name, value)| (name.as_str(), value))),
        split_version: name(spec.split_version),
        feature_version: name(spec.feature_version),
        model_version: name(spec.model_version),
        reference_fraction: spec.reference_fraction.unwrap_or(0.0),
        seed: spec.seed,
        threshold: spec.threshold,
        experiment: spec.experiment,
        description: spec.description,
        tags: spec.tags,
        git_sha: spec.git_sha,
        max_runtime: spec.max_runtime.map(lineal_rpc::duration),
    }
}

pub(super) fn event(event: JobEvent) -> pb::JobEvent {
    pb::JobEvent {
        sequence: event.sequence,
        create_time: Some(lineal_rpc::timestamp(event.create_time)),
        actor: event.actor,
        state: state(event.state).into(),
        step: event.step.map_or("", Step::as_str).to_owned(),
        progress: event.progress,
        metrics: event.metrics,
        message: event.message,
    }
}

fn state(state: JobState) -> pb::JobState {
    match state {
        JobState::Queued => pb::JobState::Queued,
        JobState::Running => pb::JobState::Running,
        JobState::Succeeded => pb::JobState::Succeeded,
        JobState::Failed => pb::JobState::Failed,
        JobState::Cancelled => pb::JobState::Cancelled,
    }
}

fn values<'a>(values: impl Iterator<Item = (&'a str, &'a Value)>) -> BTreeMap<String, pbjson_types::Value> {
    values.map(|(name, given)| (name.to_owned(), value(given))).collect()
}

pub(super) fn value(value: &Value) -> pbjson_types::Value {
    let kind = match value {
        Value::Boolean(value) => Kind::BoolValue(*value),
        Value::Integer(value) => Kind::NumberValue(*value as f64),
        Value::Float(value) => Kind::NumberValue(*value),
        Value::Text(value) => Kind::StringValue(value.clone()),
    };
    pbjson_types::Value { kind: Some(kind) }
}
