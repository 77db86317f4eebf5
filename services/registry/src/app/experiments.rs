//! Experiments.

use lineal_kernel::{Caller, PageRequest};

use super::requests::{again, request};
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        error::RegistryError,
        experiment::{CreateExperiment, Experiment, Stage, UpdateExperiment},
    },
    store::Page,
};

const CREATE: &str = "create_experiment";
const UPDATE: &str = "update_experiment";

impl Registry {
    /// Registers an experiment.
    pub(crate) async fn create_experiment(
        &self,
        caller: &Caller,
        wish: CreateExperiment,
    ) -> Result<Experiment, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if let Some(experiment_id) = self.replayed(caller, CREATE, &request).await? {
            return self.experiment(caller, &experiment_id).await;
        }
        if self.store.experiment_named(&caller.tenant, &wish.name).await?.is_some() {
            return Err(RegistryError::ExperimentExists { name: wish.name });
        }
        let now = self.clock.now();
        let experiment = wish.build(uuid::Uuid::now_v7().to_string(), now);
        let entry = AuditEntry::new(caller, now, CREATE).detail(wish.name.as_str()).request(request.clone());
        match self.store.create_experiment(&caller.tenant, &experiment, &entry).await {
            Ok(()) => Ok(experiment),
            Err(error) => {
                let experiment_id = self.raced(caller, CREATE, &request, error).await?;
                self.experiment(caller, &experiment_id).await
            }
        }
    }

    /// One experiment by its id.
    pub(crate) async fn experiment(&self, caller: &Caller, experiment_id: &str) -> Result<Experiment, RegistryError> {
        let found = self.store.experiment(&caller.tenant, experiment_id).await?;
        found.ok_or_else(|| RegistryError::ExperimentNotFound { experiment: experiment_id.to_owned() })
    }

    /// One experiment by its name.
    pub(crate) async fn experiment_named(&self, caller: &Caller, name: &str) -> Result<Experiment, RegistryError> {
        let found = self.store.experiment_named(&caller.tenant, name).await?;
        found.ok_or_else(|| RegistryError::ExperimentNotFound { experiment: name.to_owned() })
    }

    /// Experiments in order of their names.
    pub(crate) async fn experiments(
        &self,
        caller: &Caller,
        stage: Option<Stage>,
        page: &PageRequest,
    ) -> Result<Page<Experiment>, RegistryError> {
        Ok(self.store.experiments(&caller.tenant, stage, page).await?)
    }

    /// Renames and describes an experiment.
    pub(crate) async fn update_experiment(
        &self,
        caller: &Caller,
        experiment_id: &str,
        wish: &UpdateExperiment,
    ) -> Result<Experiment, RegistryError> {
        if let Some(name) = &wish.name
            && let Some(other) = self.store.experiment_named(&caller.tenant, name).await?
            && other.experiment_id != experiment_id
        {
            return Err(RegistryError::ExperimentExists { name: name.clone() });
        }
        self.change_experiment(caller, experiment_id, UPDATE, |experiment| wish.apply(experiment)).await
    }

    /// Deletes or restores an experiment.
    pub(crate) async fn stage_experiment(
        &self,
        caller: &Caller,
        experiment_id: &str,
        stage: Stage,
    ) -> Result<Experiment, RegistryError> {
        let action = match stage {
            Stage::Active => "restore_experiment",
            Stage::Deleted => "delete_experiment",
        };
        self.change_experiment(caller, experiment_id, action, |experiment| experiment.stage = stage).await
    }

    async fn change_experiment(
        &self,
        caller: &Caller,
        experiment_id: &str,
        action: &'static str,
        change: impl Fn(&mut Experiment) + Sync,
    ) -> Result<Experiment, RegistryError> {
        let change = &change;
        again(|| async move {
            let base = self.experiment(caller, experiment_id).await?;
            let mut experiment = base.clone();
            change(&mut experiment);
            if experiment == base {
                return Ok(experiment);
            }
            experiment.updated = self.clock.now();
            let entry = AuditEntry::new(caller, experiment.updated, action).detail(experiment.name.as_str());
            self.store.update_experiment(&caller.tenant, &experiment, &entry).await?;
            Ok(experiment)
        })
        .await
    }
}
