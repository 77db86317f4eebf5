//! The port of signatures.

use async_trait::async_trait;
use lineal_kernel::{Digest, PageRequest, TenantId};

use super::{Page, Result};
use crate::domain::{audit::AuditEntry, signature::BundleSignature};

/// Signatures of bundles.
#[async_trait]
pub trait SignatureStore: Send + Sync {
    /// Keeps a signature; `Conflict` if its key has signed the bundle already, or the request is recorded.
    async fn attach_signature(&self, tenant: &TenantId, signature: &BundleSignature, entry: &AuditEntry) -> Result<()>;
    /// The signature of a bundle by the key with this fingerprint.
    async fn signature(&self, tenant: &TenantId, digest: Digest, key: Digest) -> Result<Option<BundleSignature>>;
    /// The signatures of a bundle in order of their keys.
    async fn signatures(&self, tenant: &TenantId, digest: Digest, page: &PageRequest) -> Result<Page<BundleSignature>>;
}
