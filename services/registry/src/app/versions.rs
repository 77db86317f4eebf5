//! Versions and the verdicts on them.

use lineal_db::StoreError;
use lineal_kernel::{AliasName, Caller, ModelName, PageRequest, Slot, VersionNumber};

use super::{
    checks::Pace,
    requests::{again, request},
};
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        error::RegistryError,
        reference::{Reference, Selector},
        validation::RecordValidation,
        version::{CreateVersion, FailVersion, UpdateVersion, VersionView},
        version_search::VersionSearch,
    },
    store::Page,
};

const CREATE: &str = "create_version";
const UPDATE: &str = "update_version";
const FAIL: &str = "fail_version";
const VALIDATE: &str = "record_validation";

impl Registry {
    /// Gives the next number to an uploaded bundle.
    pub(crate) async fn create_version(
        &self,
        caller: &Caller,
        mut wish: CreateVersion,
    ) -> Result<VersionView, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if let Some(number) = self.replayed(caller, CREATE, &request).await? {
            return self.recorded_version(caller, &wish.model, &number).await;
        }
        for (model, number) in wish.origins() {
            self.version(caller, &model, number).await?;
        }
        let size_bytes = self.verify_bundle(wish.digest, Pace::Fast).await?;
        wish.lineage.lineage_id = uuid::Uuid::now_v7().to_string();
        let entry = AuditEntry::new(caller, self.clock.now(), CREATE)
            .about(&wish.model, &Slot::default(), None)
            .moved("", "staging")
            .request(request.clone());
        let number = match self.store.create_version(&caller.tenant, &wish, size_bytes, &entry).await {
            Ok(version) => version.number.to_string(),
            Err(error) => self.raced(caller, CREATE, &request, error).await?,
        };
        self.recorded_version(caller, &wish.model, &number).await
    }

    async fn recorded_version(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: &str,
    ) -> Result<VersionView, RegistryError> {
        let absent = || RegistryError::VersionNotFound { model: model.clone(), version: number.to_owned() };
        let number = number.parse().ok().and_then(|number| VersionNumber::new(number).ok()).ok_or_else(absent)?;
        self.version(caller, model, number).await
    }

    /// One version.
    pub(crate) async fn version(
        &self,
        caller: &Caller,
        model: &ModelName,
        number: VersionNumber,
    ) -> Result<VersionView, RegistryError> {
        if let Some(found) = self.store.version(&caller.tenant, model, number).await? {
            return Ok(found);
        }
        self.model(caller, model).await?;
        Err(RegistryError::VersionNotFound { model: model.clone(), version: number.to_string() })
    }

    /// One version by any of its names.
    pub(crate) async fn resolve_version(
        &self,
        caller: &Caller,
        reference: &Reference,
        slot: &Slot,
    ) -> Result<VersionView, RegistryError> {
        let model = &reference.model;
        let (found, name) = match &reference.selector {
            Selector::Number(number) => (Some(*number), number.to_string()),
            Selector::Alias(alias) => {
                (Some(self.alias(caller, model, slot, alias).await?.alias.number), alias.to_string())
            }
            Selector::Label(label) => (self.store.number_of_label(&caller.tenant, model, label).await?, label.clone()),
            Selector::Digest(digest) => {
                (self.store.number_of_digest(&caller.tenant, model, *digest).await?, digest.to_string())
            }
        };
        let Some(number) = found else {
            self.model(caller, model).await?;
            return Err(RegistryError::VersionNotFound { model: model.clone(), version: name });
        };
        self.version(caller, model, number).await
    }

    /// Versions that pass a search, in its order.
    pub(crate) async fn search_versions(
        &self,
        caller: &Caller,
        search: &VersionSearch,
        page: &PageRequest,
    ) -> Result<Page<VersionView>, RegistryError> {
        if let Some(model) = &search.model {
            self.model(caller, model).await?;
        }
        Ok(self.store.search_versions(&caller.tenant, search, page).await?)
    }

    /// Describes a version anew.
    pub(crate) async fn update_version(
        &self,
        caller: &Caller,
        wish: UpdateVersion,
    ) -> Result<VersionView, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if self.replayed(caller, UPDATE, &request).await?.is_none() {
            let (wish, request) = (&wish, &request);
            let updated = again(|| async move {
                let current = self.version(caller, &wish.model, wish.number).await?.version;
                let Some(changed) = wish.decide(&current)? else { return Ok(()) };
                let entry = AuditEntry::new(caller, self.clock.now(), UPDATE)
                    .about(&wish.model, &Slot::default(), Some(wish.number))
                    .request(request.clone());
                Ok(self.store.update_version(&caller.tenant, &changed, current.edition, &entry).await?)
            });
            self.unless_replayed(caller, UPDATE, request, updated.await).await?;
        }
        self.version(caller, &wish.model, wish.number).await
    }

    /// Takes a version out for good.
    pub(crate) async fn fail_version(&self, caller: &Caller, wish: FailVersion) -> Result<VersionView, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if self.replayed(caller, FAIL, &request).await?.is_none() {
            let (wish, request) = (&wish, &request);
            let failed = again(|| async move {
                let current = self.version(caller, &wish.model, wish.number).await?;
                if !wish.decide(&current)? {
                    return Ok(());
                }
                let entry = AuditEntry::new(caller, self.clock.now(), FAIL)
                    .about(&wish.model, &Slot::default(), Some(wish.number))
                    .moved(current.display_state().word(), "failed")
                    .detail(wish.reason.clone())
                    .request(request.clone());
                Ok(self.store.fail_version(&caller.tenant, &wish.model, wish.number, &entry).await?)
            });
            self.unless_replayed(caller, FAIL, request, failed.await).await?;
        }
        self.version(caller, &wish.model, wish.number).await
    }

    /// Stores a verdict on a version.
    pub(crate) async fn record_validation(
        &self,
        caller: &Caller,
        wish: RecordValidation,
    ) -> Result<VersionView, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if self.replayed(caller, VALIDATE, &request).await?.is_some() {
            return self.version(caller, &wish.model, wish.number).await;
        }
        let (model, number, validation) = (&wish.model, wish.number, &wish.validation);
        self.version(caller, model, number).await?;
        if let Ok(champion) = VersionNumber::new(validation.champion_number) {
            self.version(caller, model, champion).await?;
        }
        let slot = Slot::parse(&validation.slot)?;
        let verdict = if validation.passed { "passed".to_owned() } else { validation.failures.join("; ") };
        let entry = AuditEntry::new(caller, self.clock.now(), VALIDATE)
            .about(model, &slot, Some(number))
            .detail(verdict)
            .request(request.clone());
        match self.store.record_validation(&caller.tenant, model, number, validation, &entry).await {
            Ok(()) => {}
            Err(StoreError::Conflict) if self.replayed(caller, VALIDATE, &request).await?.is_some() => {}
            Err(StoreError::Conflict) => return Err(RegistryError::RequestIdReused),
            Err(error) => return Err(error.into()),
        }
        self.version(caller, model, number).await
    }

    /// The champion of a slot.
    pub(crate) async fn champion(
        &self,
        caller: &Caller,
        model: &ModelName,
        slot: &Slot,
    ) -> Result<Option<VersionNumber>, RegistryError> {
        let alias = self.store.alias(&caller.tenant, model, slot, &AliasName::champion()).await?;
        Ok(alias.map(|alias| alias.number))
    }
}
