//! Runs.

use lineal_db::StoreError;
use lineal_kernel::{Caller, PageRequest};

use super::requests::request;
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        error::RegistryError,
        run::{CreateRun, LogBatch, Run, RunStatus},
    },
    store::Page,
};

const CREATE: &str = "create_run";
const LOG: &str = "log_batch";
const FINISH: &str = "finish_run";
/// Writers of one run that collide this often are doing something else than logging.
const TRIES: usize = 5;

impl Registry {
    /// Opens a run.
    pub(crate) async fn create_run(&self, caller: &Caller, wish: CreateRun) -> Result<Run, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if let Some(run_id) = self.replayed(caller, CREATE, &request).await? {
            return self.run(caller, &run_id).await;
        }
        let now = self.clock.now();
        let run = wish.open(uuid::Uuid::now_v7().to_string(), now);
        let entry = AuditEntry::new(caller, now, CREATE).detail(run.name.as_str()).request(request.clone());
        match self.store.create_run(&caller.tenant, &run, &entry).await {
            Ok(()) => Ok(run),
            Err(error) => {
                let run_id = self.raced(caller, CREATE, &request, error).await?;
                self.run(caller, &run_id).await
            }
        }
    }

    /// Adds to an open run.
    pub(crate) async fn log_batch(&self, caller: &Caller, run_id: &str, batch: LogBatch) -> Result<Run, RegistryError> {
        self.change_run(caller, run_id, LOG, |run| run.log(batch.clone())).await
    }

    /// Closes a run.
    pub(crate) async fn finish_run(
        &self,
        caller: &Caller,
        run_id: &str,
        status: RunStatus,
        error: &str,
    ) -> Result<Run, RegistryError> {
        let now = self.clock.now();
        self.change_run(caller, run_id, FINISH, |run| run.finish(status, error.to_owned(), now)).await
    }

    async fn change_run(
        &self,
        caller: &Caller,
        run_id: &str,
        action: &'static str,
        change: impl Fn(&mut Run) -> Result<(), RegistryError>,
    ) -> Result<Run, RegistryError> {
        for _ in 0..TRIES {
            let base = self.run(caller, run_id).await?;
            let mut run = base.clone();
            change(&mut run)?;
            if run == base {
                return Ok(run);
            }
            let entry = AuditEntry::new(caller, self.clock.now(), action).detail(run.name.as_str());
            match self.store.update_run(&caller.tenant, &run, &entry).await {
                Ok(()) => return Ok(run),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Busy.into())
    }

    /// One run.
    pub(crate) async fn run(&self, caller: &Caller, run_id: &str) -> Result<Run, RegistryError> {
        let found = self.store.run(&caller.tenant, run_id).await?;
        found.ok_or_else(|| RegistryError::RunNotFound { run_id: run_id.to_owned() })
    }

    /// Runs, newest first.
    pub(crate) async fn runs(
        &self,
        caller: &Caller,
        experiment: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Run>, RegistryError> {
        Ok(self.store.runs(&caller.tenant, experiment, page).await?)
    }
}
