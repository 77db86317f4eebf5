//! What to train and how: as it was asked for, and checked.

use std::{collections::BTreeMap, time::Duration};

use lineal_kernel::{Digest, FieldError, FieldErrors, ModelName, Name, RequestId, Slot};
use lineal_models::{Family, Hyperparameters, Task, Value};
use serde::{Deserialize, Serialize};

use super::{
    NodeKey, Resampling, Schedule, Upstream, columns::check_columns, method, settings, tags::check_tags, text,
    upstream, words::check_words,
};

const DEFAULT_THRESHOLD: f64 = 0.5;
pub(super) const MAX_WORD: usize = 256;

/// How a source file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SourceFormat {
    Csv,
    Parquet,
}

/// A specification as it arrived: nothing is checked, empty texts and zeros mean "not given".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SpecDraft {
    pub(crate) model: String,
    pub(crate) slot: BTreeMap<String, String>,
    pub(crate) dataset: String,
    pub(crate) source_digest: String,
    pub(crate) format: Option<SourceFormat>,
    pub(crate) label_column: String,
    pub(crate) positive_class: String,
    pub(crate) exclude_columns: Vec<String>,
    pub(crate) family: String,
    /// What is no single value arrives as NaN, which no hyperparameter takes.
    pub(crate) hyperparameters: BTreeMap<String, Value>,
    pub(crate) split_version: String,
    pub(crate) feature_version: String,
    pub(crate) model_version: String,
    pub(crate) reference_fraction: f64,
    pub(crate) seed: u64,
    pub(crate) threshold: f64,
    pub(crate) experiment: String,
    pub(crate) description: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) git_sha: String,
    /// A negative time arrives as zero.
    pub(crate) max_runtime: Option<Duration>,
    pub(crate) pipeline_id: String,
    pub(crate) node_id: String,
    pub(crate) schedule: Schedule,
    pub(crate) task: Option<Task>,
    pub(crate) weight_column: String,
    pub(crate) stopping_fraction: f64,
    pub(crate) resampling: Option<Resampling>,
    /// Models with numbers, 0 for the champion.
    pub(crate) upstreams: Vec<(String, u64)>,
    /// Blanks are filled from the model's settings.
    pub(crate) use_settings: bool,
    pub(crate) settings_digest: String,
    pub(crate) classes: Vec<String>,
}

/// What to train and how, checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobSpec {
    #[serde(with = "text")]
    pub(crate) model: ModelName,
    #[serde(with = "text::slot")]
    pub(crate) slot: Slot,
    #[serde(with = "text")]
    pub(crate) dataset: Name,
    pub(crate) source_digest: Digest,
    pub(crate) format: SourceFormat,
    pub(crate) label_column: String,
    pub(crate) positive_class: Option<String>,
    pub(crate) exclude_columns: Vec<String>,
    pub(crate) family: String,
    /// As given.
    pub(crate) given: BTreeMap<String, Value>,
    /// Resolved: checked, blanks filled with defaults.
    pub(crate) hyperparameters: Hyperparameters,
    #[serde(with = "text::optional")]
    pub(crate) split_version: Option<Name>,
    #[serde(with = "text::optional")]
    pub(crate) feature_version: Option<Name>,
    #[serde(with = "text::optional")]
    pub(crate) model_version: Option<Name>,
    pub(crate) reference_fraction: Option<f64>,
    pub(crate) seed: u64,
    pub(crate) threshold: f64,
    pub(crate) experiment: String,
    pub(crate) description: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) git_sha: String,
    pub(crate) max_runtime: Option<Duration>,
    /// The node it works for.
    #[serde(default)]
    pub(crate) node: Option<NodeKey>,
    #[serde(default)]
    pub(crate) schedule: Schedule,
    /// What to predict; left to the labels and the family if nobody says.
    #[serde(default)]
    pub(crate) task: Option<Task>,
    /// How much each row counts.
    #[serde(default)]
    pub(crate) weight_column: Option<String>,
    /// The share of the training rows that say when to stop.
    #[serde(default)]
    pub(crate) stopping_fraction: Option<f64>,
    #[serde(default)]
    pub(crate) upstreams: Vec<Upstream>,
    #[serde(default)]
    pub(crate) resampling: Option<Resampling>,
    /// The settings that filled its blanks.
    #[serde(default)]
    pub(crate) settings: Option<Digest>,
    /// The label's values, if they are known.
    #[serde(default)]
    pub(crate) classes: Vec<String>,
}

/// The wish for a job.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateJob {
    pub(crate) spec: JobSpec,
    /// Although the node has an active job.
    pub(crate) rerun: bool,
    pub(crate) request_id: RequestId,
}

impl CreateJob {
    /// Checks all fields at once; `families` are those that can be trained. A fresh key is made if none was sent.
    pub(crate) fn check(
        draft: SpecDraft,
        rerun: bool,
        request_id: &str,
        families: &[&'static dyn Family],
    ) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let spec = JobSpec::check(draft, families);
        let spec = spec.map_err(|wrong| errors.0.extend(wrong.0.into_iter().map(|error| error.under("spec")))).ok();
        let request_id = match request_id {
            "" => Some(RequestId::random()),
            text => errors.check(RequestId::new(text).map_err(|error| error.under("request_id"))),
        };
        errors.into_result(|| Some(Self { spec: spec?, rerun, request_id: request_id? }))
    }
}

impl JobSpec {
    /// Checks all fields at once.
    pub(crate) fn check(draft: SpecDraft, families: &[&'static dyn Family]) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let at = |path: &'static str| move |error: FieldError| error.under(path);
        let model = errors.check(ModelName::new(&draft.model).map_err(at("model")));
        let slot = errors.check(Slot::new(draft.slot.clone()).map_err(at("slot")));
        let dataset = errors.check(Name::new(&draft.dataset).map_err(at("source.dataset")));
        let digest = draft.source_digest.parse::<Digest>();
        let source_digest = errors.check(digest.map_err(|error| FieldError::new("source.digest", error.problem)));
        let format = draft.format.ok_or_else(|| FieldError::new("source.format", "say whether it is CSV or Parquet"));
        let format = errors.check(format);
        let hyperparameters = method::resolve(&draft.family, draft.task, draft.hyperparameters.clone(), families);
        let hyperparameters = hyperparameters.map_err(|wrong| errors.0.extend(wrong)).ok();
        let split_version = errors.check(optional_name("split_version", &draft.split_version));
        let feature_version = errors.check(optional_name("feature_version", &draft.feature_version));
        let model_version = errors.check(optional_name("model_version", &draft.model_version));
        let reference_fraction = errors.check(share("reference_fraction", draft.reference_fraction));
        let threshold = errors.check(share("threshold", draft.threshold));
        let stopping_fraction = errors.check(share("stopping_fraction", draft.stopping_fraction));
        let upstreams = upstream::check(&draft, &mut errors);
        let node = errors.check(NodeKey::check(draft.pipeline_id.clone(), draft.node_id.clone()));
        let schedule = draft.schedule.clone().check(&mut errors);
        let resampling = errors.check(draft.resampling.map(|it| it.checked().map_err(at("resampling"))).transpose());
        let settings = errors.check(settings::check(&draft));
        check_columns(&draft, &mut errors);
        check_words(&draft, &mut errors);
        check_tags(&draft.tags, &mut errors);
        errors.into_result(|| {
            Some(Self {
                model: model?,
                slot: slot?,
                dataset: dataset?,
                source_digest: source_digest?,
                format: format?,
                label_column: draft.label_column,
                positive_class: Some(draft.positive_class).filter(|class| !class.is_empty()),
                exclude_columns: draft.exclude_columns,
                family: draft.family,
                given: draft.hyperparameters,
                hyperparameters: hyperparameters?,
                split_version: split_version?,
                feature_version: feature_version?,
                model_version: model_version?,
                reference_fraction: reference_fraction?,
                seed: draft.seed,
                threshold: threshold?.unwrap_or(DEFAULT_THRESHOLD),
                experiment: draft.experiment,
                description: draft.description,
                tags: draft.tags,
                git_sha: draft.git_sha,
                max_runtime: draft.max_runtime,
                node: node?,
                schedule: schedule?,
                task: draft.task,
                weight_column: Some(draft.weight_column).filter(|column| !column.is_empty()),
                stopping_fraction: stopping_fraction?,
                upstreams: upstreams?,
                resampling: resampling?,
                settings: settings?,
                classes: draft.classes,
            })
        })
    }
}

fn optional_name(path: &str, text: &str) -> Result<Option<Name>, FieldError> {
    if text.is_empty() { Ok(None) } else { Name::new(text).map(Some).map_err(|error| error.under(path)) }
}

fn share(path: &str, value: f64) -> Result<Option<f64>, FieldError> {
    if value == 0.0 {
        return Ok(None);
    }
    if value > 0.0 && value < 1.0 {
        return Ok(Some(value));
    }
    Err(FieldError::new(path, "must be between 0 and 1, both excluded; 0 stands for the default"))
}

#[cfg(test)]
mod tests {
    use lineal_kernel::Timestamp;

    use super::*;

    fn draft() -> SpecDraft {
        SpecDraft {
            model: "churn".to_owned(),
            dataset: "churn".to_owned(),
            source_digest: Digest::of(b"rows").to_string(),
            format: Some(SourceFormat::Csv),
            label_column: "churn".to_owned(),
            family: "gradient_boosting".to_owned(),
            ..SpecDraft::default()
        }
    }

    fn check(draft: SpecDraft, request_id: &str) -> Result<CreateJob, FieldErrors> {
        CreateJob::check(draft, false, request_id, lineal_models::families())
    }

    #[test]
    fn blanks_get_the_familys_defaults() {
        // F67
        let spec = check(draft(), "").unwrap().spec;
        let values: BTreeMap<_, _> = spec.hyperparameters.iter().collect();
        assert_eq!(values.get("learning_rate"), Some(&&Value::Float(0.1)));
        assert!(spec.given.is_empty());
        assert_eq!((spec.threshold, spec.reference_fraction), (0.5, None));
    }

    #[test]
    fn all_bad_fields_are_told_at_once_with_their_paths() {
        // F68, F85
        let bad = SpecDraft {
            model: "Churn!".to_owned(),
            dataset: String::new(),
            source_digest: "abc".to_owned(),
            format: None,
            label_column: String::new(),
            exclude_columns: vec![String::new()],
            hyperparameters: [
                ("learning_rate".to_owned(), Value::Text("__import__('os')".to_owned())),
                ("rounds".to_owned(), Value::Float(f64::NAN)),
            ]
            .into(),
            split_version: "a/b".to_owned(),
            reference_fraction: 1.0,
            threshold: f64::NAN,
            stopping_fraction: -0.1,
            weight_column: "w".repeat(257),
            tags: [("job_id".to_owned(), "mine".to_owned())].into(),
            git_sha: "main".to_owned(),
            max_runtime: Some(Duration::ZERO),
            node_id: "train".to_owned(),
            schedule: Schedule {
                priority: i32::MIN,
                max_attempts: 11,
                not_before: Some(Timestamp::from_micros(1)),
                finish_by: Some(Timestamp::from_micros(1)),
                ..Schedule::default()
            },
            ..draft()
        };
        let errors = check(bad, "two words").unwrap_err();
        let paths: Vec<_> = errors.0.iter().map(|error| error.path.as_str()).collect();
        let expected = [
            "spec.model",
            "spec.source.dataset",
            "spec.source.digest",
            "spec.source.format",
            "spec.hyperparameters.learning_rate",
            "spec.hyperparameters.rounds",
            "spec.split_version",
            "spec.reference_fraction",
            "spec.threshold",
            "spec.stopping_fraction",
            "spec.pipeline_id",
            "spec.schedule.priority",
            "spec.schedule.max_attempts",
            "spec.schedule.finish_by_time",
            "spec.label_column",
            "spec.weight_column",
            "spec.exclude_columns[0]",
            "spec.git_sha",
            "spec.max_runtime",
            "spec.tags.job_id",
            "request_id",
        ];
        assert_eq!(paths, expected);
        assert!(!errors.to_string().contains("__import__"), "{errors}");
    }

    #[test]
    fn a_specification_survives_its_storage() {
        let given = SpecDraft {
            slot: [("regime".to_owned(), "trending".to_owned())].into(),
            split_version: "v2".to_owned(),
            hyperparameters: [("learning_rate".to_owned(), Value::Integer(1))].into(),
            max_runtime: Some(Duration::from_millis(1500)),
            seed: u64::MAX,
            pipeline_id: "p1".to_owned(),
            node_id: "train".to_owned(),
            task: Some(Task::Count),
            ..draft()
        };
        let spec = check(given, "").unwrap().spec;
        let stored = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<JobSpec>(&stored).unwrap(), spec);
        // As an earlier release wrote it.
        let mut earlier: serde_json::Value = serde_json::from_str(&stored).unwrap();
        let later =
            ["node", "schedule", "task", "weight_column", "stopping_fraction", "upstreams", "settings", "classes"];
        earlier.as_object_mut().unwrap().retain(|key, _| !later.contains(&key.as_str()));
        assert_eq!(serde_json::from_value::<JobSpec>(earlier).unwrap(), JobSpec { node: None, task: None, ..spec });
    }
}
