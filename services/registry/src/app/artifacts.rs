//! Files.

use lineal_kernel::{Caller, Digest, FieldError};

use crate::{
    Registry,
    artifacts::{ArtifactError, Pieces},
    domain::{audit::AuditEntry, error::RegistryError},
};

impl Registry {
    /// Stores a file under its digest; returns its length. A stop between the file and its audit entry leaves a file that nothing
    /// refers to, and a caller who sends it again.
    pub(crate) async fn upload(
        &self,
        caller: &Caller,
        digest: Digest,
        pieces: Pieces<ArtifactError>,
    ) -> Result<u64, RegistryError> {
        let size = self.artifacts.put(digest, pieces).await?;
        let entry = AuditEntry::new(caller, self.clock.now(), "upload_artifact").detail(digest.to_string());
        self.store.record(&entry).await?;
        Ok(size)
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
            ArtifactError::Full(_) => Self::StorageFull,
            ArtifactError::Storage(_) => Self::Artifacts(Box::new(error)),
        }
    }
}
