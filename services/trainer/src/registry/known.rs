//! What the registry tells of settings, versions and runs.

use lineal_kernel::{ModelName, Name};
use lineal_models::Task;
use lineal_proto::lineal::registry::v1 as pb;

use super::{KnownVersion, ROLES, RunDataset, RunLog};
use crate::{
    domain::{ModelSettings, SpecDraft, Upstream},
    values::given,
};

/// The settings, if everything is there that the registry promises, in words of this release.
pub(super) fn settings(settings: pb::Settings) -> Option<ModelSettings> {
    let said = settings.training?;
    let task = if said.task.is_empty() { None } else { Some(Task::of_word(&said.task)?) };
    let defaults = SpecDraft {
        dataset: said.dataset,
        label_column: said.label_column,
        classes: said.classes,
        positive_class: said.positive_class,
        exclude_columns: said.exclude_columns,
        weight_column: said.weight_column,
        split_version: said.split_version,
        reference_fraction: said.reference_fraction,
        feature_version: said.feature_version,
        family: said.family,
        task,
        hyperparameters: said.hyperparameters.into_iter().map(|(name, value)| (name, given(value))).collect(),
        seed: said.seed,
        threshold: said.threshold,
        stopping_fraction: said.stopping_fraction,
        ..SpecDraft::default()
    };
    Some(ModelSettings { digest: settings.digest.parse().ok()?, defaults })
}

/// The version, if everything is there that the registry promises.
pub(super) fn version(version: pb::Version) -> Option<KnownVersion> {
    let whole = version.check.as_ref().is_none_or(|check| check.problem.is_empty());
    let sound = version.state() != pb::VersionState::Failed && version.taint.is_none() && whole;
    let lineage = version.lineage?;
    let upstream = |reference: pb::VersionReference| {
        Some(Upstream { model: ModelName::new(&reference.model).ok()?, number: reference.number })
    };
    Some(KnownVersion {
        sound,
        digest: version.digest.parse().ok()?,
        data: lineage.data_digest.parse().ok()?,
        reference: lineage.reference_digest.parse().ok()?,
        features: lineage.feature_digest.parse().ok()?,
        hyperparameters: lineage.hyperparameters_digest.parse().ok()?,
        run_id: lineage.run_id,
        dataset: lineage.dataset,
        environment: lineage.environment,
        upstreams: version.upstreams.into_iter().map(upstream).collect::<Option<_>>()?,
    })
}

/// What was logged. Datasets of other roles, or without a digest of ours, are not a training's.
pub(super) fn run(run: pb::Run) -> RunLog {
    let dataset = |dataset: pb::DatasetReference| {
        Some(RunDataset {
            name: Name::new(&dataset.name).ok()?,
            role: ROLES.into_iter().find(|role| *role == dataset.role)?,
            digest: dataset.digest.parse().ok()?,
            rows: dataset.rows,
        })
    };
    RunLog {
        parameters: run.parameters,
        metrics: run.metrics,
        tags: run.tags,
        datasets: run.datasets.into_iter().filter_map(dataset).collect(),
    }
}
