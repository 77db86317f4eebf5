//! Feature sets that are created by name, and which of them a job uses.

use lineal_data::FeatureSet;
use lineal_kernel::{Caller, FieldErrors, ModelName, Name, PageRequest};

use super::{App, failure::StepError, steps::version_name};
use crate::domain::{
    CreateFeatures, Definition as _, DefinitionConflict, DefinitionKind, JobSpec, Method, NamedFeatures, TrainerError,
};

impl App {
    /// Gives features their name for ever.
    pub(crate) async fn create_feature_set(
        &self,
        caller: &Caller,
        wish: CreateFeatures,
    ) -> Result<NamedFeatures, TrainerError> {
        let CreateFeatures { model, name, set } = wish;
        let features = NamedFeatures { model, set, actor: caller.actor.clone(), create_time: self.clock.now() };
        let known = self.store.create_feature_set(&features).await?;
        if known.set == features.set {
            return Ok(known);
        }
        let difference = match known.actor.as_str() {
            "" => "has other features, which a job inferred from its columns",
            _ => "has other features",
        };
        Err(TrainerError::Definition(DefinitionConflict {
            kind: DefinitionKind::Features,
            scope: known.model.to_string(),
            name: name.to_string(),
            difference: difference.to_owned(),
        }))
    }

    /// One set, created or inferred.
    pub(crate) async fn feature_set(&self, model: &ModelName, name: &Name) -> Result<NamedFeatures, TrainerError> {
        let missing = || TrainerError::FeatureSetNotFound { model: model.clone(), name: name.clone() };
        self.store.feature_set(model, name).await?.ok_or_else(missing)
    }

    /// The sets of a model, and where the next page begins.
    pub(crate) async fn feature_sets(
        &self,
        model: &ModelName,
        page: &PageRequest,
    ) -> Result<(Vec<NamedFeatures>, Option<String>), TrainerError> {
        let after = page.after.as_deref().unwrap_or_default();
        let mut sets = self.store.feature_sets(model, after, page.size + 1).await?;
        let more = sets.len() > page.size as usize;
        sets.truncate(page.size as usize);
        let next = sets.last().filter(|_| more).map(|features| features.set.version.clone());
        Ok((sets, next))
    }

    /// Refuses a job that contradicts the features it names, or would use features that nobody created where somebody created some.
    pub(super) async fn check_features(&self, spec: &JobSpec) -> Result<(), TrainerError> {
        if !matches!(self.method(spec).map_err(StepError::told)?, Method::Model(_)) {
            return Ok(());
        }
        let strict = self.store.has_feature_sets(&spec.model).await?;
        let name = match &spec.feature_version {
            Some(name) => name.clone(),
            // What is inferred or the champion's is looked at when the job runs.
            None if !strict => return Ok(()),
            None => {
                let defaults = self.registry.defaults(&spec.model, &spec.slot).await.map_err(StepError::from);
                let defaults = defaults.map_err(StepError::told)?;
                version_name(None, defaults.as_ref().map(|known| &known.features)).map_err(FieldErrors::from)?
            }
        };
        match self.known::<FeatureSet>(spec, &name).await? {
            Some(set) => Ok(set.agrees(name.as_str(), spec)?),
            None if strict => Err(TrainerError::FeatureSetNotFound { model: spec.model.clone(), name }),
            None => Ok(()),
        }
    }
}
