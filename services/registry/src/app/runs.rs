//! Runs.

use lineal_kernel::{Caller, PageRequest, Timestamp};

use super::requests::{again, request};
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        error::RegistryError,
        experiment::Stage,
        metric::MetricPoint,
        run::{CreateRun, LogBatch, Run, RunStatus, UpdateRun},
        search::Search,
        tags::TagChange,
    },
    store::Page,
};

const CREATE: &str = "create_run";
const LOG: &str = "log_batch";
const FINISH: &str = "finish_run";
const UPDATE: &str = "update_run";

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
        let entry = AuditEntry::new(caller, now, CREATE).detail(run.name.as_str()).request(request.clone());
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
            let entry = AuditEntry::new(caller, self.clock.now(), action).detail(run.name.as_str());
            self.store.update_run(&caller.tenant, &run, tags, &entry).await?;
            Ok(run)
        })
        .await
    }

    /// One run.
    pub(crate) async fn run(&self, caller: &Caller, run_id: &str) -> Result<Run, RegistryError> {
        let found = self.store.run(&caller.tenant, run_id).await?;
        found.ok_or_else(|| RegistryError::RunNotFound { run_id: run_id.to_owned() })
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
