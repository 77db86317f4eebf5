//! What earlier rows held, for features that ask for it.

use std::collections::BTreeMap;

use lineal_data::{FeatureSet, Lag};

use super::{Execution, StepError, load::Loaded, recipe::Recipe, split::Split};
use crate::{
    app::failure::blocking,
    domain::{Method, check_history},
};

impl Execution<'_> {
    /// Adds the lags of the recipe's features to the train rows, before any of these is repeated or left out.
    pub(super) async fn look_back(
        &self,
        recipe: &Recipe,
        loaded: &Loaded,
        mut split: Split,
    ) -> Result<Split, StepError> {
        if !matches!(self.method()?, Method::Model(_)) {
            return Ok(split);
        }
        let set = self.app.known::<FeatureSet>(self.spec(), &recipe.features).await?;
        let Some((set, history)) = set.and_then(|set| set.history.clone().map(|history| (set, history))) else {
            return Ok(split);
        };
        check_history(&set, &split.definition.rule(&recipe.split), self.spec())?;
        if loaded.sample.is_some() {
            return Err(StepError::SampledHistory { features: set.version });
        }
        let (rows, names) = (split.parts.train.clone(), history.lags.iter().map(Lag::name).collect::<Vec<_>>());
        split.parts.train = blocking(move || Ok(history.fill(&rows)?)).await?;
        self.note(1.0, BTreeMap::new(), &format!("looked back for {}", names.join(", "))).await?;
        Ok(split)
    }
}
