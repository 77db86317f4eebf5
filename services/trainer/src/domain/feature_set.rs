//! Feature sets that are created by name.

use lineal_data::{Feature, FeatureSet, History, SplitKind, SplitRule};
use lineal_kernel::{FieldError, FieldErrors, ModelName, Name, Timestamp};

use super::{Definition, DefinitionKind, JobSpec, spec::MAX_WORD};

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
        check_features(&set, &mut errors);
        errors.into_result(|| Some(Self { model: model?, name: name?, set }))
    }
}

fn check_features(set: &FeatureSet, errors: &mut FieldErrors) {
    if set.features.is_empty() || set.features.len() > MAX_FEATURES {
        errors.0.push(FieldError::new("feature_set.features", format!("1 to {MAX_FEATURES} features")));
        return;
    }
    for (i, feature) in set.features.iter().enumerate() {
        for (field, text) in [("name", &feature.name), ("source", &feature.source)] {
            if text.is_empty() || text.len() > MAX_WORD {
                let path = format!("feature_set.features[{i}].{field}");
                errors.0.push(FieldError::new(path, format!("1 to {MAX_WORD} bytes")));
            }
        }
    }
    for (i, problem) in set.problems() {
        // A problem of one field begins with its name.
        let (path, problem) = match problem.split_once(": ") {
            Some((field, problem)) => (format!("feature_set.features[{i}].{field}"), problem),
            None => (format!("feature_set.features[{i}]"), problem),
        };
        errors.0.push(FieldError::new(path, problem));
    }
    let history = set.history_problems().into_iter();
    errors.0.extend(history.map(|(field, problem)| FieldError::new(format!("feature_set.{field}"), problem)));
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
