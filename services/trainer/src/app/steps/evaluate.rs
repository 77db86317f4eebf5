//! How good the bundle is on rows it has never seen.

use std::{collections::BTreeMap, sync::Arc};

use lineal_models::ServedModel;

use super::{Execution, StepError, load::Loaded, recipe::Recipe, split::Split, train::Fitted, upstreams::Upstreams};
use crate::app::failure::blocking;

impl Execution<'_> {
    /// Scores the reference set by the path that serves and measures it.
    pub(super) async fn evaluate(
        &self,
        recipe: &Recipe,
        upstreams: &Upstreams,
        loaded: &Loaded,
        split: &Split,
        fitted: &Fitted,
    ) -> Result<BTreeMap<String, f64>, StepError> {
        let (bundle, labels) = (Arc::clone(&fitted.bundle), loaded.labels.clone());
        let before: Vec<_> = upstreams.bundles.iter().map(|(_, bundle)| bundle.clone()).collect();
        let reference = split.parts.reference.clone();
        let metrics = blocking(move || {
            let served = ServedModel::load_chain(&bundle, &before)?;
            let scores = served.score(&served.look_back(&reference)?.into_frame())?;
            Ok(served.measure(&labels.numbers(&reference, "reference")?, &scores)?)
        })
        .await?;
        let metrics: BTreeMap<_, _> = metrics.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.measured(&recipe.split, metrics.clone()).await?;
        Ok(metrics)
    }
}
