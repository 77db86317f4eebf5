//! Models.

use lineal_db::StoreError;
use lineal_kernel::{Caller, ModelName, PageRequest, Slot};

use super::requests::{again, request};
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        error::RegistryError,
        model::{CreateModel, Model, ModelView, UpdateModel},
    },
    store::Page,
};

const CREATE: &str = "create_model";
const UPDATE: &str = "update_model";

impl Registry {
    /// Registers a name.
    pub(crate) async fn create_model(&self, caller: &Caller, wish: CreateModel) -> Result<ModelView, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if self.replayed(caller, CREATE, &request).await?.is_some() {
            return self.model(caller, &wish.name).await;
        }
        let now = self.clock.now();
        let (name, description, tags) = (wish.name, wish.description, wish.tags);
        let model = Model { name, description, tags, latest_version: 0, created: now, revision: 1 };
        let entry = AuditEntry::new(caller, now, CREATE).about(&model.name, &Slot::default(), None);
        let entry = entry.request(request.clone());
        match self.store.create_model(&caller.tenant, &model, &entry).await {
            Ok(()) => Ok(ModelView { model, champions: Vec::new(), last_run: None }),
            Err(StoreError::Conflict) => match self.replayed(caller, CREATE, &request).await? {
                Some(_) => self.model(caller, &model.name).await,
                None => Err(RegistryError::ModelExists { model: model.name }),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Describes a model anew.
    pub(crate) async fn update_model(&self, caller: &Caller, wish: UpdateModel) -> Result<ModelView, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if self.replayed(caller, UPDATE, &request).await?.is_none() {
            let (wish, request) = (&wish, &request);
            let updated = again(|| async move {
                let current = self.model(caller, &wish.name).await?.model;
                let Some(changed) = wish.decide(&current)? else { return Ok(()) };
                let entry = AuditEntry::new(caller, self.clock.now(), UPDATE)
                    .about(&wish.name, &Slot::default(), None)
                    .request(request.clone());
                Ok(self.store.update_model(&caller.tenant, &changed, current.revision, &entry).await?)
            });
            self.unless_replayed(caller, UPDATE, request, updated.await).await?;
        }
        self.model(caller, &wish.name).await
    }

    /// One model.
    pub(crate) async fn model(&self, caller: &Caller, name: &ModelName) -> Result<ModelView, RegistryError> {
        let found = self.store.model(&caller.tenant, name).await?;
        found.ok_or_else(|| RegistryError::ModelNotFound { model: name.clone() })
    }

    /// Models in order of their names.
    pub(crate) async fn models(&self, caller: &Caller, page: &PageRequest) -> Result<Page<ModelView>, RegistryError> {
        Ok(self.store.models(&caller.tenant, page).await?)
    }
}
