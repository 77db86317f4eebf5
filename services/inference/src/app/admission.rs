//! Whether a bundle may be loaded: the keys that signed it, before anything of it is read but its manifest.

use std::sync::Arc;

use lineal_kernel::Digest;
use lineal_models::Manifest;
use lineal_signing::{Policy, files_of};

use crate::{InferenceError, cache::Cache, registry::Registry};

/// Lets in what is signed as the configuration asks for.
pub(super) struct Admission {
    policy: Policy,
    registry: Arc<dyn Registry>,
    cache: Cache,
}

impl Admission {
    pub(super) fn new(policy: Policy, registry: Arc<dyn Registry>, cache: Cache) -> Self {
        Self { policy, registry, cache }
    }

    /// Refuses a bundle that no trusted key signed. The manifest names every file by its digest, also those of the bundles upstream
    /// by that of their manifests, so its signature covers them all.
    pub(super) async fn admit(&self, digest: Digest, manifest: &Manifest) -> Result<(), InferenceError> {
        if !self.policy.is_active() {
            return Ok(());
        }
        let files = files_of(digest, manifest.files.iter().map(|(name, file)| (name, file.digest)));
        if let Some(kept) = self.cache.signature(digest).await
            && matches!(self.policy.admit(&files, &[kept]), Ok(Some(_)))
        {
            return Ok(());
        }
        let signatures = self.registry.signatures(digest).await.map_err(InferenceError::Registry)?;
        let good = self.policy.admit(&files, &signatures);
        let good = good.map_err(|refusal| InferenceError::BundleRefused { digest, refusal })?;
        if let Some(good) = good.and_then(|place| signatures.get(place)) {
            self.cache.keep_signature(digest, good).await;
        }
        Ok(())
    }
}
