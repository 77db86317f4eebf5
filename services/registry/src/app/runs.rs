//! Runs.

use lineal_kernel::{Caller, Name, PageRequest, Timestamp};

use super::requests::{again, request};
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        bundle::Column,
        error::RegistryError,
        experiment::Stage,
        metric::MetricPoint,
        outbox::Message,
        promotion::Promotion,
        run::{CreateRun, DatasetReference, LogBatch, Run, RunStatus, Taint, UpdateRun},
        search::Search,
        tags::TagChange,
        version::VersionView,
    },
    store::Page,
};

const CREATE: &str = "create_run";
const LOG: &str = "log_batch";
const FINISH: &str = "finish_run";
const UPDATE: &str = "update_run";
const TAINT: &str = "taint_run";

/// One version that a run made.
#[derive(Debug)]
pub(crate) struct RunResult {
    pub(crate) view: VersionView,
    pub(crate) promotions: Vec<Promotion>,
    /// The raw columns that it reads; none if its bundle does not say.
    pub(crate) inputs: Vec<Column>,
}

impl Registry {
    /// Opens a run.
    pub(crate) async fn create_run(&self, caller: &Caller, wish: CreateRun) -> Result<Run, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if let Some(run_id) = self.replayed(caller, CREATE, &request).await? {
            return self.run(caller, &run_id).await;
        }
        let experiment = self.store.experiment_named(&caller.tenant, &wish.experiment).await?;
        if experiment.is_some_and(|experiment| experiment.stage == Stage::Deleted) {
            return Err(RegistryError::ExperimentDeleted { experiment: wish.experiment });
        }
        if !wish.parent_run_id.is_empty() {
            self.run(caller, &wish.parent_run_id).await?;
        }
        let now = self.clock.now();
        let mut run = wish.open(uuid::Uuid::now_v7().to_string(), uuid::Uuid::now_v7().to_string(), now);
        let entry = AuditEntry::new(caller, now, CREATE)
            .detail(run.name.as_str())
            .announce(self.events.as_ref().and_then(|events| events.started(&run)))
            .request(request.clone());
        match self.store.create_run(&caller.tenant, &run, &entry).await {
            Ok(experiment_id) => {
                run.experiment_id = experiment_id;
                Ok(run)
            }
            Err(error) => {
                let run_id = self.raced(caller, CREATE, &request, error).await?;
                self.run(caller, &run_id).await
            }
        }
    }

    /// Adds to an open run.
    pub(crate) async fn log_batch(&self, caller: &Caller, run_id: &str, batch: LogBatch) -> Result<Run, RegistryError> {
        let batch = &batch;
        again(|| async move {
            let run = self.run(caller, run_id).await?;
            let news = run.news(batch.clone())?;
            if news.is_empty() {
                return Ok(run);
            }
            let entry = AuditEntry::new(caller, self.clock.now(), LOG).detail(run.name.as_str());
            self.store.log_batch(&caller.tenant, &run, &news, &entry).await?;
            self.run(caller, run_id).await
        })
        .await
    }

    /// Closes a run.
    pub(crate) async fn finish_run(
        &self,
        caller: &Caller,
        run_id: &str,
        (status, error): (RunStatus, &str),
        ended: Option<Timestamp>,
    ) -> Result<Run, RegistryError> {
        let ended = ended.unwrap_or_else(|| self.clock.now());
        self.change_run(caller, run_id, (FINISH, &TagChange::default()), |run| {
            run.finish(status, error.to_owned(), ended)
        })
        .await
    }

    /// Changes what people call a run, and whether an open one has begun.
    pub(crate) async fn update_run(
        &self,
        caller: &Caller,
        run_id: &str,
        wish: &UpdateRun,
    ) -> Result<Run, RegistryError> {
        self.change_run(caller, run_id, (UPDATE, &wish.tags), |run| run.update(wish)).await
    }

    /// Deletes or restores a run.
    pub(crate) async fn stage_run(&self, caller: &Caller, run_id: &str, stage: Stage) -> Result<Run, RegistryError> {
        let action = match stage {
            Stage::Active => "restore_run",
            Stage::Deleted => "delete_run",
        };
        let change = |run: &mut Run| {
            run.stage = stage;
            Ok(())
        };
        self.change_run(caller, run_id, (action, &TagChange::default()), change).await
    }

    /// Marks a run whose inputs are no longer what was logged.
    pub(crate) async fn taint_run(&self, caller: &Caller, run_id: &str, reason: &str) -> Result<Run, RegistryError> {
        let created_us = self.clock.now().micros();
        let taint = Taint { reason: reason.to_owned(), actor: caller.actor.clone(), created_us };
        let change = |run: &mut Run| {
            run.taint(taint.clone());
            Ok(())
        };
        self.change_run(caller, run_id, (TAINT, &TagChange::default()), change).await
    }

    async fn change_run(
        &self,
        caller: &Caller,
        run_id: &str,
        (action, tags): (&'static str, &TagChange),
        change: impl Fn(&mut Run) -> Result<(), RegistryError> + Sync,
    ) -> Result<Run, RegistryError> {
        let change = &change;
        again(|| async move {
            let base = self.run(caller, run_id).await?;
            let mut run = base.clone();
            change(&mut run)?;
            if run.head() == base.head() {
                return Ok(run);
            }
            let told = if run.status == base.status { None } else { self.told(caller, &run).await? };
            let entry = AuditEntry::new(caller, self.clock.now(), action).detail(run.name.as_str()).announce(told);
            self.store.update_run(&caller.tenant, &run, tags, &entry).await?;
            Ok(run)
        })
        .await
    }

    /// What others are told of a run that has just begun or ended, if anybody is told.
    async fn told(&self, caller: &Caller, run: &Run) -> Result<Option<Message>, RegistryError> {
        let Some(events) = &self.events else { return Ok(None) };
        let mut inputs = Vec::with_capacity(run.datasets.len());
        for dataset in &run.datasets {
            inputs.push((dataset, self.columns(caller, dataset).await?));
        }
        let made = self.store.versions_of_run(&caller.tenant, &run.run_id).await?;
        Ok(events.started(run).or_else(|| events.ended(run, &inputs, &made)))
    }

    /// The columns of a snapshot that a run used, as far as they were recorded.
    async fn columns(&self, caller: &Caller, used: &DatasetReference) -> Result<Vec<String>, RegistryError> {
        let (Ok(name), Some(digest)) = (Name::new(&used.name), used.digest) else { return Ok(Vec::new()) };
        let latest = PageRequest { size: 500, after: None };
        let snapshots = self.store.snapshots(&caller.tenant, &name, &latest).await?.items;
        let found = snapshots.into_iter().find(|snapshot| snapshot.digest == digest);
        Ok(found.map(|snapshot| snapshot.columns).unwrap_or_default())
    }

    /// One run.
    pub(crate) async fn run(&self, caller: &Caller, run_id: &str) -> Result<Run, RegistryError> {
        let found = self.store.run(&caller.tenant, run_id).await?;
        found.ok_or_else(|| RegistryError::RunNotFound { run_id: run_id.to_owned() })
    }

    /// What a run made, and what was decided about it.
    pub(crate) async fn results(&self, caller: &Caller, run_id: &str) -> Result<Vec<RunResult>, RegistryError> {
        let names = self.store.versions_of_run(&caller.tenant, run_id).await?;
        let mut results = Vec::with_capacity(names.len());
        for view in self.store.versions_named(&caller.tenant, &names).await? {
            let promotions = self.moves_of(caller, &view.version.model, view.version.number).await?;
            let inputs = self.inputs(view.version.digest).await;
            results.push(RunResult { view, promotions, inputs });
        }
        Ok(results)
    }

    /// Active runs of one experiment or of all, newest first.
    pub(crate) async fn runs(
        &self,
        caller: &Caller,
        experiment: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Run>, RegistryError> {
        let mut search = Search::default();
        if let Some(name) = experiment {
            match self.store.experiment_named(&caller.tenant, name).await? {
                Some(experiment) => search.experiments.push(experiment.experiment_id),
                None => return Ok(Page { items: Vec::new(), next: None }),
            }
        }
        self.search_runs(caller, &search, page).await
    }

    /// Runs that pass a search, in its order.
    pub(crate) async fn search_runs(
        &self,
        caller: &Caller,
        search: &Search,
        page: &PageRequest,
    ) -> Result<Page<Run>, RegistryError> {
        Ok(self.store.search_runs(&caller.tenant, search, page).await?)
    }

    /// Every point of one metric of a run.
    pub(crate) async fn metric_history(
        &self,
        caller: &Caller,
        run_id: &str,
        key: &str,
        page: &PageRequest,
    ) -> Result<Page<MetricPoint>, RegistryError> {
        self.run(caller, run_id).await?;
        Ok(self.store.metric_history(&caller.tenant, run_id, key, page).await?)
    }
}
