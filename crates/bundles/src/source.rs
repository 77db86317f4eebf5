//! Where bundles come from.

use std::error::Error;

use async_trait::async_trait;
use bytes::Bytes;
use lineal_kernel::Digest;
use lineal_rpc::{Peer, artifacts, signatures};
use tonic::Status;

/// An artifact store, and the signatures that are kept beside it.
#[async_trait]
pub trait Source: Send + Sync {
    /// Why it does not give what it is asked for.
    type Error: Error + Send + Sync + 'static;

    /// The file with this digest, verified; an error if it has more than `limit` bytes.
    async fn file(&self, digest: Digest, limit: usize) -> Result<Bytes, Self::Error>;

    /// The signatures of the bundle with this manifest; none if nobody signed it.
    async fn signatures(&self, bundle: Digest) -> Result<Vec<String>, Self::Error>;

    /// The signature that admitted the bundle before, where the reader keeps it. It is checked again.
    async fn kept_signature(&self, _bundle: Digest) -> Option<String> {
        None
    }

    /// Told which signature admitted the bundle.
    async fn keep_signature(&self, _bundle: Digest, _signature: &str) {}
}

/// The registry at an address, asked once.
#[async_trait]
impl Source for Peer {
    type Error = Status;

    async fn file(&self, digest: Digest, limit: usize) -> Result<Bytes, Status> {
        artifacts::download(self, digest, limit).await
    }

    async fn signatures(&self, bundle: Digest) -> Result<Vec<String>, Status> {
        let found = signatures::list(self, bundle).await?;
        Ok(found.into_iter().map(|signature| signature.envelope).collect())
    }
}
