//! What experiments, runs and metrics share on the wire.

use std::collections::BTreeMap;

use lineal_kernel::{FieldError, FieldErrors, Timestamp};
use lineal_proto::{lineal::registry::v1 as pb, pbjson_types};
use lineal_rpc::timestamp;

use super::fields::{self, checked};
use crate::domain::{
    experiment::{DEFAULT_EXPERIMENT, Stage},
    metric::MetricPoint,
    run::{DatasetReference, RunStatus, Source},
    search::Search,
};

const MAX_POINTS: usize = 1000;
const MAX_EXPERIMENTS: usize = 100;
/// The years 1 to 9999, as the wire's own type has them.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// The name of an experiment.
pub(super) fn experiment(name: String, path: &str) -> Result<String, FieldError> {
    if name.is_empty() || name.len() > 500 || name.chars().any(char::is_control) {
        return Err(FieldError::new(path, "a name has 1 to 500 bytes and no control characters"));
    }
    Ok(name)
}

/// The name of a run's experiment.
pub(super) fn experiment_or_default(name: String) -> Result<String, FieldError> {
    if name.is_empty() { Ok(DEFAULT_EXPERIMENT.to_owned()) } else { experiment(name, "experiment") }
}

/// The stage that a listing asks for.
pub(super) fn stage(stage: i32) -> Result<Option<Stage>, FieldError> {
    match pb::LifecycleStage::try_from(stage) {
        Ok(pb::LifecycleStage::Unspecified | pb::LifecycleStage::Active) => Ok(Some(Stage::Active)),
        Ok(pb::LifecycleStage::Deleted) => Ok(Some(Stage::Deleted)),
        Ok(pb::LifecycleStage::Any) => Ok(None),
        Err(_) => Err(FieldError::new("lifecycle_stage", "is ACTIVE, DELETED or ANY")),
    }
}

pub(super) fn stage_of(stage: Stage) -> pb::LifecycleStage {
    match stage {
        Stage::Active => pb::LifecycleStage::Active,
        Stage::Deleted => pb::LifecycleStage::Deleted,
    }
}

/// A moment, if one is given.
pub(super) fn moment(given: Option<pbjson_types::Timestamp>, path: &str) -> Result<Option<Timestamp>, FieldError> {
    let Some(given) = given else { return Ok(None) };
    if !SECONDS.contains(&given.seconds) || !(0..1_000_000_000).contains(&given.nanos) {
        return Err(FieldError::new(path, "is no moment between the years 1 and 9999"));
    }
    Ok(Some(Timestamp::from_micros(given.seconds * 1_000_000 + i64::from(given.nanos) / 1000)))
}

/// The measurements of a batch: values of `now` at step 0, then points of any step and time.
pub(super) fn points(
    metrics: BTreeMap<String, f64>,
    points: Vec<pb::MetricPoint>,
    now: Timestamp,
) -> Result<Vec<MetricPoint>, FieldErrors> {
    if metrics.len() + points.len() > MAX_POINTS {
        return Err(
            FieldError::new("points", format!("at most {MAX_POINTS} with `metrics`; send several batches")).into()
        );
    }
    let mut errors = FieldErrors::default();
    errors.check(fields::keys(&metrics, "metrics"));
    let mut known: Vec<_> =
        metrics.into_iter().map(|(key, value)| MetricPoint { key, value, step: 0, time: now }).collect();
    for (i, point) in points.into_iter().enumerate() {
        errors.check(fields::key(&point.key, &format!("points[{i}].key")));
        let time = errors.check(moment(point.timestamp, &format!("points[{i}].timestamp"))).flatten();
        known.push(MetricPoint { key: point.key, value: point.value, step: point.step, time: time.unwrap_or(now) });
    }
    errors.into_result(|| Some(known))
}

pub(super) fn point(point: MetricPoint) -> pb::MetricPoint {
    pb::MetricPoint { key: point.key, value: point.value, step: point.step, timestamp: Some(timestamp(point.time)) }
}

pub(super) fn source(source: Option<pb::RunSource>) -> Result<Source, FieldErrors> {
    let source = source.unwrap_or_default();
    checked!({
        name: fields::text(source.name, "source.name"),
        kind: fields::text(source.r#type, "source.type"),
        entry_point: fields::text(source.entry_point, "source.entry_point"),
        user: fields::text(source.user, "source.user"),
    } => Source { name, kind, entry_point, user })
}

pub(super) fn datasets(references: Vec<pb::DatasetReference>) -> Result<Vec<DatasetReference>, FieldErrors> {
    let mut errors = FieldErrors::default();
    let known = references.into_iter().enumerate().filter_map(|(i, reference)| {
        errors.check(dataset_in(reference).map_err(|error| error.under(&format!("datasets[{i}]"))))
    });
    let known = known.collect();
    errors.into_result(|| Some(known))
}

fn dataset_in(reference: pb::DatasetReference) -> Result<DatasetReference, FieldError> {
    let is_snapshot = !reference.digest.is_empty() || reference.foreign_digest.is_empty();
    Ok(DatasetReference {
        digest: is_snapshot.then(|| fields::digest(&reference.digest, "digest")).transpose()?,
        name: fields::text(reference.name, "name")?,
        role: fields::text(reference.role, "role")?,
        rows: reference.rows,
        foreign_digest: fields::text(reference.foreign_digest, "foreign_digest")?,
        source_type: fields::text(reference.source_type, "source_type")?,
        source: fields::text(reference.source, "source")?,
        schema: reference.schema,
        profile: reference.profile,
        tags: fields::words(reference.tags, "tags")?,
    })
}

pub(super) fn dataset(dataset: DatasetReference) -> pb::DatasetReference {
    pb::DatasetReference {
        name: dataset.name,
        role: dataset.role,
        digest: dataset.digest.map(|digest| digest.to_string()).unwrap_or_default(),
        rows: dataset.rows,
        foreign_digest: dataset.foreign_digest,
        source_type: dataset.source_type,
        source: dataset.source,
        schema: dataset.schema,
        profile: dataset.profile,
        tags: dataset.tags,
    }
}

pub(super) fn status_of(status: RunStatus) -> pb::RunStatus {
    match status {
        RunStatus::Scheduled => pb::RunStatus::Scheduled,
        RunStatus::Running => pb::RunStatus::Running,
        RunStatus::Finished => pb::RunStatus::Finished,
        RunStatus::Failed => pb::RunStatus::Failed,
        RunStatus::Killed => pb::RunStatus::Killed,
    }
}

/// A search without its page.
pub(super) fn search(message: pb::SearchRunsRequest) -> Result<Search, FieldErrors> {
    let filter = message.filter.parse().map_err(|error| FieldError::new("filter", format!("{error}")));
    let order = message.order_by.parse().map_err(|error| FieldError::new("order_by", format!("{error}")));
    let experiments = if message.experiment_ids.len() > MAX_EXPERIMENTS {
        Err(FieldError::new("experiment_ids", format!("at most {MAX_EXPERIMENTS}")))
    } else {
        Ok(message.experiment_ids)
    };
    checked!({
        experiments: experiments,
        statuses: statuses(&message.statuses),
        stage: stage(message.lifecycle_stage),
        filter: filter,
        order: order,
    } => Search { experiments, statuses, stage, filter, order })
}

fn statuses(wanted: &[i32]) -> Result<Vec<RunStatus>, FieldErrors> {
    let mut errors = FieldErrors::default();
    let mut known = Vec::new();
    for (i, status) in wanted.iter().enumerate() {
        let status = match pb::RunStatus::try_from(*status) {
            Ok(pb::RunStatus::Scheduled) => RunStatus::Scheduled,
            Ok(pb::RunStatus::Running) => RunStatus::Running,
            Ok(pb::RunStatus::Finished) => RunStatus::Finished,
            Ok(pb::RunStatus::Failed) => RunStatus::Failed,
            Ok(pb::RunStatus::Killed) => RunStatus::Killed,
            Ok(pb::RunStatus::Unspecified) | Err(_) => {
                errors.0.push(FieldError::new(
                    format!("statuses[{i}]"),
                    "is SCHEDULED, RUNNING, FINISHED, FAILED or KILLED",
                ));
                continue;
            }
        };
        if !known.contains(&status) {
            known.push(status);
        }
    }
    errors.into_result(|| Some(known))
}
