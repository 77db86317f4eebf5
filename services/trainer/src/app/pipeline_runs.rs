//! Runs of pipelines as callers see them.

use std::sync::Arc;

use async_stream::try_stream;
use futures::Stream;
use lineal_db::StoreError;
use lineal_kernel::{Caller, PageRequest};
use tokio::time::{MissedTickBehavior, interval};

use super::{App, BEAT};
use crate::{
    domain::{
        Graph, PipelineEvent, PipelineRun, PipelineRunFilter, PipelineRunId, RunCreation, RunPipeline, TrainerError,
    },
    failpoints::stop_here,
};

/// Events read at once.
const BATCH: u32 = 100;

impl App {
    /// Stores a run. The same request id returns the run it made; a pipeline with a run under way gets no other unless that is
    /// what the caller wants.
    pub(crate) async fn run_pipeline(
        &self,
        caller: &Caller,
        command: RunPipeline,
    ) -> Result<PipelineRun, TrainerError> {
        let pipeline = self.pipeline(&command.pipeline).await?;
        let run = PipelineRun::new(&pipeline, &command, caller.actor.clone(), self.clock.now())?;
        if let Some(known) = self.store.pipeline_run_by_request(&command.request_id).await? {
            return same(known, &run);
        }
        self.check_declared(&pipeline.graph, &run).await?;
        match self.store.create_pipeline_run(&run, command.rerun).await? {
            RunCreation::Run(stored) => {
                stop_here!("run_stored");
                self.drives.notify_one();
                same(*stored, &run)
            }
            RunCreation::Busy(run_id) => Err(TrainerError::PipelineBusy { pipeline_id: command.pipeline, run_id }),
        }
    }

    /// Refuses a run that would give features a name that means others already.
    async fn check_declared(&self, graph: &Graph, run: &PipelineRun) -> Result<(), TrainerError> {
        for wish in run.steps.iter().filter_map(|step| graph.declared(&step.node)) {
            if let Some(known) = self.store.feature_set(&wish.model, &wish.name).await? {
                wish.agrees(&known)?;
            }
        }
        Ok(())
    }

    /// One run.
    pub(crate) async fn pipeline_run(&self, id: &PipelineRunId) -> Result<PipelineRun, TrainerError> {
        let run = self.store.pipeline_run(id).await?;
        run.ok_or_else(|| TrainerError::PipelineRunNotFound { run_id: id.clone() })
    }

    /// A page of runs, newest first, and where the next one begins.
    pub(crate) async fn pipeline_runs(
        &self,
        filter: &PipelineRunFilter,
        page: &PageRequest,
    ) -> Result<(Vec<PipelineRun>, Option<PipelineRunId>), TrainerError> {
        let before = page.after.clone().map(PipelineRunId::from);
        let mut runs = self.store.pipeline_runs(filter, before.as_ref(), page.size + 1).await?;
        let more = runs.len() > page.size as usize;
        runs.truncate(page.size as usize);
        let next = if more { runs.last().map(|run| run.id.clone()) } else { None };
        Ok((runs, next))
    }

    /// Asks a run to stop. One that has ended stays as it is.
    pub(crate) async fn cancel_pipeline_run(
        &self,
        caller: &Caller,
        id: &PipelineRunId,
    ) -> Result<PipelineRun, TrainerError> {
        self.store.cancel_pipeline_run(id, &caller.actor, self.clock.now()).await?;
        self.run_stops.tell(id);
        self.run_news.tell(id);
        self.pipeline_run(id).await
    }

    /// Lets a failed or cancelled run go on where it stood, unless its pipeline has another one under way. Any other stays as it is.
    pub(crate) async fn resume_pipeline_run(
        &self,
        caller: &Caller,
        id: &PipelineRunId,
    ) -> Result<PipelineRun, TrainerError> {
        let run = self.pipeline_run(id).await?;
        let pipeline = self.pipeline(&run.pipeline).await?;
        let Some(steps) = run.resumed(&pipeline.graph) else { return Ok(run) };
        match self.store.resume_pipeline_run(&run, &steps, &caller.actor, self.clock.now()).await {
            Ok(Some(run_id)) => return Err(TrainerError::PipelineBusy { pipeline_id: run.pipeline, run_id }),
            // Somebody else has resumed it.
            Ok(None) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        self.drives.notify_one();
        self.run_news.tell(id);
        self.pipeline_run(id).await
    }

    /// The events of a run after number `after`: those of the past, then new ones, until the run has ended.
    pub(crate) async fn watch_pipeline_run(
        self: &Arc<Self>,
        id: PipelineRunId,
        after: u64,
    ) -> Result<impl Stream<Item = Result<PipelineEvent, TrainerError>> + Send + use<>, TrainerError> {
        self.pipeline_run(&id).await?;
        let app = Arc::clone(self);
        Ok(try_stream! {
            // Followed before the past is read, so that nothing falls in between.
            let mut news = app.run_news.follow(&id);
            // Against what other processes write.
            let mut ticks = interval(BEAT);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut after = after;
            loop {
                let run = app.pipeline_run(&id).await?;
                while after < run.last_sequence {
                    for event in app.store.pipeline_events(&id, after, BATCH).await? {
                        after = event.sequence;
                        yield event;
                    }
                }
                if run.state.is_final() {
                    return;
                }
                let waiting = async {
                    tokio::select! {
                        _ = news.changed() => {}
                        _ = ticks.tick() => {}
                    }
                };
                if app.stopping.run_until_cancelled(waiting).await.is_none() {
                    Err(TrainerError::Stopping)?;
                }
            }
        })
    }
}

/// The run that is there, if it was asked for in the same words as `run`.
fn same(known: PipelineRun, run: &PipelineRun) -> Result<PipelineRun, TrainerError> {
    let said = |run: &PipelineRun| (run.pipeline.clone(), run.until.clone(), run.sources.clone(), run.max_staleness);
    if said(&known) == said(run) {
        return Ok(known);
    }
    Err(TrainerError::RunRequestIdReused { request_id: run.request_id.clone(), run_id: known.id })
}
