//! The audit.

use lineal_kernel::{Caller, ModelName, PageRequest};

use crate::{
    Registry,
    domain::{audit::AuditRecord, error::RegistryError},
    store::Page,
};

impl Registry {
    /// Entries, newest first.
    pub(crate) async fn audit(
        &self,
        caller: &Caller,
        model: Option<&ModelName>,
        page: &PageRequest,
    ) -> Result<Page<AuditRecord>, RegistryError> {
        Ok(self.store.audit(&caller.tenant, model, page).await?)
    }
}
