//! Classes of one size among the train rows.

use std::collections::BTreeMap;

use super::{Execution, StepError, split::Split};
use crate::app::failure::blocking;

impl Execution<'_> {
    /// Repeats or leaves out train rows as the specification says. Reference and extra rows stay as they are.
    pub(super) async fn resample(&self, mut split: Split) -> Result<Split, StepError> {
        let spec = self.spec();
        let Some((resampling, method)) = spec.resampling.and_then(|resampling| Some((resampling, resampling.method?)))
        else {
            return Ok(split);
        };
        let (rows, label) = (split.parts.train.clone(), spec.label_column.clone());
        let before = rows.rows();
        split.parts.train =
            blocking(move || Ok(lineal_data::resample(&rows, &label, method, resampling.seed)?)).await?;
        let after = split.parts.train.rows();
        self.note(1.0, BTreeMap::new(), &format!("resampled ({resampling}): {before} train rows become {after}"))
            .await?;
        Ok(split)
    }
}
