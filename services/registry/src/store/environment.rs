//! The port of the environment.

use async_trait::async_trait;

use super::Result;

/// The environment that the database belongs to.
#[async_trait]
pub trait EnvironmentStore: Send + Sync {
    /// Makes the database `environment`'s own if it is nobody's yet; returns whose it is.
    async fn claim(&self, environment: &str) -> Result<String>;
}
