//! The version, with everything that made it.

use std::{
    collections::BTreeMap,
    env::consts::{ARCH, OS},
};

use super::{Execution, StepError, load::Loaded, recipe::Recipe, split::Split, train::Fitted};
use crate::{
    app::App,
    domain::{JobChange, NewVersion},
    failpoints::stop_here,
    registry::RunEnd,
};

impl App {
    /// The program and the machine that train.
    pub(in crate::app) fn environment(&self) -> BTreeMap<String, String> {
        let settings = &self.settings;
        [
            ("lineal", settings.release.clone()),
            ("os", OS.to_owned()),
            ("arch", ARCH.to_owned()),
            ("threads", settings.threads.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

impl Execution<'_> {
    /// What the registry will be told.
    pub(super) fn describe(
        &self,
        recipe: Recipe,
        loaded: Loaded,
        split: Split,
        fitted: Fitted,
        metrics: BTreeMap<String, f64>,
    ) -> Result<NewVersion, StepError> {
        let (spec, settings) = (self.spec(), &self.app.settings);
        let code_version = match spec.git_sha.as_str() {
            "" => format!("lineal {}", settings.release),
            commit => commit.to_owned(),
        };
        let mut tags = spec.tags.clone();
        if let Some(rule) = &split.definition.rule {
            // A tag that the caller gave says what he means.
            for (column, value) in &rule.scope {
                tags.entry(column.clone()).or_insert_with(|| value.clone());
            }
        }
        let mut environment = self.app.environment();
        if let Some(sample) = loaded.sample {
            tags.insert("sampled".to_owned(), sample.fraction.to_string());
            environment.insert("sample_fraction".to_owned(), sample.fraction.to_string());
            environment.insert("sample_seed".to_owned(), sample.seed.to_string());
        }
        Ok(NewVersion {
            model: spec.model.clone(),
            family: spec.family.clone(),
            digest: fitted.bundle.digest(),
            metrics,
            description: spec.description.clone(),
            tags,
            run_id: recipe.run_id,
            parent_number: recipe.parent,
            data_digest: loaded.snapshot.digest,
            reference_digest: split.definition.reference,
            feature_digest: fitted.feature_digest,
            hyperparameters_digest: spec.hyperparameters.digest()?,
            code_version,
            dataset: spec.dataset.clone(),
            split_version: recipe.split,
            feature_version: recipe.features,
            model_version: recipe.model,
            training_duration: fitted.duration,
            training_rows: split.train.rows as u64,
            validation_rows: split.reference.rows as u64,
            environment,
            upstreams: Vec::new(),
        })
    }

    /// Takes a number. The version is written down first: whoever repeats this repeats exactly this.
    pub(super) async fn create_version(&mut self, version: NewVersion) -> Result<JobChange, StepError> {
        self.prepare(version.clone()).await?;
        stop_here!("prepared");
        let registry = &self.app.registry;
        let number = registry.create_version(&version, self.job().id.as_str()).await?;
        stop_here!("registered");
        let mut change = JobChange::succeeded(number, version.digest);
        if let Err(error) = registry.finish_run(&version.run_id, &RunEnd::Finished).await {
            // The version exists and says which run made it: too late to fail.
            tracing::warn!(%error, run_id = version.run_id, "could not close the run");
            change.run_to_close = true;
        }
        Ok(change)
    }
}
