//! Definitions: what the version names of a recipe mean. A name, once used, keeps its meaning.

use lineal_data::SplitRule;
use lineal_kernel::{Digest, Name};
use lineal_models::Hyperparameters;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::JobSpec;

/// The three parts of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum DefinitionKind {
    /// How rows are cut; belongs to a dataset.
    Split,
    /// Which features are computed; belongs to a model.
    Features,
    /// Family and hyperparameters; belongs to a model.
    Model,
}

impl DefinitionKind {
    /// The stored word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Features => "features",
            Self::Model => "model",
        }
    }

    /// The field of a specification that names it.
    fn field(self) -> &'static str {
        match self {
            Self::Split => "split_version",
            Self::Features => "feature_version",
            Self::Model => "model_version",
        }
    }
}

/// A meaning that a name can have.
pub(crate) trait Definition: Serialize + DeserializeOwned + PartialEq + Send + Sync {
    /// Which part of a recipe it is.
    const KIND: DefinitionKind;

    /// The dataset or model the name belongs to, for a job of `spec`.
    fn scope(spec: &JobSpec) -> &str;

    /// What `spec` asks for and this definition contradicts.
    fn difference(&self, spec: &JobSpec) -> Option<String>;

    /// The error for a job that uses this definition's `name` for something else.
    fn agrees(&self, name: &str, spec: &JobSpec) -> Result<(), DefinitionConflict> {
        let conflict = |difference| DefinitionConflict {
            kind: Self::KIND,
            scope: Self::scope(spec).to_owned(),
            name: name.to_owned(),
            difference,
        };
        self.difference(spec).map_or(Ok(()), |difference| Err(conflict(difference)))
    }
}

/// A name that already means something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} version `{name}` of `{scope}` {difference}; give another {} for another meaning", kind.as_str(), kind.field())]
pub(crate) struct DefinitionConflict {
    pub(crate) kind: DefinitionKind,
    pub(crate) scope: String,
    pub(crate) name: String,
    /// What it means and what was asked for.
    pub(crate) difference: String,
}

/// A split with the reference set it made once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SplitDefinition {
    pub(crate) reference_fraction: f64,
    /// Digest of the reference set's snapshot.
    pub(crate) reference: Digest,
    /// The rule that was created under the name, with the moments it cuts at; without one, whole rows decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<SplitRule>,
}

impl SplitDefinition {
    /// How rows are told apart under this `name`.
    pub(crate) fn rule(&self, name: &Name) -> SplitRule {
        self.rule.clone().unwrap_or_else(|| named_rule(name, self.reference_fraction))
    }
}

/// The rule of a split version that nobody created. Its name alone chooses the rows, so that a split can be repeated anywhere.
pub(crate) fn named_rule(name: &Name, reference_fraction: f64) -> SplitRule {
    SplitRule::rows(name.as_str(), SplitRule::seed_of(name.as_str()), reference_fraction)
}

impl Definition for SplitDefinition {
    const KIND: DefinitionKind = DefinitionKind::Split;

    fn scope(spec: &JobSpec) -> &str {
        spec.dataset.as_str()
    }

    fn difference(&self, spec: &JobSpec) -> Option<String> {
        other_fraction(self.reference_fraction, spec)
    }
}

/// What a job asks for that wants another share than the `known` one.
pub(super) fn other_fraction(known: f64, spec: &JobSpec) -> Option<String> {
    let asked = spec.reference_fraction?;
    // Bit for bit: this is the number that was stored, or it is another one.
    (asked.to_bits() != known.to_bits()).then(|| format!("has reference_fraction {known}, this job asks for {asked}"))
}

/// A family with its hyperparameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelDefinition {
    pub(crate) family: String,
    pub(crate) hyperparameters: Hyperparameters,
}

impl ModelDefinition {
    /// What `spec` asks for.
    pub(crate) fn of(spec: &JobSpec) -> Self {
        Self { family: spec.family.clone(), hyperparameters: spec.hyperparameters.clone() }
    }
}

impl Definition for ModelDefinition {
    const KIND: DefinitionKind = DefinitionKind::Model;

    fn scope(spec: &JobSpec) -> &str {
        spec.model.as_str()
    }

    fn difference(&self, spec: &JobSpec) -> Option<String> {
        if self.family != spec.family {
            return Some(format!("is of family {}, this job asks for {}", self.family, spec.family));
        }
        if self.hyperparameters == spec.hyperparameters {
            return None;
        }
        let pairs = self.hyperparameters.iter().zip(spec.hyperparameters.iter());
        let (known, asked) = pairs.into_iter().find(|(known, asked)| known != asked)?;
        let text = |(name, value): (&str, &lineal_models::Value)| {
            format!("{name} {}", serde_json::to_string(value).unwrap_or_default())
        };
        Some(format!("has {}, this job asks for {}", text(known), text(asked)))
    }
}
