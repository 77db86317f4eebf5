//! Between the contract's messages and the domain's types.

use std::{collections::BTreeMap, time::Duration};

use lineal_data::ResampleMethod;
use lineal_kernel::Timestamp;
use lineal_models::{Task, Value};
use lineal_proto::lineal::trainer::v1 as pb;

use crate::{
    domain::{
        Attempt, FailureReason, Job, JobEvent, JobSample, JobSpec, JobState, Resampling, Schedule, SourceFormat,
        SpecDraft, Step, Upstream,
    },
    values::{given, value},
};

pub(super) fn draft(spec: pb::JobSpec) -> SpecDraft {
    let source = spec.source.unwrap_or_default();
    let format = format(&source);
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
        pipeline_id: spec.pipeline_id,
        node_id: spec.node_id,
        task: given_task(pb::Task::try_from(spec.task).unwrap_or_default()),
        schedule: spec.schedule.map(schedule).unwrap_or_default(),
        resampling: spec.resampling.map(resampling),
        weight_column: spec.weight_column,
        stopping_fraction: spec.stopping_fraction,
        upstreams: spec.upstreams.into_iter().map(|upstream| (upstream.model, upstream.number)).collect(),
        use_settings: spec.use_settings,
        settings_digest: spec.settings_digest,
        classes: spec.classes,
    }
}

fn given_task(task: pb::Task) -> Option<Task> {
    match task {
        pb::Task::Unspecified => None,
        pb::Task::Binary => Some(Task::BinaryClassification),
        pb::Task::Multiclass => Some(Task::MulticlassClassification),
        pb::Task::Regression => Some(Task::Regression),
        pb::Task::Count => Some(Task::Count),
    }
}

pub(super) fn task(task: Task) -> pb::Task {
    match task {
        Task::BinaryClassification => pb::Task::Binary,
        Task::MulticlassClassification => pb::Task::Multiclass,
        Task::Regression => pb::Task::Regression,
        Task::Count => pb::Task::Count,
    }
}

/// How the file is written, if the caller says.
pub(super) fn format(source: &pb::DataSource) -> Option<SourceFormat> {
    file_format(source.format())
}

pub(super) fn file_format(format: pb::SourceFormat) -> Option<SourceFormat> {
    match format {
        pb::SourceFormat::Unspecified => None,
        pb::SourceFormat::Csv => Some(SourceFormat::Csv),
        pb::SourceFormat::Parquet => Some(SourceFormat::Parquet),
    }
}

pub(super) fn resampling(resampling: pb::Resampling) -> Resampling {
    let method = match resampling.method() {
        pb::ResampleMethod::Unspecified => None,
        pb::ResampleMethod::Over => Some(ResampleMethod::Over),
        pb::ResampleMethod::Under => Some(ResampleMethod::Under),
    };
    Resampling { method, seed: resampling.seed }
}

pub(super) fn resampled(resampling: Resampling) -> pb::Resampling {
    let method = match resampling.method {
        None => pb::ResampleMethod::Unspecified,
        Some(ResampleMethod::Over) => pb::ResampleMethod::Over,
        Some(ResampleMethod::Under) => pb::ResampleMethod::Under,
    };
    pb::Resampling { method: method.into(), seed: resampling.seed }
}

fn schedule(schedule: pb::JobSchedule) -> Schedule {
    Schedule {
        priority: schedule.priority,
        max_attempts: schedule.max_attempts,
        not_before: schedule.not_before_time.map(moment),
        start_by: schedule.start_by_time.map(moment),
        finish_by: schedule.finish_by_time.map(moment),
    }
}

/// To the microsecond; what lies beyond the range becomes its end.
pub(super) fn moment(time: pbjson_types::Timestamp) -> Timestamp {
    Timestamp::from_micros(time.seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.nanos) / 1000))
}

pub(super) fn length(duration: pbjson_types::Duration) -> Duration {
    let seconds = u64::try_from(duration.seconds);
    let nanos = u32::try_from(duration.nanos);
    match (seconds, nanos) {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Duration::new(seconds, nanos),
        _ => Duration::ZERO,
    }
}

pub(super) fn job(job: Job) -> pb::Job {
    let artifact_uri = job.version.map(|version| format!("models:/{}/{version}", job.spec.model)).unwrap_or_default();
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
        failure_reason: job.reason.map_or(pb::JobFailureReason::Unspecified, reason).into(),
        run_time: Some(lineal_rpc::timestamp(job.run_time)),
        artifact_uri,
        sample: job.sample.map(|JobSample { fraction, seed, source_rows }| pb::Sample { fraction, seed, source_rows }),
    }
}

pub(super) fn attempt(attempt: Attempt) -> pb::JobAttempt {
    pb::JobAttempt {
        number: attempt.number,
        worker: attempt.worker,
        start_time: Some(lineal_rpc::timestamp(attempt.start_time)),
        end_time: attempt.end_time.map(lineal_rpc::timestamp),
        state: state(attempt.state).into(),
        failure_reason: attempt.reason.map_or(pb::JobFailureReason::Unspecified, reason).into(),
        error: attempt.error,
    }
}

fn reason(reason: FailureReason) -> pb::JobFailureReason {
    match reason {
        FailureReason::Data => pb::JobFailureReason::Data,
        FailureReason::Specification => pb::JobFailureReason::Specification,
        FailureReason::Fit => pb::JobFailureReason::Fit,
        FailureReason::Panic => pb::JobFailureReason::Panic,
        FailureReason::Internal => pb::JobFailureReason::Internal,
        FailureReason::DeadlineExceeded => pb::JobFailureReason::DeadlineExceeded,
        FailureReason::RegistryRefused => pb::JobFailureReason::RegistryRefused,
        FailureReason::RegistryUnavailable => pb::JobFailureReason::RegistryUnavailable,
        FailureReason::StorageFull => pb::JobFailureReason::StorageFull,
        FailureReason::StoreUnavailable => pb::JobFailureReason::StoreUnavailable,
        FailureReason::WorkerLost => pb::JobFailureReason::WorkerLost,
        FailureReason::Untrusted => pb::JobFailureReason::Untrusted,
    }
}

fn spec(spec: JobSpec) -> pb::JobSpec {
    let source = pb::DataSource {
        dataset: spec.dataset.to_string(),
        digest: spec.source_digest.to_string(),
        format: written(spec.format).into(),
    };
    let (pipeline_id, node_id) = spec.node.map_or_else(Default::default, |key| (key.pipeline, key.node));
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
        pipeline_id,
        node_id,
        schedule: Some(scheduled(&spec.schedule)),
        task: spec.task.map_or(pb::Task::Unspecified, task).into(),
        weight_column: spec.weight_column.unwrap_or_default(),
        stopping_fraction: spec.stopping_fraction.unwrap_or(0.0),
        upstreams: spec.upstreams.into_iter().map(upstream).collect(),
        resampling: spec.resampling.map(resampled),
        use_settings: spec.settings.is_some(),
        settings_digest: spec.settings.map(|digest| digest.to_string()).unwrap_or_default(),
        classes: spec.classes,
    }
}

/// A specification as it was given, with its blanks.
pub(super) fn given_spec(draft: &SpecDraft) -> pb::JobSpec {
    let source = pb::DataSource {
        dataset: draft.dataset.clone(),
        digest: draft.source_digest.clone(),
        format: draft.format.map_or(pb::SourceFormat::Unspecified, written).into(),
    };
    pb::JobSpec {
        model: draft.model.clone(),
        slot: draft.slot.clone(),
        source: Some(source).filter(|source| *source != pb::DataSource::default()),
        label_column: draft.label_column.clone(),
        positive_class: draft.positive_class.clone(),
        exclude_columns: draft.exclude_columns.clone(),
        family: draft.family.clone(),
        hyperparameters: values(draft.hyperparameters.iter().map(|(name, value)| (name.as_str(), value))),
        split_version: draft.split_version.clone(),
        feature_version: draft.feature_version.clone(),
        model_version: draft.model_version.clone(),
        reference_fraction: draft.reference_fraction,
        seed: draft.seed,
        threshold: draft.threshold,
        experiment: draft.experiment.clone(),
        description: draft.description.clone(),
        tags: draft.tags.clone(),
        git_sha: draft.git_sha.clone(),
        max_runtime: draft.max_runtime.map(lineal_rpc::duration),
        pipeline_id: draft.pipeline_id.clone(),
        node_id: draft.node_id.clone(),
        schedule: (draft.schedule != Schedule::default()).then(|| scheduled(&draft.schedule)),
        resampling: draft.resampling.map(resampled),
        task: draft.task.map_or(pb::Task::Unspecified, task).into(),
        weight_column: draft.weight_column.clone(),
        stopping_fraction: draft.stopping_fraction,
        upstreams: draft.upstreams.iter().cloned().map(|(model, number)| pb::Upstream { model, number }).collect(),
        use_settings: draft.use_settings,
        settings_digest: draft.settings_digest.clone(),
        classes: draft.classes.clone(),
    }
}

pub(super) fn written(format: SourceFormat) -> pb::SourceFormat {
    match format {
        SourceFormat::Csv => pb::SourceFormat::Csv,
        SourceFormat::Parquet => pb::SourceFormat::Parquet,
    }
}

fn scheduled(schedule: &Schedule) -> pb::JobSchedule {
    pb::JobSchedule {
        priority: schedule.priority,
        max_attempts: schedule.max_attempts,
        not_before_time: schedule.not_before.map(lineal_rpc::timestamp),
        start_by_time: schedule.start_by.map(lineal_rpc::timestamp),
        finish_by_time: schedule.finish_by.map(lineal_rpc::timestamp),
    }
}

fn upstream(upstream: Upstream) -> pb::Upstream {
    pb::Upstream { model: upstream.model.to_string(), number: upstream.number }
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
        JobState::Suspended => pb::JobState::Suspended,
        JobState::Succeeded => pb::JobState::Succeeded,
        JobState::Failed => pb::JobState::Failed,
        JobState::Cancelled => pb::JobState::Cancelled,
    }
}

fn values<'a>(values: impl Iterator<Item = (&'a str, &'a Value)>) -> BTreeMap<String, pbjson_types::Value> {
    values.map(|(name, given)| (name.to_owned(), value(given))).collect()
}
