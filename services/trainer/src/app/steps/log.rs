//! Everything about the training, written to its run.

use std::collections::BTreeMap;

use super::{
    Execution, StepError,
    load::{Loaded, Stored},
    recipe::Recipe,
    split::Split,
    train::Fitted,
};
use crate::registry::{RunDataset, RunLog};

impl Execution<'_> {
    /// Logs parameters, metrics, datasets and tags in one change.
    pub(super) async fn log(
        &self,
        recipe: &Recipe,
        loaded: &Loaded,
        split: &Split,
        fitted: &Fitted,
        metrics: &BTreeMap<String, f64>,
    ) -> Result<(), StepError> {
        let extra_rows = split.extra.as_ref().map_or(0, |extra| extra.rows);
        let figures = [
            ("training_seconds", fitted.duration.as_secs_f64()),
            ("split_seconds", split.duration.as_secs_f64()),
            ("train_rows", split.train.rows as f64),
            ("reference_rows", split.reference.rows as f64),
            ("extra_rows", extra_rows as f64),
        ];
        let figures = figures.map(|(name, value)| (name.to_owned(), value));
        let log = RunLog {
            parameters: self.parameters(recipe, split)?,
            metrics: metrics.clone().into_iter().chain(figures).collect(),
            tags: [("status".to_owned(), "trained".to_owned())].into(),
            datasets: self.datasets(loaded, split),
        };
        Ok(self.app.registry.log(&recipe.run_id, &log).await?)
    }

    fn parameters(&self, recipe: &Recipe, split: &Split) -> Result<BTreeMap<String, String>, StepError> {
        let spec = self.spec();
        let mut parameters: BTreeMap<String, String> = [
            ("family", spec.family.clone()),
            ("label_column", spec.label_column.clone()),
            ("split_version", recipe.split.to_string()),
            ("feature_version", recipe.features.to_string()),
            ("model_version", recipe.model.to_string()),
            ("reference_fraction", split.definition.reference_fraction.to_string()),
            ("seed", spec.seed.to_string()),
            ("threshold", spec.threshold.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
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
