//! Sending files to the artifact store and fetching them, whole and verified.

use std::{
    fs::File,
    io::{self, Seek as _, Write as _},
};

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use lineal_kernel::{Digest, Hasher};
use lineal_proto::lineal::registry::v1::{
    DownloadArtifactRequest, UploadArtifactRequest, artifact_service_client::ArtifactServiceClient,
    upload_artifact_request::Part,
};
use tokio::io::AsyncReadExt as _;
use tonic::{Code, Status};

use crate::{Peer, Problem, background};

/// Largest piece that travels in one message, in bytes.
pub const CHUNK: usize = 1 << 20;

/// The reason of a status that says that a disk is full.
pub const FULL: &str = "STORAGE_FULL";

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
    let (mut pieces, mut size) = (Vec::new(), 0);
    receive(registry, digest, |piece| {
        size += piece.len();
        if size > limit {
            return Err(Problem::new(
                Code::ResourceExhausted,
                "ARTIFACT_TOO_LARGE",
                format!("the artifact is larger than the {limit} bytes expected"),
            )
            .with("digest", digest)
            .with("limit_bytes", limit)
            .status("rpc.lineal"));
        }
        pieces.push(piece);
        Ok(())
    })
    .await?;
    if pieces.len() < 2 {
        return Ok(pieces.pop().unwrap_or_default());
    }
    // Putting a large file together takes long enough to be noticed by whoever shares this thread.
    let whole = background::run("concat", move || pieces.concat()).await;
    whole.map(Bytes::from).map_err(|error| Status::internal(format!("the pieces of a file were lost: {error}")))
}

/// Writes the file with this digest to `to`, which holds nothing else afterwards; DATA_LOSS if what arrives is something else,
/// RESOURCE_EXHAUSTED ([`FULL`]) if `to` takes no more. A piece at a time is in memory.
pub async fn fetch(registry: &Peer, digest: Digest, mut to: &File) -> Result<(), Status> {
    to.rewind().and_then(|()| to.set_len(0)).map_err(|error| full(&error))?;
    receive(registry, digest, |piece| to.write_all(&piece).map_err(|error| full(&error))).await
}

/// Reads the file with this digest and keeps nothing; DATA_LOSS if what arrives is something else.
pub async fn verify(registry: &Peer, digest: Digest) -> Result<(), Status> {
    receive(registry, digest, |_| Ok(())).await
}

/// Stores the file `from` under `digest`; INVALID_ARGUMENT if that is not its digest. A piece at a time is in memory.
pub async fn send(registry: &Peer, digest: Digest, mut from: &File) -> Result<(), Status> {
    let unreadable = |error: io::Error| Status::internal(format!("the file to send cannot be read: {error}"));
    from.rewind().map_err(unreadable)?;
    let from = tokio::fs::File::from_std(from.try_clone().map_err(unreadable)?);
    let first = UploadArtifactRequest { part: Some(Part::Digest(digest.to_string())) };
    // A file that cannot be read to its end has another digest, and is refused.
    let pieces = futures::stream::unfold(from, |mut from| async {
        let mut piece = BytesMut::with_capacity(CHUNK);
        let read = from.read_buf(&mut piece).await.unwrap_or_default();
        (read > 0).then(|| (UploadArtifactRequest { part: Some(Part::Chunk(piece.freeze())) }, from))
    });
    let messages = futures::stream::iter([first]).chain(pieces);
    ArtifactServiceClient::new(registry.clone()).upload_artifact(messages).await.map(drop)
}

/// Nothing can be written any more.
fn full(error: &io::Error) -> Status {
    let message = format!("a file on its way cannot be written ({error}); free space in the data folder and try again");
    Problem::new(Code::ResourceExhausted, FULL, message).status("rpc.lineal")
}

/// Gives the pieces of the file with this digest to `take`.
async fn receive(
    registry: &Peer,
    digest: Digest,
    mut take: impl FnMut(Bytes) -> Result<(), Status>,
) -> Result<(), Status> {
    let request = DownloadArtifactRequest { digest: digest.to_string() };
    let mut pieces = ArtifactServiceClient::new(registry.clone()).download_artifact(request).await?.into_inner();
    let mut hasher = Hasher::default();
    while let Some(piece) = pieces.message().await? {
        hasher.update(&piece.chunk);
        take(piece.chunk)?;
        // Pieces may be there faster than they are hashed, and others share this thread.
        tokio::task::yield_now().await;
    }
    let found = hasher.finish();
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
    Ok(())
}
