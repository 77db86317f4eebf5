//! Where a replica has the files of its bundles from: its own disk, or else the registry.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use lineal_bundles::Source;
use lineal_kernel::Digest;

use crate::{
    cache::Cache,
    registry::{Registry, RegistryError},
};

/// What the registry gives is kept on the disk.
pub(crate) struct Shelf {
    registry: Arc<dyn Registry>,
    cache: Cache,
}

impl Shelf {
    pub(super) fn new(registry: Arc<dyn Registry>, cache: Cache) -> Self {
        Self { registry, cache }
    }
}

#[async_trait]
impl Source for Shelf {
    type Error = RegistryError;

    async fn file(&self, digest: Digest, limit: usize) -> Result<Bytes, RegistryError> {
        if let Some(content) = self.cache.get(digest).await {
            return Ok(content);
        }
        let content = self.registry.download(digest, limit).await?;
        self.cache.put(digest, content.clone()).await;
        Ok(content)
    }

    async fn signatures(&self, bundle: Digest) -> Result<Vec<String>, RegistryError> {
        self.registry.signatures(bundle).await
    }

    async fn kept_signature(&self, bundle: Digest) -> Option<String> {
        self.cache.signature(bundle).await
    }

    async fn keep_signature(&self, bundle: Digest, signature: &str) {
        self.cache.keep_signature(bundle, signature).await;
    }
}
