//! The artifact port: files addressed by the digest of their content.

mod objects;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use lineal_kernel::{Digest, Timestamp};

pub use self::objects::Objects;

/// Pieces of a file in order.
pub type Pieces<E> = BoxStream<'static, Result<Bytes, E>>;

/// Why a file could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The content is not what its digest says; nothing was kept.
    #[error("the content has digest {found}, not {expected}")]
    Mismatch {
        /// What was announced.
        expected: Digest,
        /// What arrived.
        found: Digest,
    },
    /// The stored content is no longer what its digest says.
    #[error("the stored artifact {digest} is damaged")]
    Damaged {
        /// Which one.
        digest: Digest,
    },
    /// The sender stopped midway; nothing was kept.
    #[error("the upload stopped midway")]
    Interrupted,
    /// There is no room for it; nothing was kept.
    #[error("the artifact storage is full")]
    Full(#[source] object_store::Error),
    /// The storage failed.
    #[error("the artifact storage failed")]
    Storage(#[source] object_store::Error),
}

impl From<object_store::Error> for ArtifactError {
    fn from(error: object_store::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(inner) = cause {
            let kind = inner.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            if matches!(kind, Some(StorageFull | QuotaExceeded | FileTooLarge)) {
                return Self::Full(error);
            }
            cause = inner.source();
        }
        Self::Storage(error)
    }
}

/// Where files are kept.
#[async_trait]
pub trait ArtifactStore: std::fmt::Debug + Send + Sync {
    /// Stores `pieces` under `digest` if that is their digest, and returns their length.
    async fn put(&self, digest: Digest, pieces: Pieces<ArtifactError>) -> Result<u64, ArtifactError>;
    /// The length of a file; `None` if it is not there.
    async fn size(&self, digest: Digest) -> Result<Option<u64>, ArtifactError>;
    /// The pieces of a file; the last one is an error if the content is damaged. `None` if it is not there.
    async fn open(&self, digest: Digest) -> Result<Option<Pieces<ArtifactError>>, ArtifactError>;
    /// Takes away the parts of files that uploads left when their process died: those to which nothing was added for ten minutes
    /// before `now`. Returns how many there were.
    async fn sweep(&self, now: Timestamp) -> Result<usize, ArtifactError>;
}
