//! Feature sets that a graph declares, for the models of its train nodes.

use lineal_data::FeatureSet;
use lineal_kernel::{FieldError, FieldErrors, ModelName, Name};

use super::{FeaturesNode, Graph, Task};
use crate::domain::{
    CreateFeatures, JobSpec, SpecDraft,
    feature_set::{feature_problems, unfit},
};

impl Graph {
    /// The wish for the feature set that is declared before a train node, which it has to have before its job is made.
    pub(crate) fn declared(&self, train: &str) -> Option<CreateFeatures> {
        let Task::Train(given) = self.task(train)? else { return None };
        let set = self.recipe(train).features?.feature_set.clone()?;
        Some(CreateFeatures { model: ModelName::new(&given.model).ok()?, name: Name::new(&set.version).ok()?, set })
    }

    /// That a job can use what is declared for it; `spec` is absent while something else is wrong with the job.
    pub(super) fn check_declared(&self, id: &str, given: &SpecDraft, spec: Option<&JobSpec>, errors: &mut FieldErrors) {
        let (name, set) = self.features_of(id);
        if let Some(problem) = set.zip(spec).and_then(|(set, spec)| unfit(set, spec)) {
            errors.0.push(FieldError::new("", problem));
        }
        // Each pair is told once, at the second of the two.
        let others = self.nodes().take_while(|(other, _)| *other != id);
        for (other, node) in others {
            let same = matches!(&node.task, Task::Train(known) if known.model == given.model);
            let (other_name, other_set) = self.features_of(other);
            if same && name == other_name && set != other_set {
                let problem = format!(
                    "its features `{name}` are declared otherwise for `{other}`, which trains `{}` too; choose another name or \
                     declare the same",
                    given.model
                );
                errors.0.push(FieldError::new("", problem));
            }
        }
    }

    /// What the features of a train node are called, and what they are if the graph says so.
    fn features_of(&self, train: &str) -> (&str, Option<&FeatureSet>) {
        let recipe = self.recipe(train);
        (recipe.feature_version(), recipe.features.and_then(|features| features.feature_set.as_ref()))
    }
}

/// A name, and a meaning that makes sense if one is given.
pub(super) fn check_features(features: &FeaturesNode, errors: &mut FieldErrors) {
    errors.check(Name::new(&features.version).map_err(|error| error.under("version")));
    let Some(set) = &features.feature_set else { return };
    errors.0.extend(feature_problems(set).map(|error| error.under("feature_set")));
    if !features.exclude_columns.is_empty() {
        let problem = "the feature set says which columns are read, leave this out";
        errors.0.push(FieldError::new("exclude_columns", problem));
    }
}
