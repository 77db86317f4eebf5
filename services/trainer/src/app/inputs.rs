//! Whether files that a training read are still what they were.

use lineal_kernel::Digest;

use super::App;
use crate::registry::RegistryError;

/// A file that a training reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    /// What it is to the training, for people.
    pub(super) role: String,
    pub(super) digest: Digest,
}

impl Input {
    pub(super) fn new(role: impl Into<String>, digest: Digest) -> Self {
        Self { role: role.into(), digest }
    }
}

impl App {
    /// Hashes the files again as they are stored; a sentence for each that is not what its digest says.
    pub(super) async fn moved(&self, inputs: &[Input]) -> Result<Vec<String>, RegistryError> {
        let mut moved = Vec::new();
        for Input { role, digest } in inputs {
            match self.registry.verify(*digest).await {
                Ok(()) => {}
                Err(RegistryError::NotFound { message } | RegistryError::Damaged { message }) => {
                    moved.push(format!("the {role} is no longer {digest}: {message}"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(moved)
    }
}
