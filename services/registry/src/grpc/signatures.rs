//! Signatures of bundles.

use lineal_kernel::{FieldError, FieldErrors, PageRequest};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_rpc::{caller_of, timestamp};
use lineal_signing::PublicKey;
use tonic::{Request, Response, Status};

use super::{
    Grpc,
    fields::{self, checked},
    status::{bad_request, from_error},
};
use crate::domain::signature::{AttachSignature, BundleSignature};

#[tonic::async_trait]
impl pb::signature_service_server::SignatureService for Grpc {
    async fn attach_signature(
        &self,
        request: Request<pb::AttachSignatureRequest>,
    ) -> Result<Response<pb::AttachSignatureResponse>, Status> {
        let caller = caller_of(&request);
        let wish = attach_signature(request.into_inner()).map_err(bad_request)?;
        let signature = self.0.attach_signature(&caller, wish).await.map_err(from_error)?;
        Ok(Response::new(pb::AttachSignatureResponse { signature: Some(convert(signature)) }))
    }

    async fn list_signatures(
        &self,
        request: Request<pb::ListSignaturesRequest>,
    ) -> Result<Response<pb::ListSignaturesResponse>, Status> {
        let caller = caller_of(&request);
        let message = request.into_inner();
        let query = format!("signatures of {}", message.digest);
        let (digest, page) = checked!({
            digest: fields::digest(&message.digest, "digest"),
            page: PageRequest::new(message.page_size, &message.page_token, &query),
        } => (digest, page))
        .map_err(bad_request)?;
        let found = self.0.signatures(&caller, digest, &page).await.map_err(from_error)?;
        Ok(Response::new(pb::ListSignaturesResponse {
            next_page_token: fields::next(found.next, &query),
            signatures: found.items.into_iter().map(convert).collect(),
        }))
    }
}

fn attach_signature(message: pb::AttachSignatureRequest) -> Result<AttachSignature, FieldErrors> {
    let key = |pem: &str| PublicKey::from_pem(pem).map_err(|error| FieldError::new("public_key", error.to_string()));
    checked!({
        model: fields::model(&message.model),
        digest: fields::digest(&message.digest, "digest"),
        envelope: fields::text(message.envelope, "envelope"),
        public_key: key(&message.public_key),
        request_id: fields::request_id(&message.request_id),
    } => AttachSignature { model, digest, envelope, public_key, request_id })
}

fn convert(signature: BundleSignature) -> pb::BundleSignature {
    pb::BundleSignature {
        digest: signature.digest.to_string(),
        key_fingerprint: signature.key.to_string(),
        envelope: signature.envelope,
        public_key: signature.public_key,
        actor: signature.actor,
        create_time: Some(timestamp(signature.created)),
    }
}
