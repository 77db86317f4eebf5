//! Blocks of versions.

use lineal_kernel::{Caller, Slot};

use super::requests::request;
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        block::{Blocks, RecordBlock},
        error::RegistryError,
    },
};

const RECORD: &str = "record_block";

impl Registry {
    /// Stores what a stage found; returns all blocks of the version.
    pub(crate) async fn record_block(&self, caller: &Caller, wish: RecordBlock) -> Result<Blocks, RegistryError> {
        let request = request(&wish.request_id, &wish);
        if self.replayed(caller, RECORD, &request).await?.is_none() {
            self.version(caller, &wish.model, wish.number).await?;
            let entry = AuditEntry::new(caller, self.clock.now(), RECORD)
                .about(&wish.model, &Slot::default(), Some(wish.number))
                .detail(wish.stage.word())
                .request(request.clone());
            if let Err(error) = self.store.record_block(&caller.tenant, &wish, &entry).await {
                self.raced(caller, RECORD, &request, error).await?;
            }
        }
        let mut found = self.store.blocks(&caller.tenant, &wish.model, &[wish.number]).await?;
        Ok(found.remove(&wish.number).unwrap_or_default())
    }
}
