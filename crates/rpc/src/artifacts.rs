//! Sending files to the artifact store and fetching them, whole and verified.

use bytes::{Bytes, BytesMut};
use lineal_kernel::Digest;
use lineal_proto::lineal::registry::v1::{
    DownloadArtifactRequest, UploadArtifactRequest, artifact_service_client::ArtifactServiceClient,
    upload_artifact_request::Part,
};
use tonic::{Code, Status};

use crate::{Peer, Problem};

/// Largest piece that travels in one message, in bytes.
pub const CHUNK: usize = 1 << 20;

/// Stores `content` under its digest.
pub async fn upload(registry: &Peer, content: Bytes) -> Result<Digest, Status> {
    let digest = Digest::of(&content);
    let first = UploadArtifactRequest { part: Some(Part::Digest(digest.to_string())) };
    let pieces = (0..content.len()).step_by(CHUNK).map(move |start| {
        let chunk = content.slice(start..content.len().min(start + CHUNK));
        UploadArtifactRequest { part: Some(Part::Chunk(chunk)) }
    });
    let messages = futures::stream::iter(std::iter::once(first).chain(pieces));
    ArtifactServiceClient::new(registry.clone()).upload_artifact(messages).await?;
    Ok(digest)
}

/// Fetches the file with this digest; DATA_LOSS if what arrives is something else, RESOURCE_EXHAUSTED above `limit` bytes.
pub async fn download(registry: &Peer, digest: Digest, limit: usize) -> Result<Bytes, Status> {
    let request = DownloadArtifactRequest { digest: digest.to_string() };
    let mut pieces = ArtifactServiceClient::new(registry.clone()).download_artifact(request).await?.into_inner();
    let mut content = BytesMut::new();
    while let Some(piece) = pieces.message().await? {
        if content.len() + piece.chunk.len() > limit {
            return Err(Problem::new(
                Code::ResourceExhausted,
                "ARTIFACT_TOO_LARGE",
                "the artifact is larger than expected",
            )
            .with("digest", digest)
            .with("limit_bytes", limit)
            .status("rpc.lineal"));
        }
        content.extend_from_slice(&piece.chunk);
    }
    let found = Digest::of(&content);
    if found != digest {
        return Err(Problem::new(
            Code::DataLoss,
            "DIGEST_MISMATCH",
            "the artifact that arrived is not the one asked for",
        )
        .with("expected", digest)
        .with("found", found)
        .status("rpc.lineal"));
    }
    Ok(content.freeze())
}
