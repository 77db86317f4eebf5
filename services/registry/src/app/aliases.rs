//! Aliases and what replicas serve.

use lineal_db::StoreError;
use lineal_kernel::{AliasName, Caller, ModelName, PageRequest, Slot};

use super::requests::request;
use crate::{
    Registry,
    domain::{
        alias::{Alias, ResolvedAlias, ServingTable, SetAlias},
        audit::{AuditEntry, Request},
        error::RegistryError,
    },
    store::Page,
};

const SET: &str = "set_alias";

impl Registry {
    /// What an alias points at now.
    pub(crate) async fn alias(
        &self,
        caller: &Caller,
        model: &ModelName,
        slot: &Slot,
        name: &AliasName,
    ) -> Result<ResolvedAlias, RegistryError> {
        if let Some(found) = self.store.resolved_alias(&caller.tenant, model, slot, name).await? {
            return Ok(found);
        }
        self.model(caller, model).await?;
        Err(RegistryError::AliasNotFound { model: model.clone(), slot: slot.clone(), alias: name.clone() })
    }

    /// Points a user-defined alias at a version.
    pub(crate) async fn set_alias(&self, caller: &Caller, wish: SetAlias) -> Result<ResolvedAlias, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if self.replayed(caller, SET, &request).await?.is_some() {
            return self.alias(caller, &wish.model, &wish.slot, &wish.name).await;
        }
        match self.point(caller, &wish, request.clone()).await {
            // The other one may have been this very request, sent twice.
            Err(RegistryError::StaleEtag { .. }) if self.replayed(caller, SET, &request).await?.is_some() => {
                self.alias(caller, &wish.model, &wish.slot, &wish.name).await
            }
            pointed => pointed,
        }
    }

    async fn point(&self, caller: &Caller, wish: &SetAlias, request: Request) -> Result<ResolvedAlias, RegistryError> {
        let version = self.version(caller, &wish.model, wish.number).await?.version;
        let current = self.store.alias(&caller.tenant, &wish.model, &wish.slot, &wish.name).await?;
        let now = self.clock.now();
        let change = wish.decide(current.as_ref(), now)?;
        let entry = AuditEntry::new(caller, now, SET)
            .about(&wish.model, &wish.slot, Some(wish.number))
            .detail(wish.name.as_str())
            .request(request);
        match self.store.commit_alias(&caller.tenant, &change, &entry).await {
            Ok(generation) => {
                self.hint(caller, generation);
                let alias = Alias { generation, ..change.alias };
                Ok(ResolvedAlias { alias, digest: version.digest, run_id: version.lineage.run_id })
            }
            Err(StoreError::Conflict) => {
                let expected = current.map(|alias| alias.etag()).unwrap_or_default();
                let found = self.store.alias(&caller.tenant, &wish.model, &wish.slot, &wish.name).await?;
                Err(RegistryError::StaleEtag { expected, found: found.map(|alias| alias.etag()).unwrap_or_default() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Aliases of a model in order of slot and name.
    pub(crate) async fn aliases(
        &self,
        caller: &Caller,
        model: &ModelName,
        page: &PageRequest,
    ) -> Result<Page<ResolvedAlias>, RegistryError> {
        self.model(caller, model).await?;
        Ok(self.store.aliases(&caller.tenant, model, page).await?)
    }

    /// Every champion and every other alias, at one generation.
    pub(crate) async fn serving_table(&self, caller: &Caller) -> Result<ServingTable, RegistryError> {
        Ok(self.store.serving_table(&caller.tenant).await?)
    }
}
