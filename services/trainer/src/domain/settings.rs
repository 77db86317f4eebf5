//! Settings: what a specification leaves blank, as the registry keeps it for the model.

use lineal_kernel::{Digest, FieldError};
use lineal_models::Task;

use super::SpecDraft;

/// The settings of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelSettings {
    /// Digest of their file.
    pub(crate) digest: Digest,
    /// What they say; everything else is blank.
    pub(crate) defaults: SpecDraft,
}

impl ModelSettings {
    /// The settings for a node of a pipeline: of rows, split and features only its graph speaks.
    pub(crate) fn beside_a_graph(self) -> Self {
        let defaults = SpecDraft {
            dataset: String::new(),
            split_version: String::new(),
            reference_fraction: 0.0,
            feature_version: String::new(),
            exclude_columns: Vec::new(),
            ..self.defaults
        };
        Self { defaults, ..self }
    }
}

/// The fields of a draft that its settings can mend: those that they fill, and those that depend on such a one.
pub(super) fn left_open(draft: &SpecDraft) -> impl Iterator<Item = &'static str> {
    let (family, label) = (draft.family.is_empty(), draft.label_column.is_empty());
    let fields = [("family", family), ("hyperparameters", family), ("upstreams", family), ("label_column", label)];
    let asked = draft.use_settings;
    fields.into_iter().filter_map(move |(field, blank)| (asked && blank).then_some(field))
}

impl SpecDraft {
    /// The same with its blanks filled; what it says already counts. What belongs to a family, a split or a label goes with it.
    pub(crate) fn filled(mut self, settings: &ModelSettings) -> Self {
        let known = &settings.defaults;
        let theirs = |own: &str, known: &str| own.is_empty() || known.is_empty() || own == known;
        if theirs(&self.family, &known.family) {
            for (name, value) in &known.hyperparameters {
                self.hyperparameters.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        if theirs(&self.split_version, &known.split_version) {
            fill(&mut self.reference_fraction, &known.reference_fraction);
        }
        if theirs(&self.label_column, &known.label_column) {
            fill(&mut self.task, &known.task);
            fill(&mut self.threshold, &known.threshold);
            if !self.task.is_some_and(Task::is_number) {
                fill(&mut self.classes, &known.classes);
                fill(&mut self.positive_class, &known.positive_class);
            }
        }
        fill(&mut self.dataset, &known.dataset);
        fill(&mut self.label_column, &known.label_column);
        // Another label than the file's may be a column that the file leaves out or weighs by.
        if self.exclude_columns.is_empty() {
            let others = known.exclude_columns.iter().filter(|column| **column != self.label_column);
            self.exclude_columns = others.cloned().collect();
        }
        if known.weight_column != self.label_column {
            fill(&mut self.weight_column, &known.weight_column);
        }
        fill(&mut self.split_version, &known.split_version);
        fill(&mut self.feature_version, &known.feature_version);
        fill(&mut self.family, &known.family);
        fill(&mut self.seed, &known.seed);
        fill(&mut self.stopping_fraction, &known.stopping_fraction);
        self.settings_digest = settings.digest.to_string();
        self
    }
}

fn fill<T: Clone + Default + PartialEq>(blank: &mut T, known: &T) {
    if *blank == T::default() {
        blank.clone_from(known);
    }
}

/// The settings that a draft says it used.
pub(super) fn check(draft: &SpecDraft) -> Result<Option<Digest>, FieldError> {
    let at = |problem: String| FieldError::new("settings_digest", problem);
    match (draft.use_settings, draft.settings_digest.as_str()) {
        (_, "") => Ok(None),
        (true, digest) => digest.parse().map(Some).map_err(|error: FieldError| at(error.problem)),
        (false, _) => Err(at("no settings are asked for, set use_settings as well".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lineal_models::Value;

    use super::*;

    fn settings() -> ModelSettings {
        let defaults = SpecDraft {
            dataset: "customers".to_owned(),
            label_column: "churn".to_owned(),
            classes: vec!["no".to_owned(), "yes".to_owned()],
            positive_class: "yes".to_owned(),
            exclude_columns: vec!["phone".to_owned()],
            weight_column: "spend".to_owned(),
            split_version: "v2".to_owned(),
            reference_fraction: 0.25,
            feature_version: "v3".to_owned(),
            family: "gradient_boosting".to_owned(),
            task: Some(Task::BinaryClassification),
            hyperparameters: BTreeMap::from([
                ("rounds".to_owned(), Value::Integer(20)),
                ("max_depth".to_owned(), Value::Integer(3)),
            ]),
            seed: 7,
            threshold: 0.4,
            stopping_fraction: 0.2,
            ..SpecDraft::default()
        };
        ModelSettings { digest: Digest::of(b"file"), defaults }
    }

    #[test]
    fn every_blank_is_filled() {
        // F88
        let settings = settings();
        let expected = SpecDraft {
            model: "churn".to_owned(),
            use_settings: true,
            settings_digest: settings.digest.to_string(),
            ..settings.defaults.clone()
        };
        let blank = SpecDraft { model: "churn".to_owned(), use_settings: true, ..SpecDraft::default() };
        assert_eq!(blank.filled(&settings), expected);
    }

    #[test]
    fn what_is_said_counts_and_takes_along_what_belongs_to_it() {
        // F88
        let rounds = || BTreeMap::from([("rounds".to_owned(), Value::Integer(5))]);
        let given = SpecDraft { hyperparameters: rounds(), threshold: 0.6, ..SpecDraft::default() };
        let filled = given.filled(&settings());
        assert_eq!((filled.threshold, filled.family.as_str()), (0.6, "gradient_boosting"));
        assert_eq!(filled.hyperparameters["rounds"], Value::Integer(5));
        assert_eq!(filled.hyperparameters["max_depth"], Value::Integer(3));

        let given = SpecDraft {
            family: "ridge".to_owned(),
            split_version: "v9".to_owned(),
            label_column: "left".to_owned(),
            ..SpecDraft::default()
        };
        let filled = given.filled(&settings());
        assert!(filled.hyperparameters.is_empty() && filled.reference_fraction == 0.0);
        assert!(filled.classes.is_empty() && filled.positive_class.is_empty());
        assert_eq!((filled.dataset.as_str(), filled.seed), ("customers", 7));
        assert_eq!((filled.task, filled.threshold, filled.weight_column.as_str()), (None, 0.0, "spend"));

        let given = SpecDraft { label_column: "spend".to_owned(), ..SpecDraft::default() };
        assert_eq!(given.filled(&settings()).weight_column, "", "the label weighs nothing");
        let given = SpecDraft { label_column: "phone".to_owned(), ..SpecDraft::default() };
        assert!(given.filled(&settings()).exclude_columns.is_empty(), "the label is not left out");
        let given = SpecDraft { task: Some(Task::Regression), ..SpecDraft::default() };
        assert!(given.filled(&settings()).classes.is_empty(), "numbers have no classes");
    }

    #[test]
    fn a_graph_speaks_of_rows_split_and_features_alone() {
        // F88
        let settings = settings();
        let given = SpecDraft { split_version: "v2".to_owned(), ..SpecDraft::default() };
        let filled = given.filled(&settings.clone().beside_a_graph());
        let by_graph = (filled.dataset, filled.split_version, filled.feature_version);
        assert_eq!(by_graph, (String::new(), "v2".to_owned(), String::new()));
        assert!(filled.reference_fraction == 0.0 && filled.exclude_columns.is_empty());
        assert_eq!((filled.label_column.as_str(), filled.threshold, filled.seed), ("churn", 0.4, 7));
        assert_eq!((filled.weight_column.as_str(), filled.stopping_fraction), ("spend", 0.2));
        assert_eq!(filled.settings_digest, settings.digest.to_string());
    }

    #[test]
    fn a_file_without_a_label_or_a_split_speaks_of_any() {
        // F88
        let mut settings = settings();
        settings.defaults.label_column.clear();
        settings.defaults.split_version.clear();
        let (label_column, split_version) = ("left".to_owned(), "v9".to_owned());
        let filled = SpecDraft { label_column, split_version, ..SpecDraft::default() }.filled(&settings);
        assert_eq!((filled.classes.len(), filled.reference_fraction), (2, 0.25));
    }
}
