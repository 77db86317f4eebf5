//! Settings: what one model is trained, judged and scored with, in one TOML file that people write.
//!
//! A file is read in one place, by [`SettingsFile::parse`]. Everybody else gets the values. Each is called as in the contract of the
//! service that takes it (`JobSpec`, `Policy`, `ScoreRequest`); an empty text, an empty list and 0 stand for "not said".

mod check;
mod file;
mod reader;

use std::collections::BTreeMap;

use lineal_kernel::ModelName;
pub use lineal_models::{Task, Value};
use serde::{Deserialize, Serialize};

/// What a file says, and of which model.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingsFile {
    /// The model.
    pub model: ModelName,
    /// Its settings, checked.
    pub settings: Settings,
}

/// The settings of one model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What is learned from.
    pub data: Data,
    /// How it is learned.
    pub training: Training,
    /// What a version must reach.
    pub validation: Validation,
    /// Where predictions of whole files go.
    pub scoring: Scoring,
}

/// What is learned from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Data {
    /// Name of the dataset.
    pub dataset: String,
    /// The column to predict.
    pub label_column: String,
    /// The label's values; a file with others is refused.
    pub classes: Vec<String>,
    /// The label's value that counts as 1.
    pub positive_class: String,
    /// Columns that are not features.
    pub exclude_columns: Vec<String>,
    /// The column that says how much each row counts.
    pub weight_column: String,
    /// Name of the split.
    pub split_version: String,
    /// Share of rows for the reference set of a new split, between 0 and 1.
    pub reference_fraction: f64,
    /// Name of the feature set.
    pub feature_version: String,
}

/// How it is learned.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Training {
    /// What fits.
    pub family: String,
    /// What to predict.
    pub task: Option<Task>,
    /// Hyperparameters of the family that differ from its defaults.
    pub hyperparameters: BTreeMap<String, Value>,
    /// Makes the training repeatable.
    pub seed: u64,
    /// Score from which on a row gets the positive label, between 0 and 1.
    pub threshold: f64,
    /// Share of the training rows that say when to stop, between 0 and 1.
    pub stopping_fraction: f64,
}

/// What a version must reach.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Validation {
    /// Metrics, and what each must not be worse than.
    pub limits: BTreeMap<String, f64>,
    /// The metric that decides against the champion.
    pub comparison_metric: String,
    /// Whether the champion is left out.
    pub skip_comparison: bool,
}

/// Where predictions of whole files go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scoring {
    /// The folder of the predictions: an absolute path, or the url of an object store.
    pub output: String,
    /// Columns that go into the predictions as they are.
    pub key_columns: Vec<String>,
    /// Rows of one file of predictions.
    pub rows_per_part: u64,
}
