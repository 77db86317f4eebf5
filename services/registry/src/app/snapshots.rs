//! Snapshots of datasets.

use lineal_kernel::{Caller, Digest, Name, PageRequest};

use crate::{
    Registry,
    domain::{audit::AuditEntry, error::RegistryError, snapshot::Snapshot},
    store::Page,
};

impl Registry {
    /// Records a snapshot whose rows are an uploaded artifact.
    pub(crate) async fn create_snapshot(
        &self,
        caller: &Caller,
        dataset: Name,
        digest: Digest,
        rows: u64,
        columns: Vec<String>,
    ) -> Result<Snapshot, RegistryError> {
        if self.artifacts.size(digest).await?.is_none() {
            return Err(RegistryError::ArtifactMissing { file: format!("snapshot of {dataset}"), digest });
        }
        let now = self.clock.now();
        let entry = AuditEntry::new(caller, now, "create_snapshot").detail(format!("{dataset} {digest}"));
        let snapshot = Snapshot { dataset, digest, rows, columns, created: now };
        Ok(self.store.create_snapshot(&caller.tenant, &snapshot, &entry).await?)
    }

    /// Snapshots of a dataset, newest first.
    pub(crate) async fn snapshots(
        &self,
        caller: &Caller,
        dataset: &Name,
        page: &PageRequest,
    ) -> Result<Page<Snapshot>, RegistryError> {
        Ok(self.store.snapshots(&caller.tenant, dataset, page).await?)
    }
}
