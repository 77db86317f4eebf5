//! Classes of one size among the train rows.

use std::collections::BTreeMap;

use lineal_data::Table;

use super::{Execution, StepError, split::Split};
use crate::{
    app::failure::blocking,
    domain::{JobSpec, Resampling},
};

impl Execution<'_> {
    /// Repeats or leaves out train rows as the specification says. Reference and extra rows stay as they are.
    pub(super) async fn resample(&self, mut split: Split) -> Result<Split, StepError> {
        let Some(resampling) = self.spec().resampling else { return Ok(split) };
        let (rows, spec) = (split.parts.train.clone(), self.spec().clone());
        let before = rows.rows();
        split.parts.train = blocking(move || resampled(rows, &spec)).await?;
        let after = split.parts.train.rows();
        self.note(1.0, BTreeMap::new(), &format!("resampled ({resampling}): {before} train rows become {after}"))
            .await?;
        Ok(split)
    }
}

/// The train rows as `spec` wants them.
pub(super) fn resampled(rows: Table, spec: &JobSpec) -> Result<Table, StepError> {
    match spec.resampling {
        Some(Resampling { method: Some(method), seed }) => {
            Ok(lineal_data::resample(&rows, &spec.label_column, method, seed)?)
        }
        Some(Resampling { method: None, .. }) | None => Ok(rows),
    }
}
