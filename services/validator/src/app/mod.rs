//! What the service does for a caller: authorize, load, decide, commit. The listener has authorized by the time a call
//! arrives here.

mod fetch;
mod measure;
mod policy;
mod reports;
mod validate;

use std::sync::Arc;

use lineal_kernel::Clock;
use lineal_signing::Policy;

pub(crate) use reports::ListReports;
pub(crate) use validate::Validate;

use crate::{
    domain::ValidatorError,
    registry::{Registry, RegistryError},
    store::ReportStore,
};

/// The service without its transport.
pub(crate) struct App {
    pub(crate) store: Arc<dyn ReportStore>,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) clock: Arc<dyn Clock>,
    /// By whom a bundle must be signed to be loaded.
    pub(crate) signatures: Policy,
}

impl From<RegistryError> for ValidatorError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Unavailable { problem } => Self::RegistryUnavailable { problem },
            RegistryError::Artifact { problem } | RegistryError::Answer { problem } => Self::RegistryAnswer { problem },
        }
    }
}
