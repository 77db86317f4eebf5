//! Keeping pipelines.

use lineal_kernel::{Caller, PageRequest, Timestamp};

use super::App;
use crate::domain::{Graph, Pipeline, PipelineId, TrainerError};

impl App {
    /// Keeps a graph; one that is there already stays as it is.
    pub(crate) async fn save_pipeline(&self, caller: &Caller, graph: Graph) -> Result<Pipeline, TrainerError> {
        let id = graph.id()?;
        let pipeline = Pipeline { id, graph, actor: caller.actor.clone(), create_time: self.clock.now() };
        Ok(self.store.save_pipeline(&pipeline).await?)
    }

    /// One pipeline.
    pub(crate) async fn pipeline(&self, id: &PipelineId) -> Result<Pipeline, TrainerError> {
        let pipeline = self.store.pipeline(id).await?;
        pipeline.ok_or_else(|| TrainerError::PipelineNotFound { pipeline_id: id.clone() })
    }

    /// A page of pipelines, newest first, and where the next one begins.
    pub(crate) async fn pipelines(
        &self,
        dataset: Option<&str>,
        page: &PageRequest,
    ) -> Result<(Vec<Pipeline>, Option<String>), TrainerError> {
        let before = page.after.as_deref().and_then(|cursor| {
            let (micros, id) = cursor.split_once('/')?;
            Some((Timestamp::from_micros(micros.parse().ok()?), PipelineId::from(id.to_owned())))
        });
        let mut pipelines = self.store.pipelines(dataset, before.as_ref(), page.size + 1).await?;
        let more = pipelines.len() > page.size as usize;
        pipelines.truncate(page.size as usize);
        let cursor = |last: &Pipeline| format!("{}/{}", last.create_time.micros(), last.id);
        let next = if more { pipelines.last().map(cursor) } else { None };
        Ok((pipelines, next))
    }
}
