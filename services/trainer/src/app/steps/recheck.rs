//! The inputs of the training, hashed again now that it is over.

use std::collections::BTreeMap;

use super::{Execution, StepError, load::Loaded, recipe::Recipe, split::Split};
use crate::app::inputs::Input;

impl Execution<'_> {
    /// Taints the run if what it read moved meanwhile. This comes before the version, so that none is ever promotable in between.
    pub(super) async fn recheck(&self, recipe: &Recipe, loaded: &Loaded, split: &Split) -> Result<(), StepError> {
        let mut inputs = vec![
            Input::new("source file", self.spec().source_digest),
            Input::new("snapshot", loaded.snapshot.digest),
            Input::new("training part", split.train.digest),
            Input::new("reference part", split.reference.digest),
        ];
        inputs.extend(split.extra.as_ref().map(|extra| Input::new("extra part", extra.digest)));
        inputs.extend(split.tests.iter().map(|(name, test)| Input::new(format!("test `{name}`"), test.digest)));
        let moved = self.app.moved(&inputs).await?;
        if moved.is_empty() {
            return Ok(());
        }
        let reason = moved.join("; ");
        self.app.registry.taint(&recipe.run_id, &reason).await?;
        self.note(1.0, BTreeMap::new(), &format!("tainted: {reason}")).await?;
        Ok(())
    }
}
