//! Settings of models.

use lineal_db::StoreError;
use lineal_kernel::{Caller, ModelName, PageRequest, Slot};

use super::requests::{again, request};
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        error::RegistryError,
        settings::{Applied, ApplySettings, ModelSettings, Wanted},
    },
    store::Page,
};

const APPLY: &str = "apply_settings";

impl Registry {
    /// Makes a file the newest settings of its model; also tells whether that made a revision.
    pub(crate) async fn apply_settings(
        &self,
        caller: &Caller,
        wish: ApplySettings,
    ) -> Result<(ModelSettings, bool), RegistryError> {
        let (wish, request) = (&wish, &request(&wish.request_id, &wish));
        again(|| async move {
            if let Some(made) = self.replayed(caller, APPLY, request).await? {
                let made = made.parse().map_or(Wanted::Newest, Wanted::Revision);
                return Ok((self.settings(caller, &wish.model, made).await?, true));
            }
            let newest = self.store.settings(&caller.tenant, &wish.model, Wanted::Newest).await?;
            let now = self.clock.now();
            let decided = match wish.decide(newest, caller, now) {
                // The other change may be this very request, sent twice.
                Err(RegistryError::StaleEtag { .. }) if self.replayed(caller, APPLY, request).await?.is_some() => {
                    return Err(StoreError::Conflict.into());
                }
                decided => decided,
            };
            let (settings, created) = decided?;
            if !created {
                return Ok((settings, false));
            }
            let applied = &settings.applied;
            let entry = AuditEntry::new(caller, now, APPLY)
                .about(&wish.model, &Slot::default(), None)
                .detail(format!("revision {}, {}", applied.revision, applied.digest))
                .request(request.clone());
            self.store.apply_settings(&caller.tenant, &settings, &entry).await?;
            Ok((settings, true))
        })
        .await
    }

    /// One revision of a model's settings.
    pub(crate) async fn settings(
        &self,
        caller: &Caller,
        model: &ModelName,
        wanted: Wanted,
    ) -> Result<ModelSettings, RegistryError> {
        let found = self.store.settings(&caller.tenant, model, wanted).await?;
        found.ok_or_else(|| RegistryError::SettingsNotFound { model: model.clone(), wanted })
    }

    /// What was applied to a model, newest first.
    pub(crate) async fn settings_history(
        &self,
        caller: &Caller,
        model: &ModelName,
        page: &PageRequest,
    ) -> Result<Page<Applied>, RegistryError> {
        Ok(self.store.settings_history(&caller.tenant, model, page).await?)
    }
}
