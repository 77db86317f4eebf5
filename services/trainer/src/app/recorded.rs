//! How a version came to be, as its run, its lineage and its bundle tell.

use std::collections::BTreeMap;

use lineal_data::SplitRule;
use lineal_kernel::{FieldError, ModelName, Name};
use lineal_models::{Bundle, Manifest, Task};

use super::{App, failure::StepError};
use crate::{
    domain::{Facts, JobSpec, SourceFormat, SpecDraft, SplitDefinition, Stage, TrainerError, named_rule},
    registry::{KnownVersion, RegistryError, RunLog},
};

/// What hyperparameters and tests are called among the parameters of a run.
const HYPERPARAMETERS: &str = "hyperparameters.";
const TESTS: &str = "test.";

/// Everything that is needed to train a version again, and what that came to.
pub(super) struct Recorded {
    pub(super) version: KnownVersion,
    log: RunLog,
    pub(super) bundle: Bundle,
    /// The job that made it, with its snapshot for a source.
    pub(super) spec: JobSpec,
    pub(super) rule: SplitRule,
}

impl App {
    /// Reads it all from the registry.
    pub(super) async fn recorded(&self, model: &ModelName, number: u64) -> Result<Recorded, TrainerError> {
        let version = match self.registry.version(model, number).await {
            Err(RegistryError::NotFound { .. }) => {
                return Err(TrainerError::VersionNotFound { model: model.clone(), number });
            }
            answer => answer.map_err(StepError::from),
        };
        let read = async {
            let version = version?;
            let log = self.registry.run(&version.run_id).await?;
            let bundle = self.bundle(model, number, version.digest).await?;
            let draft = draft(model, &version, &log.parameters, bundle.manifest())?;
            let spec = JobSpec::check(draft, self.families()).map_err(StepError::Unusable)?;
            let rule = self.rule(&spec, &log).await?;
            Ok(Recorded { version, log, bundle, spec, rule })
        };
        read.await.map_err(|error: StepError| match error {
            elsewhere if elsewhere.is_elsewhere() => elsewhere.told(),
            error => TrainerError::NotReproducible { model: model.clone(), number, problem: error.chain() },
        })
    }

    /// The rule of the split. Runs of the first releases only tell that it was created; then its name must be known here.
    async fn rule(&self, spec: &JobSpec, log: &RunLog) -> Result<SplitRule, StepError> {
        if let Some(rule) = log.parameters.get("split_rule") {
            return Ok(serde_json::from_str(rule)?);
        }
        let name = split(spec)?;
        if log.parameters.contains_key("split_digest") {
            let known = self.known::<SplitDefinition>(spec, &name).await?;
            return known.and_then(|known| known.rule).ok_or_else(|| missing("split_rule"));
        }
        let fraction = spec.reference_fraction.ok_or_else(|| missing("reference_fraction"))?;
        Ok(named_rule(&name, fraction))
    }
}

impl Recorded {
    /// The split version.
    pub(super) fn split(&self) -> Result<Name, StepError> {
        split(&self.spec)
    }

    /// The digests that were recorded of a step.
    pub(super) fn facts(&self, stage: Stage) -> Facts {
        let (version, manifest) = (&self.version, self.bundle.manifest());
        let mut facts = Self::packed(manifest, stage);
        match stage {
            Stage::Load => {
                facts.insert("snapshot".to_owned(), version.data);
                let upstreams = manifest.upstreams.iter();
                facts.extend(upstreams.map(|upstream| (format!("upstream {}", upstream.member), upstream.digest)));
            }
            Stage::Split => {
                let parts = self.log.datasets.iter().filter(|dataset| dataset.role != "source");
                facts.extend(parts.map(|part| (part.role.to_owned(), part.digest)));
                facts.insert("reference".to_owned(), version.reference);
                let tests = self.log.parameters.iter();
                let tests = tests.filter_map(|(name, digest)| Some((name.strip_prefix(TESTS)?, digest.parse().ok()?)));
                facts.extend(tests.map(|(name, digest)| (format!("test {name}"), digest)));
            }
            Stage::Features | Stage::Fit => {
                // What the version's lineage says counts, not what its bundle repeats.
                for (subject, digest) in
                    [("feature set", version.features), ("hyperparameters", version.hyperparameters)]
                {
                    facts.entry(subject.to_owned()).and_modify(|known| *known = digest);
                }
            }
            Stage::Bundle => drop(facts.insert("bundle".to_owned(), version.digest)),
        }
        facts
    }

    /// What a manifest says of a step. The columns of a member belong to its fit.
    pub(super) fn packed(manifest: &Manifest, stage: Stage) -> Facts {
        let stage_of = |file: &str| match file {
            "features.json" => Stage::Features,
            "golden.json" => Stage::Bundle,
            _ => Stage::Fit,
        };
        let columns = if manifest.is_member() { Stage::Fit } else { Stage::Features };
        let files = manifest.files.iter().map(|(file, entry)| (stage_of(file), file.clone(), entry.digest));
        let others = [
            (columns, "feature set".to_owned(), manifest.feature_set),
            (Stage::Fit, "hyperparameters".to_owned(), manifest.hyperparameters),
        ];
        let all = files.chain(others).filter(|(of, ..)| *of == stage);
        all.map(|(_, subject, digest)| (subject, digest)).collect()
    }
}

/// The specification of a job that does the same, as the run's parameters have it.
fn draft(
    model: &ModelName,
    version: &KnownVersion,
    parameters: &BTreeMap<String, String>,
    manifest: &Manifest,
) -> Result<SpecDraft, StepError> {
    let text = |name: &'static str| parameters.get(name).cloned().ok_or_else(|| missing(name));
    let hyperparameters = parameters.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix(HYPERPARAMETERS)?.to_owned();
        Some(serde_json::from_str(value).map(|value| (name, value)))
    });
    let task = text("task")?;
    let task = Task::ALL.into_iter().find(|known| known.name() == task).ok_or_else(|| unreadable("task"))?;
    let stopping = parameters.get("stopping_fraction").map(|_| number("stopping_fraction", parameters)).transpose()?;
    let upstreams = version.upstreams.iter();
    let settings_digest = parameters.get("settings_digest").cloned().unwrap_or_default();
    Ok(SpecDraft {
        model: model.to_string(),
        dataset: version.dataset.clone(),
        source_digest: version.data.to_string(),
        format: Some(SourceFormat::Parquet),
        label_column: text("label_column")?,
        // The first training may have chosen it itself.
        positive_class: manifest.label.positive.clone().unwrap_or_default(),
        family: text("family")?,
        hyperparameters: hyperparameters.collect::<Result<_, _>>()?,
        split_version: text("split_version")?,
        feature_version: text("feature_version")?,
        model_version: text("model_version")?,
        reference_fraction: number("reference_fraction", parameters)?,
        seed: number("seed", parameters)?,
        threshold: number("threshold", parameters)?,
        task: Some(task),
        weight_column: parameters.get("weight_column").cloned().unwrap_or_default(),
        stopping_fraction: stopping.unwrap_or_default(),
        resampling: parameters.get("resampling").map(|text| text.parse()).transpose()?,
        upstreams: upstreams.map(|upstream| (upstream.model.to_string(), upstream.number)).collect(),
        use_settings: !settings_digest.is_empty(),
        settings_digest,
        ..SpecDraft::default()
    })
}

fn number<T: std::str::FromStr>(name: &'static str, parameters: &BTreeMap<String, String>) -> Result<T, StepError> {
    let text = parameters.get(name).ok_or_else(|| missing(name))?;
    text.parse().map_err(|_| unreadable(name))
}

fn split(spec: &JobSpec) -> Result<Name, StepError> {
    spec.split_version.clone().ok_or_else(|| missing("split_version"))
}

fn missing(name: &str) -> StepError {
    FieldError::new(name, "its run has no such parameter").into()
}

fn unreadable(name: &str) -> StepError {
    FieldError::new(name, "its run has a value that cannot be read").into()
}
