//! Files in and out.

use futures::{StreamExt, stream::BoxStream};
use lineal_kernel::FieldError;
use lineal_proto::lineal::registry::v1::{self as pb, upload_artifact_request::Part};
use lineal_rpc::caller_of;
use tonic::{Request, Response, Status, Streaming};

use super::{
    Grpc, fields,
    status::{bad_request, from_error},
};
use crate::artifacts::{ArtifactError, Pieces};

#[tonic::async_trait]
impl pb::artifact_service_server::ArtifactService for Grpc {
    async fn upload_artifact(
        &self,
        request: Request<Streaming<pb::UploadArtifactRequest>>,
    ) -> Result<Response<pb::UploadArtifactResponse>, Status> {
        let caller = caller_of(&request);
        let mut messages = request.into_inner();
        let first = messages.message().await?.and_then(|message| message.part);
        let Some(Part::Digest(digest)) = first else {
            return Err(bad_request(FieldError::new("digest", "the first message of an upload carries the digest")));
        };
        let digest = fields::digest(&digest, "digest").map_err(bad_request)?;
        let size_bytes = self.0.upload(&caller, digest, pieces(messages)).await.map_err(from_error)?;
        Ok(Response::new(pb::UploadArtifactResponse { digest: digest.to_string(), size_bytes }))
    }

    type DownloadArtifactStream = BoxStream<'static, Result<pb::DownloadArtifactResponse, Status>>;

    async fn download_artifact(
        &self,
        request: Request<pb::DownloadArtifactRequest>,
    ) -> Result<Response<Self::DownloadArtifactStream>, Status> {
        let digest = fields::digest(&request.into_inner().digest, "digest").map_err(bad_request)?;
        let pieces = self.0.download(digest).await.map_err(from_error)?;
        let messages = pieces.map(|piece| match piece {
            Ok(chunk) => Ok(pb::DownloadArtifactResponse { chunk }),
            Err(error) => Err(from_error(error.into())),
        });
        Ok(Response::new(messages.boxed()))
    }
}

/// The content of an upload. A sender that breaks off or repeats the digest ends it without anything being kept.
fn pieces(messages: Streaming<pb::UploadArtifactRequest>) -> Pieces<ArtifactError> {
    let chunks = messages.map(|message| match message.map(|message| message.part) {
        Ok(Some(Part::Chunk(chunk))) => Ok(chunk),
        Ok(_) | Err(_) => Err(ArtifactError::Interrupted),
    });
    chunks.boxed()
}
