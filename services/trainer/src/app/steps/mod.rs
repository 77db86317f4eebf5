//! The steps of a training, in their order.

mod create_version;
mod evaluate;
mod labels;
mod load;
mod log;
mod look_back;
mod member;
mod recheck;
mod recipe;
mod register;
mod repeat;
mod resample;
mod split;
mod train;
mod upstreams;

use super::{execution::Execution, failure::StepError};
use crate::domain::{JobChange, NewVersion, Step};
use log::Findings;
pub(super) use recipe::version_name;
pub(super) use repeat::Repetition;

impl Execution<'_> {
    /// Goes through all steps; the job's last change is the result.
    pub(super) async fn train(&mut self) -> Result<JobChange, StepError> {
        if let Some(version) = self.pending.take() {
            return self.create_version(*version).await;
        }
        self.enter(Step::Load, "reading the rows").await?;
        let recipe = self.recipe().await?;
        let upstreams = self.app.upstreams(self.spec()).await?;
        let loaded = self.load(&upstreams).await?;
        let stale = self.stale(&upstreams, &loaded).await?;
        self.enter(Step::Split, "splitting the rows").await?;
        let split = self.split(&recipe, &loaded).await?;
        let split = self.look_back(&recipe, &loaded, split).await?;
        let split = self.resample(split).await?;
        self.enter(Step::Train, "computing features and fitting").await?;
        let fitted = self.fit(&recipe, &upstreams, &loaded, &split).await?;
        self.enter(Step::Evaluate, "scoring the reference set").await?;
        let metrics = self.evaluate(&recipe, &upstreams, &loaded, &split, &fitted).await?;
        self.enter(Step::Log, "writing to the run").await?;
        self.log(&recipe, &loaded, &split, &fitted, Findings { metrics: &metrics, stale: &stale }).await?;
        self.enter(Step::Register, "storing the bundle").await?;
        self.register(&fitted).await?;
        self.recheck(&recipe, &loaded, &split).await?;
        let version =
            NewVersion { upstreams: upstreams.references, ..self.describe(recipe, loaded, split, fitted, metrics)? };
        self.create_version(version).await
    }
}
