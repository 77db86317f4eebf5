//! Splits that are given a name before any job uses it.

use lineal_data::SplitRule;
use lineal_db::StoreError;
use lineal_kernel::{Caller, Name, PageRequest, Slot};

use super::App;
use crate::{
    domain::{
        CreateJob, Definition as _, DefinitionConflict, DefinitionKind, JobSpec, NamedSplit, SplitDefinition,
        TrainerError,
    },
    failpoints::stop_here,
};

impl App {
    /// Gives a split its name for ever.
    pub(crate) async fn create_split(&self, caller: &Caller, split: NamedSplit) -> Result<NamedSplit, TrainerError> {
        let (dataset, name) = (&split.dataset, &split.name);
        let conflict = |difference: &str| {
            let (scope, name) = (dataset.to_string(), name.to_string());
            let difference = difference.to_owned();
            TrainerError::Definition(DefinitionConflict { kind: DefinitionKind::Split, scope, name, difference })
        };
        let used = self.used_split(dataset, name).await?;
        if used.as_ref().is_some_and(|used| used.rule.is_none()) {
            return Err(conflict("was made by a job that named no rule, its reference set is fixed"));
        }
        let body = serde_json::to_string(&split.rule).map_err(|error| StoreError::Backend(error.into()))?;
        let known = self.store.create_split(dataset, name, &body, &caller.actor, self.clock.now()).await?;
        stop_here!("split_kept");
        if rule(&known)? != split.rule {
            return Err(conflict("is another rule"));
        }
        Ok(NamedSplit { reference: used.map(|used| used.reference), ..split })
    }

    /// One split that was created.
    pub(crate) async fn get_split(&self, dataset: &Name, name: &Name) -> Result<NamedSplit, TrainerError> {
        let missing = || TrainerError::SplitNotFound { dataset: dataset.clone(), name: name.clone() };
        let rule = self.split_rule(dataset, name).await?.ok_or_else(missing)?;
        let reference = self.used_split(dataset, name).await?.map(|used| used.reference);
        Ok(NamedSplit { dataset: dataset.clone(), name: name.clone(), rule, reference })
    }

    /// The splits of a dataset, and where the next page begins.
    pub(crate) async fn list_splits(
        &self,
        dataset: &Name,
        page: &PageRequest,
    ) -> Result<(Vec<NamedSplit>, Option<String>), TrainerError> {
        let mut rows = self.store.splits(dataset, page.after.as_deref().unwrap_or_default(), page.size + 1).await?;
        let more = rows.len() > page.size as usize;
        rows.truncate(page.size as usize);
        let next = rows.last().filter(|_| more).map(|(name, _)| name.clone());
        let mut splits = Vec::with_capacity(rows.len());
        for (name, body) in rows {
            let name = Name::new(&name).map_err(|error| StoreError::Backend(error.into()))?;
            let reference = self.used_split(dataset, &name).await?.map(|used| used.reference);
            splits.push(NamedSplit { dataset: dataset.clone(), name, rule: rule(&body)?, reference });
        }
        Ok((splits, next))
    }

    /// The rule that was created under this name.
    pub(super) async fn split_rule(&self, dataset: &Name, name: &Name) -> Result<Option<SplitRule>, StoreError> {
        self.store.split(dataset.as_str(), name.as_str()).await?.map(|body| rule(&body)).transpose()
    }

    /// Refuses a job that contradicts the split it names, or names one that nobody created where somebody created some.
    pub(super) async fn check_split(&self, spec: &JobSpec) -> Result<(), TrainerError> {
        let Some(name) = &spec.split_version else { return Ok(()) };
        let dataset = &spec.dataset;
        if let Some(rule) = self.split_rule(dataset, name).await? {
            return Ok(rule.agrees(name.as_str(), spec)?);
        }
        let strict = !self.store.splits(dataset, "", 1).await?.is_empty();
        if strict && self.used_split(dataset, name).await?.is_none() {
            return Err(TrainerError::SplitNotFound { dataset: dataset.clone(), name: name.clone() });
        }
        Ok(())
    }

    /// A job without a slot that trains on a scope is meant for the slot of that scope.
    pub(super) async fn scoped(&self, mut command: CreateJob) -> Result<CreateJob, StoreError> {
        let spec = &mut command.spec;
        let Some(name) = spec.split_version.as_ref().filter(|_| spec.slot.is_default()) else { return Ok(command) };
        if let Some(rule) = self.split_rule(&spec.dataset, name).await? {
            // What is no label stays a tag of the version alone.
            spec.slot = Slot::new(rule.scope).unwrap_or_else(|_| spec.slot.clone());
        }
        Ok(command)
    }

    /// What the first job made of the name.
    async fn used_split(&self, dataset: &Name, name: &Name) -> Result<Option<SplitDefinition>, StoreError> {
        let body = self.store.definition(DefinitionKind::Split, dataset.as_str(), name.as_str()).await?;
        let body = body.map(|body| serde_json::from_str(&body)).transpose();
        body.map_err(|error| StoreError::Backend(error.into()))
    }
}

fn rule(body: &str) -> Result<SplitRule, StoreError> {
    serde_json::from_str(body).map_err(|error| StoreError::Backend(error.into()))
}
