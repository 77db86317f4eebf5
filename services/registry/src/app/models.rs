//! Models.

use lineal_db::StoreError;
use lineal_kernel::{Caller, ModelName, PageRequest, Slot};

use super::requests::request;
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        error::RegistryError,
        model::{CreateModel, Model},
    },
    store::Page,
};

const CREATE: &str = "create_model";

impl Registry {
    /// Registers a name.
    pub(crate) async fn create_model(&self, caller: &Caller, wish: CreateModel) -> Result<Model, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if self.replayed(caller, CREATE, &request).await?.is_some() {
            return self.model(caller, &wish.name).await;
        }
        let now = self.clock.now();
        let model = Model { name: wish.name, description: wish.description, latest_version: 0, created: now };
        let entry = AuditEntry::new(caller, now, CREATE).about(&model.name, &Slot::default(), None);
        let entry = entry.request(request.clone());
        match self.store.create_model(&caller.tenant, &model, &entry).await {
            Ok(()) => Ok(model),
            Err(StoreError::Conflict) => match self.replayed(caller, CREATE, &request).await? {
                Some(_) => self.model(caller, &model.name).await,
                None => Err(RegistryError::ModelExists { model: model.name }),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// One model.
    pub(crate) async fn model(&self, caller: &Caller, name: &ModelName) -> Result<Model, RegistryError> {
        let found = self.store.model(&caller.tenant, name).await?;
        found.ok_or_else(|| RegistryError::ModelNotFound { model: name.clone() })
    }

    /// Models in order of their names.
    pub(crate) async fn models(&self, caller: &Caller, page: &PageRequest) -> Result<Page<Model>, RegistryError> {
        Ok(self.store.models(&caller.tenant, page).await?)
    }
}
