//! The port to what was imported.

use async_trait::async_trait;
use lineal_kernel::{Digest, Name, RequestId};

use super::Result;
use crate::domain::Import;

/// Rows that sources gave.
#[async_trait]
pub(crate) trait ImportStore: Send + Sync {
    /// Keeps an import, or returns the one that has the same request id already.
    async fn add_import(&self, import: &Import) -> Result<Import>;

    /// The import with this request id.
    async fn import_by_request(&self, request_id: &RequestId) -> Result<Option<Import>>;

    /// The latest import of a dataset that gave this file.
    async fn import_of(&self, dataset: &Name, digest: Digest) -> Result<Option<Import>>;

    /// At most `limit` imports of a dataset, newest first, those before `before` only.
    async fn imports(&self, dataset: &Name, before: Option<&str>, limit: u32) -> Result<Vec<Import>>;
}
