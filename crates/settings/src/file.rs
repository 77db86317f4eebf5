//! From the text of a file to settings.

use lineal_kernel::{FieldError, FieldErrors, ModelName, Name};
use lineal_models::{Metric, MetricError, Task};
use toml::Table;

use crate::{Data, Scoring, Settings, SettingsFile, Training, Validation, check, reader::Reader};

/// The most rows that one file of predictions may have.
const MOST_ROWS_PER_PART: u64 = 10_000_000;

impl SettingsFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong at once, each with its path in the file, e.g. `validation.limits.auc`; a file that is no TOML is one
    /// problem, at `text`, with its line.
    pub fn parse(text: &str) -> Result<Self, FieldErrors> {
        let table: Table = text.parse().map_err(|error| no_toml(text, &error))?;
        let mut errors = FieldErrors::default();
        let mut file = Reader::new(table, &mut errors);
        let named = file.text("model");
        let settings = Settings {
            data: data(file.section("data")),
            training: training(file.section("training")),
            validation: validation(file.section("validation")),
            scoring: scoring(file.section("scoring")),
        };
        file.end();
        let model = errors.check(ModelName::new(&named).map_err(|error| error.under("model")));
        check::together(&settings, &mut errors);
        errors.into_result(|| Some(Self { model: model?, settings }))
    }
}

fn no_toml(text: &str, error: &toml::de::Error) -> FieldErrors {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let said = error.message().replace('\n', ", ");
    FieldError::new("text", format!("is no TOML in line {line}: {said}; mend the line")).into()
}

fn data(mut table: Reader<'_>) -> Data {
    let data = Data {
        dataset: table.checked("dataset", Name::new),
        label_column: table.text("label_column"),
        classes: table.texts("classes"),
        positive_class: table.text("positive_class"),
        exclude_columns: table.texts("exclude_columns"),
        weight_column: table.text("weight_column"),
        split_version: table.checked("split_version", Name::new),
        reference_fraction: table.share("reference_fraction"),
        feature_version: table.checked("feature_version", Name::new),
    };
    table.end();
    data
}

fn training(mut table: Reader<'_>) -> Training {
    let task = table.checked("task", |word| {
        Task::of_word(word).ok_or_else(|| FieldError::new("", "is binary, multiclass, regression or count"))
    });
    let training = Training {
        family: table.text("family"),
        task: Task::of_word(&task),
        hyperparameters: table.values("hyperparameters"),
        seed: table.seed("seed"),
        threshold: table.share("threshold"),
        stopping_fraction: table.share("stopping_fraction"),
    };
    table.end();
    training
}

fn validation(mut table: Reader<'_>) -> Validation {
    let limits = table.numbers("limits");
    for metric in limits.keys() {
        if let Err(error) = known_metric(metric) {
            let metric: String = metric.chars().take(64).collect();
            table.refuse(&format!("limits.{metric}"), error.problem);
        }
    }
    let validation = Validation {
        limits,
        comparison_metric: table.checked("comparison_metric", known_metric),
        skip_comparison: table.flag("skip_comparison"),
    };
    table.end();
    validation
}

fn scoring(mut table: Reader<'_>) -> Scoring {
    let scoring = Scoring {
        output: table.checked("output", place),
        key_columns: table.texts("key_columns"),
        rows_per_part: table.whole("rows_per_part", MOST_ROWS_PER_PART),
    };
    table.end();
    scoring
}

fn known_metric(name: &str) -> Result<Metric, FieldError> {
    name.parse().map_err(|error: MetricError| FieldError::new("", error.to_string()))
}

/// A relative path would be another place in each replica.
fn place(text: &str) -> Result<(), FieldError> {
    if text.starts_with('/') || text.contains("://") {
        return Ok(());
    }
    Err(FieldError::new("", "expected an absolute path or the url of an object store"))
}
