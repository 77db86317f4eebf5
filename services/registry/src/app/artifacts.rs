//! Files.

use lineal_kernel::{Digest, FieldError};

use crate::{
    Registry,
    artifacts::{ArtifactError, Pieces},
    domain::error::RegistryError,
};

impl Registry {
    /// Stores a file under its digest; returns its length.
    pub(crate) async fn upload(&self, digest: Digest, pieces: Pieces<ArtifactError>) -> Result<u64, RegistryError> {
        Ok(self.artifacts.put(digest, pieces).await?)
    }

    /// The pieces of a file.
    pub(crate) async fn download(&self, digest: Digest) -> Result<Pieces<ArtifactError>, RegistryError> {
        self.artifacts.open(digest).await?.ok_or(RegistryError::ArtifactNotFound { digest })
    }
}

impl From<ArtifactError> for RegistryError {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::Mismatch { expected, found } => Self::DigestMismatch { expected, found },
            ArtifactError::Damaged { digest } => Self::ArtifactDamaged { digest },
            ArtifactError::Interrupted => {
                FieldError::new("chunk", "the upload broke off and nothing was kept; send the whole content again")
                    .into()
            }
            ArtifactError::Storage(_) => Self::Artifacts(Box::new(error)),
        }
    }
}
