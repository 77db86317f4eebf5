//! Files as people write them, good and bad.

#![allow(clippy::unwrap_used, reason = "a case that cannot go on ends its test")]

use lineal_kernel::FieldErrors;
use lineal_models::{Task, families};
use lineal_settings::{Settings, SettingsFile, Value};

const WHOLE: &str = r#"
model = "churn"

[data]
dataset = "customers"
label_column = "churn"
classes = ["no", "yes"]
positive_class = "yes"
exclude_columns = ["phone", "state"]
weight_column = "spend"
split_version = "v2"
reference_fraction = 0.25
feature_version = "v3"

[training]
family = "gradient_boosting"
task = "binary"
seed = 7
threshold = 0.4
stopping_fraction = 0.2

[training.hyperparameters]
learning_rate = 0.05
rounds = 200

[validation]
comparison_metric = "f1"
skip_comparison = true
limits = { auc = 0.8, log_loss = 1 }

[scoring]
output = "s3://predictions/churn"
key_columns = ["account_id"]
rows_per_part = 1000
"#;

fn problems(text: &str) -> Vec<(String, String)> {
    let FieldErrors(errors) = SettingsFile::parse(text).unwrap_err();
    errors.into_iter().map(|error| (error.path, error.problem)).collect()
}

#[test]
fn a_file_says_what_is_trained_judged_and_scored_and_survives_its_storage() {
    // F88
    let SettingsFile { model, settings } = SettingsFile::parse(WHOLE).unwrap();
    assert_eq!(model.as_str(), "churn");
    assert_eq!((settings.data.classes.len(), settings.data.exclude_columns.len()), (2, 2));
    assert_eq!((settings.training.task, settings.training.threshold), (Some(Task::BinaryClassification), 0.4));
    assert_eq!(settings.training.hyperparameters["learning_rate"], Value::Float(0.05));
    assert_eq!(settings.training.hyperparameters["rounds"], Value::Integer(200));
    assert_eq!((settings.validation.limits["auc"], settings.validation.limits["log_loss"]), (0.8, 1.0));
    assert_eq!(settings.scoring.rows_per_part, 1000);
    let stored = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<Settings>(&stored).unwrap(), settings);
    // As an earlier release wrote it, that knew less.
    assert_eq!(serde_json::from_str::<Settings>(r#"{"data":{"dataset":"d"}}"#).unwrap().data.dataset, "d");
}

#[test]
fn a_model_alone_is_a_file() {
    assert_eq!(SettingsFile::parse("model = \"churn\"").unwrap().settings, Settings::default());
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_its_path() {
    // F88
    let text = r#"
        modell = "churn"
        model = "Churn!"
        [data]
        label_column = "y"
        label = "y"
        classes = "yes"
        exclude_columns = ["a", "", "y", "a", 7]
        dataset = "a/b"
        weight_column = "y"
        reference_fraction = 1.0
        [training]
        family = "gradient_boosting"
        task = "ranking"
        seed = -1
        threshold = nan
        [training.hyperparameters]
        learning_rate = "__import__('os')"
        depth_of_field = 3
        rounds = []
        [validation]
        limits = { auk = 0.8, auc = "high", f1 = inf }
        comparison_metric = "roc"
        skip_comparison = "no"
        [scoring]
        output = "scores"
        rows_per_part = 0
    "#;
    let paths: Vec<_> = problems(text).into_iter().map(|(path, _)| path).collect();
    let expected = [
        "data.dataset",
        "data.classes",
        "data.exclude_columns[1]",
        "data.exclude_columns[3]",
        "data.exclude_columns[4]",
        "data.reference_fraction",
        "data.label",
        "training.task",
        "training.hyperparameters.rounds",
        "training.seed",
        "training.threshold",
        "validation.limits.auc",
        "validation.limits.f1",
        "validation.limits.auk",
        "validation.comparison_metric",
        "validation.skip_comparison",
        "scoring.output",
        "scoring.rows_per_part",
        "modell",
        "model",
        "data.weight_column",
        "data.exclude_columns[2]",
        "training.hyperparameters.depth_of_field",
        "training.hyperparameters.learning_rate",
    ];
    assert_eq!(paths, expected);
    let told: String = problems(text).into_iter().map(|(_, problem)| problem + "\n").collect();
    assert!(!told.contains("__import__"), "{told}");
    assert!(told.contains("is unknown, known are model, data, training, validation, scoring"), "{told}");
}

#[test]
fn what_does_not_go_together_is_told() {
    // F88
    for (file, path) in [
        ("[data]\nlabel_column = \"y\"\nexclude_columns = [\"x\", \"y\"]", "data.exclude_columns[1]"),
        ("[data]\nexclude_columns = [\"x\", \"x\"]", "data.exclude_columns[1]"),
        ("[data]\nclasses = [\"a\"]", "data.classes"),
        ("[data]\nclasses = [\"a\", \"b\"]\npositive_class = \"c\"", "data.positive_class"),
        ("[data]\nclasses = [\"a\", \"b\"]\n[training]\ntask = \"count\"", "data.classes"),
        ("[data]\nclasses = [\"a\", \"b\", \"c\"]\n[training]\ntask = \"binary\"", "data.classes"),
        ("[training]\nhyperparameters = { rounds = 3 }", "training.family"),
        ("[training]\nfamily = \"forest\"", "training.family"),
        ("[training]\nfamily = \"ridge\"\ntask = \"binary\"", "training.family"),
        ("[training]\ntask = \"regression\"\n[validation.limits]\nauc = 0.8", "validation.limits.auc"),
        ("[training]\ntask = \"regression\"\n[validation]\ncomparison_metric = \"f1\"", "validation.comparison_metric"),
        ("[data]\nlabel_column = \"a\\nb\"", "data.label_column"),
        ("data = 3", "data"),
        ("[data]\nsplit_version = 2", "data.split_version"),
    ] {
        let found = problems(&format!("model = \"churn\"\n{file}"));
        assert_eq!(found.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), [path], "{file}");
    }
}

#[test]
fn a_file_that_is_no_toml_names_the_line() {
    // F88
    let found = problems("model = \"churn\"\n[data]\nlabel_column = churn\n");
    assert!(found.len() == 1 && found[0].0 == "text" && found[0].1.contains("line 3"), "{found:?}");
    assert_eq!(problems("model = \"a\"\nmodel = \"b\"").len(), 1);
    assert_eq!(problems("")[0].0, "model");
}

#[test]
fn every_task_has_a_word_and_every_family_can_be_named() {
    // F88
    for task in Task::ALL {
        let text = format!("model = \"m\"\n[training]\ntask = \"{}\"", task.word());
        assert_eq!(SettingsFile::parse(&text).unwrap().settings.training.task, Some(task));
    }
    for family in families() {
        let text = format!("model = \"m\"\n[training]\nfamily = \"{}\"", family.name());
        assert_eq!(SettingsFile::parse(&text).unwrap().settings.training.family, family.name());
    }
}

#[test]
fn the_page_has_every_key_and_its_example_is_a_file() {
    // F88
    let page = include_str!("../../../docs/settings.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(SettingsFile::parse(example).unwrap().settings.validation.limits.len(), 2);
    let whole: toml::Table = WHOLE.parse().unwrap();
    let sections = whole.iter().filter_map(|(section, keys)| Some((section, keys.as_table()?)));
    let keys: Vec<_> =
        sections.flat_map(|(section, keys)| keys.keys().map(move |key| format!("{section}.{key}"))).collect();
    for key in &keys {
        assert!(page.contains(&format!("| `{key}` |")), "{key}");
    }
    assert_eq!(page.matches("\n| `").count(), keys.len() + 1, "a row for each key and the model");
}
