//! Feature sets that are created by name, and which of them a job uses.

use lineal_data::{FeatureSet, SplitRule};
use lineal_kernel::{Caller, FieldErrors, ModelName, Name, PageRequest};

use super::{App, failure::StepError, steps::version_name};
use crate::domain::{
    CreateFeatures, DEFAULT_FRACTION, Definition as _, JobSpec, Method, NamedFeatures, SplitDefinition, TrainerError,
    check_history, named_rule,
};

impl App {
    /// Gives features their name for ever.
    pub(crate) async fn create_feature_set(
        &self,
        caller: &Caller,
        wish: CreateFeatures,
    ) -> Result<NamedFeatures, TrainerError> {
        let (model, set) = (wish.model.clone(), wish.set.clone());
        let features = NamedFeatures { model, set, actor: caller.actor.clone(), create_time: self.clock.now() };
        let known = self.store.create_feature_set(&features).await?;
        wish.agrees(&known)?;
        Ok(known)
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
        // What is inferred, or the champion's of a model for which nobody created features, is looked at when the job runs.
        let defaults = match (strict, &spec.feature_version, &spec.split_version) {
            (false, None, _) => return Ok(()),
            (false, ..) | (true, Some(_), Some(_)) => None,
            (true, ..) => {
                let defaults = self.registry.defaults(&spec.model, &spec.slot).await.map_err(StepError::from);
                defaults.map_err(StepError::told)?
            }
        };
        let name = version_name(spec.feature_version.as_ref(), defaults.as_ref().map(|known| &known.features));
        let name = name.map_err(FieldErrors::from)?;
        let Some(set) = self.known::<FeatureSet>(spec, &name).await? else {
            let missing = TrainerError::FeatureSetNotFound { model: spec.model.clone(), name };
            return if strict { Err(missing) } else { Ok(()) };
        };
        set.agrees(name.as_str(), spec)?;
        if set.history.is_some() {
            let split = version_name(spec.split_version.as_ref(), defaults.as_ref().map(|known| &known.split));
            let split = split.map_err(FieldErrors::from)?;
            check_history(&set, &self.rule_of(spec, &split).await?, spec).map_err(FieldErrors::from)?;
        }
        Ok(())
    }

    /// How a split version cuts, or will when a job first uses it.
    async fn rule_of(&self, spec: &JobSpec, name: &Name) -> Result<SplitRule, TrainerError> {
        if let Some(used) = self.known::<SplitDefinition>(spec, name).await? {
            return Ok(used.rule(name));
        }
        let created = self.split_rule(&spec.dataset, name).await?;
        Ok(created.unwrap_or_else(|| named_rule(name, spec.reference_fraction.unwrap_or(DEFAULT_FRACTION))))
    }
}
