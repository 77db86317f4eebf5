//! Everything about the training, written to its run.

use std::collections::BTreeMap;

use super::{
    Execution, StepError,
    load::{Loaded, Stored},
    recipe::Recipe,
    split::Split,
    train::Fitted,
};
use crate::{
    domain::{Import, Method, Wanted},
    registry::{RunDataset, RunLog},
};

/// As many importances as are kept with a run; the bundle has all.
const MOST_IMPORTANCES: usize = 100;
/// A longer name is none for a metric.
const LONGEST_NAME: usize = 200;

/// What the training showed.
#[derive(Clone, Copy)]
pub(super) struct Findings<'a> {
    pub(super) metrics: &'a BTreeMap<String, f64>,
    /// Upstreams that were trained on other rows.
    pub(super) stale: &'a [String],
}

impl Execution<'_> {
    /// Logs parameters, metrics, datasets and tags in one change.
    pub(super) async fn log(
        &self,
        recipe: &Recipe,
        loaded: &Loaded,
        split: &Split,
        fitted: &Fitted,
        findings: Findings<'_>,
    ) -> Result<(), StepError> {
        let mut tags = BTreeMap::from([("status".to_owned(), "trained".to_owned())]);
        if !findings.stale.is_empty() {
            tags.insert("stale_upstreams".to_owned(), findings.stale.join(" "));
        }
        let extra_rows = split.extra.as_ref().map_or(0, |extra| extra.rows);
        let figures = [
            ("training_seconds", fitted.duration.as_secs_f64()),
            ("split_seconds", split.duration.as_secs_f64()),
            ("train_rows", split.train.rows as f64),
            ("reference_rows", split.reference.rows as f64),
            ("extra_rows", extra_rows as f64),
        ];
        let figures = figures.map(|(name, value)| (name.to_owned(), value));
        let tests = split.tests.iter().map(|(name, test)| (format!("test_rows.{name}"), test.rows as f64));
        tags.extend(loaded.sample.map(|sample| ("sampled".to_owned(), sample.fraction.to_string())));
        let mut parameters = self.parameters(recipe, loaded, split)?;
        if let Some(created) = self.app.split_rule(&self.spec().dataset, &recipe.split).await? {
            parameters.insert("split_digest".to_owned(), created.digest()?.to_string());
        }
        if let Method::Model(_) = self.method()? {
            parameters.insert("feature_digest".to_owned(), fitted.feature_digest.to_string());
        }
        if let Some(import) = self.app.store.import_of(&self.spec().dataset, self.spec().source_digest).await? {
            parameters.extend(origin(&import));
        }
        let log = RunLog {
            parameters,
            metrics: findings
                .metrics
                .clone()
                .into_iter()
                .chain(figures)
                .chain(tests)
                .chain(importances(fitted))
                .collect(),
            tags,
            datasets: self.datasets(loaded, split),
        };
        Ok(self.app.registry.log(&recipe.run_id, &log).await?)
    }

    fn parameters(
        &self,
        recipe: &Recipe,
        loaded: &Loaded,
        split: &Split,
    ) -> Result<BTreeMap<String, String>, StepError> {
        let spec = self.spec();
        let mut parameters: BTreeMap<String, String> = [
            ("family", spec.family.clone()),
            ("task", loaded.labels.task.name().to_owned()),
            ("label_column", spec.label_column.clone()),
            ("split_version", recipe.split.to_string()),
            ("feature_version", recipe.features.to_string()),
            ("model_version", recipe.model.to_string()),
            ("reference_fraction", split.definition.reference_fraction.to_string()),
            ("seed", spec.seed.to_string()),
            ("threshold", spec.threshold.to_string()),
            ("data_report", loaded.report.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if let Some(sample) = loaded.sample {
            parameters.insert("sample.fraction".to_owned(), sample.fraction.to_string());
            parameters.insert("sample.seed".to_owned(), sample.seed.to_string());
            parameters.insert("sample.source_rows".to_owned(), sample.source_rows.to_string());
        }
        for (name, test) in &split.tests {
            parameters.insert(format!("test.{name}"), test.digest.to_string());
        }
        if let Some(column) = &spec.weight_column {
            parameters.insert("weight_column".to_owned(), column.clone());
        }
        if let Some(rule) = &split.definition.rule {
            parameters.insert("split_rule".to_owned(), serde_json::to_string(rule)?);
        }
        if let Some(fraction) = spec.stopping_fraction {
            parameters.insert("stopping_fraction".to_owned(), fraction.to_string());
        }
        if let Some(settings) = spec.settings {
            parameters.insert("settings_digest".to_owned(), settings.to_string());
        }
        if let Some(resampling) = spec.resampling {
            parameters.insert("resampling".to_owned(), resampling.to_string());
        }
        for (name, value) in spec.hyperparameters.iter() {
            parameters.insert(format!("hyperparameters.{name}"), serde_json::to_string(value)?);
        }
        Ok(parameters)
    }

    fn datasets(&self, loaded: &Loaded, split: &Split) -> Vec<RunDataset> {
        let dataset = |(role, stored): (&'static str, &Stored)| RunDataset {
            name: self.spec().dataset.clone(),
            role,
            digest: stored.digest,
            rows: stored.rows as u64,
        };
        let parts = [("source", &loaded.snapshot), ("training", &split.train), ("reference", &split.reference)];
        parts.into_iter().chain(split.extra.as_ref().map(|extra| ("extra", extra))).map(dataset).collect()
    }
}

/// Where the rows were imported from, and when.
fn origin(import: &Import) -> impl Iterator<Item = (String, String)> {
    let asked = match &import.wish.wanted {
        Wanted::Rows(query) => {
            vec![("import.query", query.to_string()), ("import.query_digest", query.digest().to_string())]
        }
        Wanted::File { path, .. } => vec![("import.path", path.clone())],
    };
    let named = [("import.source", import.wish.source.to_string()), ("import.time", import.create_time.to_string())];
    named.into_iter().chain(asked).map(|(name, value)| (name.to_owned(), value))
}

/// The features that the answers depend on most, as shares.
fn importances(fitted: &Fitted) -> impl Iterator<Item = (String, f64)> {
    let mut shares: Vec<_> = fitted
        .importances
        .iter()
        .filter(|(name, _)| name.len() <= LONGEST_NAME && !name.contains(char::is_control))
        .collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    shares.into_iter().take(MOST_IMPORTANCES).map(|(name, share)| (format!("importance.{name}"), *share))
}
