//! The port of settings.

use async_trait::async_trait;
use lineal_kernel::{ModelName, PageRequest, TenantId};

use super::{Page, Result};
use crate::domain::{
    audit::AuditEntry,
    settings::{Applied, ModelSettings, Wanted},
};

/// Settings of models.
#[async_trait]
pub trait SettingsStore: Send + Sync {
    /// Adds a revision; `Conflict` if the model has one of this number already, or the request is recorded.
    async fn apply_settings(&self, tenant: &TenantId, settings: &ModelSettings, entry: &AuditEntry) -> Result<()>;
    /// One revision.
    async fn settings(&self, tenant: &TenantId, model: &ModelName, wanted: Wanted) -> Result<Option<ModelSettings>>;
    /// What was applied to a model, newest first.
    async fn settings_history(&self, tenant: &TenantId, model: &ModelName, page: &PageRequest)
    -> Result<Page<Applied>>;
}
