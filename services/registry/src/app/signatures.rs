//! Signatures of bundles.

use lineal_db::StoreError;
use lineal_kernel::{Caller, Digest, PageRequest, Slot};
use lineal_signing::files_of;

use super::{checks::Pace, requests::request};
use crate::{
    Registry,
    domain::{
        audit::AuditEntry,
        error::RegistryError,
        signature::{AttachSignature, BundleSignature},
    },
    store::Page,
};

const ATTACH: &str = "attach_signature";

impl Registry {
    /// Keeps a signature that its key did make of the bundle; the first of each key stays.
    pub(crate) async fn attach_signature(
        &self,
        caller: &Caller,
        wish: AttachSignature,
    ) -> Result<BundleSignature, RegistryError> {
        let request = request(&wish.request_id, &wish);
        let (digest, key) = (wish.digest, wish.public_key.fingerprint());
        if self.replayed(caller, ATTACH, &request).await?.is_none() {
            let (manifest, _) = self.manifest(digest, Pace::Fast).await?;
            wish.check(&files_of(digest, manifest.files.iter().map(|(name, file)| (name, file.digest))))?;
            let now = self.clock.now();
            let entry = AuditEntry::new(caller, now, ATTACH)
                .about(&wish.model, &Slot::default(), None)
                .detail(format!("bundle {digest} by key {key}"))
                .request(request);
            let signature = BundleSignature {
                digest,
                key,
                envelope: wish.envelope,
                public_key: wish.public_key.pem().to_owned(),
                actor: caller.actor.clone(),
                created: now,
            };
            match self.store.attach_signature(&caller.tenant, &signature, &entry).await {
                Ok(()) => return Ok(signature),
                // The key has signed it already.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let first = self.store.signature(&caller.tenant, digest, key).await?;
        Ok(first.ok_or(StoreError::Conflict)?)
    }

    /// The signatures of a bundle.
    pub(crate) async fn signatures(
        &self,
        caller: &Caller,
        digest: Digest,
        page: &PageRequest,
    ) -> Result<Page<BundleSignature>, RegistryError> {
        Ok(self.store.signatures(&caller.tenant, digest, page).await?)
    }
}
