//! Driving runs of pipelines: what is ready begins, what has ended is written down, until nothing is left. Everything that decides is
//! in the store, so a process that takes a run over goes on where the other one stood.

mod step;
mod train;

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use lineal_db::StoreError;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{App, BEAT};
use crate::{
    domain::{Graph, Next, PipelineRun, PipelineRunId, PipelineStep, RunLease, StepState},
    failpoints::stop_here,
};
use step::StepEnd;

/// A run in the hands of this process.
struct Drive {
    app: Arc<App>,
    lease: RunLease,
    graph: Graph,
    run: PipelineRun,
    /// Set once someone asked the run to stop.
    stop: CancellationToken,
    /// Steps under way, each with how it ends.
    under_way: FuturesUnordered<BoxFuture<'static, (String, StepEnd)>>,
}

impl App {
    /// Takes up runs that nobody drives, until `shutdown`.
    pub(super) async fn drive(self: &Arc<Self>, shutdown: &CancellationToken) {
        let mut ticks = interval(BEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut driven = JoinSet::new();
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = ticks.tick() => {}
                () = self.drives.notified() => {}
                Some(ended) = driven.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "driving a run broke off; it is taken up again when its lease has run out");
                    }
                    continue;
                }
            }
            match self.store.claim_pipeline_runs(self.clock.now(), self.clock.now().plus(self.settings.lease)).await {
                Ok(leases) => leases.into_iter().for_each(|lease| {
                    let app = Arc::clone(self);
                    driven.spawn(async move { app.drive_run(lease).await });
                }),
                Err(error) => tracing::error!(%error, "could not look for runs of pipelines"),
            }
        }
        driven.shutdown().await;
    }

    /// Drives one run to its end, or until it is no longer ours.
    async fn drive_run(self: Arc<Self>, lease: RunLease) {
        let id = lease.id.clone();
        match self.drive_to_end(lease).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => tracing::warn!(pipeline_run_id = %id, "the run is no longer ours"),
            // Its lease runs out, and then it is taken up again.
            Err(error) => tracing::error!(%error, pipeline_run_id = %id, "could not drive a run"),
        }
    }

    async fn drive_to_end(self: Arc<Self>, lease: RunLease) -> Result<(), StoreError> {
        let missing = |what: &str| StoreError::corrupt(format!("a run under way has no {what}"));
        let run = self.store.pipeline_run(&lease.id).await?.ok_or_else(|| missing("row"))?;
        let pipeline = self.store.pipeline(&run.pipeline).await?.ok_or_else(|| missing("pipeline"))?;
        let (stop, under_way) = (CancellationToken::new(), FuturesUnordered::new());
        Drive { app: self, lease, graph: pipeline.graph, run, stop, under_way }.go().await
    }
}

impl Drive {
    async fn go(mut self) -> Result<(), StoreError> {
        let mut asked = self.app.run_stops.follow(self.id());
        let mut ticks = interval(BEAT.min(self.app.settings.lease / 3).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once: a request to stop is known before anything begins.
        ticks.tick().await;
        self.keep().await?;
        let taken_over: Vec<_> =
            self.run.steps.iter().filter(|step| step.state == StepState::Running).cloned().collect();
        for step in taken_over {
            self.begin(&step);
        }
        loop {
            self.go_on().await?;
            if self.under_way.is_empty() {
                return self.finish().await;
            }
            tokio::select! {
                Some((node, end)) = self.under_way.next() => self.end(&node, end).await?,
                _ = asked.changed() => self.keep().await?,
                _ = ticks.tick() => self.keep().await?,
            }
        }
    }

    fn id(&self) -> &PipelineRunId {
        &self.lease.id
    }

    /// Keeps the lease and hears whether someone asked to stop.
    async fn keep(&mut self) -> Result<(), StoreError> {
        let until = self.app.clock.now().plus(self.app.settings.lease);
        if self.app.store.keep_pipeline_run(&self.lease, until).await? {
            self.stop.cancel();
        }
        Ok(())
    }

    /// Begins what is ready and ends what never will be.
    async fn go_on(&mut self) -> Result<(), StoreError> {
        loop {
            let next = self.run.next(&self.graph);
            if next.is_empty() {
                return Ok(());
            }
            for next in next {
                match next {
                    Next::End(node, state, why) => self.close(&node, state, why).await?,
                    Next::Start(node) if self.stop.is_cancelled() => {
                        self.close(&node, StepState::Cancelled, "the run was cancelled".to_owned()).await?;
                    }
                    Next::Start(node) => self.start(&node).await?,
                }
            }
        }
    }

    /// Begins a step, which may have to read its settings first.
    async fn start(&mut self, node: &str) -> Result<(), StoreError> {
        let Some(step) = self.run.step(node) else { return Ok(()) };
        let step = step.started(self.inputs(node), self.app.clock.now());
        if self.waits_for_settings(&step) {
            self.write(step.clone(), "reading the settings").await?;
            stop_here!("settings_asked");
            self.begin(&step);
            return Ok(());
        }
        self.make(step, "started").await
    }

    /// Lets a step come to its result. What decides on it is written down before.
    async fn make(&mut self, step: PipelineStep, message: &str) -> Result<(), StoreError> {
        let rows = self.app.rows_of(&self.graph, &step.node).await?;
        let step = PipelineStep { key: Some(self.key(&step, rows)?), ..step };
        self.write(step.clone(), message).await?;
        stop_here!("step_started");
        self.begin(&step);
        Ok(())
    }

    /// Writes how a step ended.
    async fn end(&mut self, node: &str, end: StepEnd) -> Result<(), StoreError> {
        let Some(step) = self.run.step(node) else { return Ok(()) };
        let now = self.app.clock.now();
        stop_here!("step_ended");
        match end {
            StepEnd::Settings(digest) => {
                let step = PipelineStep { settings: Some(digest), ..step.clone() };
                self.make(step, &format!("uses the settings {}", digest.short())).await
            }
            StepEnd::Done(output, message) => {
                let step = step.succeeded(output, None, now);
                self.write(step, &message).await
            }
            StepEnd::Reused(run, output) => {
                let step = step.succeeded(output, Some(run.to_string()), now);
                self.write(step, &format!("reused from {run}")).await
            }
            StepEnd::Away(why) => {
                let told = step.message == why;
                let step = PipelineStep { message: why, ..step.clone() };
                self.begin_again(&step);
                if told {
                    return Ok(());
                }
                let message = format!("waits: {}", step.message);
                self.write(step, &message).await
            }
            StepEnd::Without(state, why) => self.close(node, state, why).await,
            StepEnd::Store(error) => Err(error),
        }
    }

    async fn close(&mut self, node: &str, state: StepState, why: String) -> Result<(), StoreError> {
        let Some(step) = self.run.step(node) else { return Ok(()) };
        let message = format!("{}: {why}", state.as_str());
        let step = step.ended(state, why, self.app.clock.now());
        self.write(step, &message).await
    }

    async fn write(&mut self, step: PipelineStep, message: &str) -> Result<(), StoreError> {
        self.app.store.record_pipeline_step(&self.lease, &step, message, self.app.clock.now()).await?;
        if let Some(known) = self.run.steps.iter_mut().find(|known| known.node == step.node) {
            *known = step;
        }
        self.app.run_news.tell(self.id());
        Ok(())
    }

    async fn finish(self) -> Result<(), StoreError> {
        let state = self.run.outcome();
        self.app.store.end_pipeline_run(&self.lease, state, self.app.clock.now()).await?;
        stop_here!("run_ended");
        tracing::info!(pipeline_run_id = %self.id(), state = state.as_str(), "a run of a pipeline has ended");
        self.app.run_news.tell(self.id());
        Ok(())
    }
}
