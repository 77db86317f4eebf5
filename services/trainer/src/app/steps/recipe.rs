//! Which versions of split, features and model a training uses, and the run that says so.

use std::collections::BTreeMap;

use lineal_kernel::{FieldError, Name};

use super::{Execution, StepError};
use crate::{
    domain::{Definition as _, ModelDefinition},
    registry::{Defaults, NewRun, RegistryError, RunEnd},
};

/// What a split or feature version is called when nobody says.
const FIRST: &str = "v1";

/// The resolved recipe of one training.
pub(super) struct Recipe {
    pub(super) split: Name,
    pub(super) features: Name,
    pub(super) model: Name,
    /// The champion now; 0 for none.
    pub(super) parent: u64,
    pub(super) run_id: String,
}

/// A split or feature version: as `given`, else the champion's `default`, else the first one.
pub(in crate::app) fn version_name(given: Option<&Name>, default: Option<&String>) -> Result<Name, FieldError> {
    match (given, default) {
        (Some(given), _) => Ok(given.clone()),
        (None, Some(default)) if !default.is_empty() => Name::new(default),
        (None, _) => Name::new(FIRST),
    }
}

impl Execution<'_> {
    /// Opens the run and resolves the recipe: as given, else as the slot's champion has it, else by default.
    pub(super) async fn recipe(&mut self) -> Result<Recipe, StepError> {
        let run_id = self.open_run().await?;
        let (model, slot) = (&self.spec().model, &self.spec().slot);
        let defaults = self.app.registry.defaults(model, slot).await?;
        let parent = self.app.registry.champion(model, slot).await?;
        let split = version_name(self.spec().split_version.as_ref(), defaults.as_ref().map(|known| &known.split))?;
        let features =
            version_name(self.spec().feature_version.as_ref(), defaults.as_ref().map(|known| &known.features))?;
        let model = self.model_version(defaults.as_ref()).await?;
        Ok(Recipe { split, features, model, parent, run_id })
    }

    /// The name of family and hyperparameters: as given, the champion's if it means the same, else made of them.
    async fn model_version(&self, defaults: Option<&Defaults>) -> Result<Name, StepError> {
        let (app, spec) = (self.app, self.spec());
        let meaning = ModelDefinition::of(spec);
        let champions = defaults.and_then(|defaults| Name::new(&defaults.model).ok());
        let name = match (&spec.model_version, champions) {
            (Some(given), _) => given.clone(),
            (None, Some(name)) if app.known(spec, &name).await?.as_ref() == Some(&meaning) => name,
            (None, _) => Name::new(&format!("{}-{}", spec.family, spec.hyperparameters.digest()?.short()))?,
        };
        app.define(spec, &name, &meaning).await?.agrees(name.as_str(), spec)?;
        Ok(name)
    }

    /// The job's run goes on, unless an attempt that made no version has logged to it: what that one did is not what this one does. Its
    /// run is closed then, and this attempt gets one of its own, the same however often this is repeated.
    async fn open_run(&mut self) -> Result<String, StepError> {
        let registry = &self.app.registry;
        let mut request_id = format!("{}:run", self.job().id);
        if let Some(earlier) = &self.job().run_id {
            match registry.run(earlier).await {
                Ok(log) if log.parameters.is_empty() => return Ok(earlier.clone()),
                Ok(_) => match registry.finish_run(earlier, &RunEnd::Killed).await {
                    Err(RegistryError::Refused { message }) => {
                        tracing::warn!(message, run_id = earlier, "the run of an earlier attempt cannot be closed");
                    }
                    answer => answer?,
                },
                Err(RegistryError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            request_id = format!("{request_id}:{earlier}");
        }
        let run_id = registry.create_run(&self.new_run(request_id)).await?;
        self.opened(run_id.clone()).await?;
        Ok(run_id)
    }

    fn new_run(&self, request_id: String) -> NewRun {
        let (job, spec) = (self.job(), self.spec());
        let mut tags: BTreeMap<String, String> = spec.tags.clone();
        tags.insert("job_id".to_owned(), job.id.to_string());
        tags.insert("actor".to_owned(), job.actor.clone());
        if !spec.git_sha.is_empty() {
            tags.insert("git_sha".to_owned(), spec.git_sha.clone());
        }
        NewRun { model: spec.model.clone(), experiment: spec.experiment.clone(), tags, request_id }
    }
}
