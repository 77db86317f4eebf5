//! The audit.

use async_stream::try_stream;
use futures::Stream;
use lineal_db::StoreError;
use lineal_kernel::{Caller, ModelName, PageRequest, Slot, TenantId, VersionNumber};

use crate::{
    Registry,
    domain::{
        audit::{AuditEntry, AuditRecord, AuditSearch},
        error::RegistryError,
        seal::{Head, Verification},
    },
    store::Page,
};

/// Entries that are held in memory at a time.
const WALKED_AT_ONCE: u32 = 200;

impl Registry {
    /// Entries that pass a search, newest first.
    pub(crate) async fn audit(
        &self,
        caller: &Caller,
        search: &AuditSearch,
        page: &PageRequest,
    ) -> Result<Page<AuditRecord>, RegistryError> {
        Ok(self.store.audit(&caller.tenant, search, page).await?)
    }

    /// Reads every entry, also those that are written meanwhile.
    pub(crate) async fn verify_audit(&self, caller: &Caller) -> Result<Verification, RegistryError> {
        let mut walked = Head::start(caller.tenant.as_str());
        loop {
            // The head is read before the page: whatever it counts, the page can see.
            let head = self.store.audit_head(&caller.tenant).await?;
            let page = self.store.audit_after(&caller.tenant, walked.sequence, WALKED_AT_ONCE).await?;
            let mut broken = if page.is_empty() { walked.meet(&head).err() } else { None };
            for (sequence, record) in &page {
                match walked.follow(*sequence, record.as_ref()) {
                    Ok(next) => walked = next,
                    Err(found) => {
                        broken = Some(found);
                        break;
                    }
                }
            }
            if page.is_empty() || broken.is_some() {
                return Ok(Verification { checked: walked.sequence, broken, head });
            }
        }
    }

    /// Entries after a sequence, oldest first, to the last one there is.
    pub(crate) fn export_audit(
        self,
        tenant: TenantId,
        mut after: u64,
    ) -> impl Stream<Item = Result<AuditRecord, RegistryError>> {
        try_stream! {
            loop {
                let page = self.store.audit_after(&tenant, after, WALKED_AT_ONCE).await?;
                if page.is_empty() {
                    break;
                }
                for (sequence, record) in page {
                    let damaged = || StoreError::corrupt(format!("audit entry {sequence} cannot be read"));
                    yield record.ok_or_else(damaged)?;
                    after = sequence;
                }
            }
        }
    }

    /// Writes down a call that was refused before anything of it was done. The caller is refused all the same if that fails.
    pub(crate) async fn record_refusal(
        &self,
        caller: &Caller,
        action: String,
        about: Option<(ModelName, Option<VersionNumber>)>,
        why: &str,
    ) {
        let mut entry = AuditEntry::new(caller, self.clock.now(), action);
        if let Some((model, number)) = about {
            entry = entry.about(&model, &Slot::default(), number);
        }
        let entry = entry.refused(why);
        if let Err(error) = self.store.record(&entry).await {
            tracing::warn!(action = %entry.action, actor = %entry.actor, %error, "could not audit a refusal");
        }
    }
}
