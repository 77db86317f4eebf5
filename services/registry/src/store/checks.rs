//! The store of checks: what reading bundles again has shown, and what is to be read.

use async_trait::async_trait;
use lineal_kernel::{Digest, TenantId, Timestamp};

use super::Result;
use crate::domain::{audit::AuditEntry, check::Check, reign::Reign};

/// Checks of bundles.
#[async_trait]
pub trait CheckStore: Send + Sync {
    /// The last check of a bundle.
    async fn check(&self, tenant: &TenantId, digest: Digest) -> Result<Option<Check>>;
    /// Keeps a check unless a later one is there. It comes by the minute and is audited if `entry` says what changed.
    async fn record_check(
        &self,
        tenant: &TenantId,
        digest: Digest,
        check: &Check,
        entry: Option<&AuditEntry>,
    ) -> Result<()>;
    /// Takes the round of checks if it is due `now`, and makes `next` the time of the following one. `false` if it is not due:
    /// of several processes one gets it.
    async fn claim_round(&self, tenant: &TenantId, now: Timestamp, next: Timestamp) -> Result<bool>;
    /// Puts the next round off: this one still goes on.
    async fn put_off_round(&self, tenant: &TenantId, next: Timestamp) -> Result<()>;
    /// The last reign of each version in each slot, latest first.
    async fn last_reigns(&self, tenant: &TenantId) -> Result<Vec<Reign>>;
}
