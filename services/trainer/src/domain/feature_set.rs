//! Feature sets that are created by name.

use lineal_data::{Feature, FeatureSet, History, SplitKind, SplitRule};
use lineal_kernel::{FieldError, FieldErrors, ModelName, Name, Timestamp};

use super::{Definition, DefinitionConflict, DefinitionKind, JobSpec, method, spec::MAX_WORD};

const MAX_FEATURES: usize = 10_000;

/// What the features of a model's jobs are, under the name that is their version.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NamedFeatures {
    pub(crate) model: ModelName,
    pub(crate) set: FeatureSet,
    /// Empty for a set that a job inferred.
    pub(crate) actor: String,
    pub(crate) create_time: Timestamp,
}

/// The wish for a feature set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateFeatures {
    pub(crate) model: ModelName,
    pub(crate) name: Name,
    pub(crate) set: FeatureSet,
}

impl CreateFeatures {
    /// Checks all fields at once. The set is called `name`.
    pub(crate) fn check(
        model: &str,
        name: &str,
        features: Vec<Feature>,
        history: Option<History>,
    ) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let model = errors.check(ModelName::new(model).map_err(|error| error.under("feature_set.model")));
        let set = FeatureSet { version: name.to_owned(), features, history };
        let name = errors.check(Name::new(name).map_err(|error| error.under("feature_set.name")));
        errors.0.extend(feature_problems(&set).map(|error| error.under("feature_set")));
        errors.into_result(|| Some(Self { model: model?, name: name?, set }))
    }

    /// Refuses the wish if the name means other features already.
    pub(crate) fn agrees(&self, known: &NamedFeatures) -> Result<(), DefinitionConflict> {
        if known.set == self.set {
            return Ok(());
        }
        let difference = match known.actor.as_str() {
            "" => "has other features, which a job inferred from its columns",
            _ => "has other features",
        };
        Err(DefinitionConflict {
            kind: DefinitionKind::Features,
            scope: known.model.to_string(),
            name: self.name.to_string(),
            difference: difference.to_owned(),
        })
    }
}

/// What is wrong with the features of `set`, each with its path in the set.
pub(super) fn feature_problems(set: &FeatureSet) -> impl Iterator<Item = FieldError> {
    let mut errors = Vec::new();
    if set.features.is_empty() || set.features.len() > MAX_FEATURES {
        errors.push(FieldError::new("features", format!("1 to {MAX_FEATURES} features")));
        return errors.into_iter();
    }
    for (i, feature) in set.features.iter().enumerate() {
        for (field, text) in [("name", &feature.name), ("source", &feature.source)] {
            if text.is_empty() || text.len() > MAX_WORD {
                errors.push(FieldError::new(format!("features[{i}].{field}"), format!("1 to {MAX_WORD} bytes")));
            }
        }
    }
    for (i, problem) in set.problems() {
        // A problem of one field begins with its name.
        let (path, problem) = match problem.split_once(": ") {
            Some((field, problem)) => (format!("features[{i}].{field}"), problem),
            None => (format!("features[{i}]"), problem),
        };
        errors.push(FieldError::new(path, problem));
    }
    errors.extend(set.history_problems().into_iter().map(|(field, problem)| FieldError::new(field, problem)));
    errors.into_iter()
}

/// Why a job of `spec` cannot use the features that a graph declares for it.
pub(crate) fn unfit(set: &FeatureSet, spec: &JobSpec) -> Option<String> {
    let name = &set.version;
    if method::is_member(&spec.family) {
        let family = &spec.family;
        return Some(format!("`{family}` reads columns of its own, leave out the features `{name}` that are declared"));
    }
    set.difference(spec).map(|difference| format!("the feature set `{name}` {difference}"))
}

/// Refuses a split whose parts cannot tell the lags of `set`: one that puts a row and the one before it into different parts, or that
/// says that a label is known only later.
pub(crate) fn check_history(set: &FeatureSet, rule: &SplitRule, spec: &JobSpec) -> Result<(), FieldError> {
    let Some(History { order, group, lags }) = &set.history else { return Ok(()) };
    let (features, split, label) = (&set.version, &rule.version, &spec.label_column);
    let refuse = |problem: String| Err(FieldError::new("spec.split_version", problem));
    let fits = match &rule.kind {
        SplitKind::Time(cut) => cut.column == *order,
        SplitKind::Group(columns) => group.as_ref().is_some_and(|group| columns == std::slice::from_ref(group)),
        SplitKind::Row | SplitKind::Stratified(_) => false,
    };
    if !fits {
        let by_group = group.as_ref().map(|group| format!(", or by the group `{group}`")).unwrap_or_default();
        return refuse(format!(
            "features `{features}` look back in the order of `{order}`, and split `{split}` tears it apart; name one by time at \
             `{order}`{by_group}"
        ));
    }
    let horizon = rule.window.as_ref().map_or(0, |window| window.horizon_seconds);
    if horizon > 0 && lags.iter().any(|lag| lag.column == *label) {
        return refuse(format!(
            "features `{features}` look back at `{label}`, which split `{split}` says is known only {horizon} s after its row"
        ));
    }
    Ok(())
}

impl Definition for FeatureSet {
    const KIND: DefinitionKind = DefinitionKind::Features;

    fn scope(spec: &JobSpec) -> &str {
        spec.model.as_str()
    }

    fn difference(&self, spec: &JobSpec) -> Option<String> {
        let reads = |column: &String| self.features.iter().any(|feature| feature.sources().any(|read| read == column));
        if reads(&spec.label_column) {
            return Some(format!("reads the column `{}`, which this job predicts", spec.label_column));
        }
        if let Some(weight) = spec.weight_column.as_ref().filter(|column| reads(column)) {
            return Some(format!("reads the column `{weight}`, by which this job weighs rows"));
        }
        let excluded = spec.exclude_columns.iter().find(|column| reads(column))?;
        Some(format!("reads the column `{excluded}`, which this job excludes"))
    }
}
