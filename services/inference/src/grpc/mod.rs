//! The contracts: convert in, call, convert out.

mod batches;
mod columns;
mod control;
mod convert;
mod infer;
mod ipc;
mod models;
mod open_inference;
mod outputs;
mod predictions;
mod shadows;
mod status;
mod stream;
mod tensors;

use std::sync::Arc;

use lineal_kernel::FieldError;
use lineal_proto::{
    inference::grpc_inference_service_server::GrpcInferenceServiceServer,
    lineal::inference::v1::{
        batch_service_server::BatchServiceServer, control_service_server::ControlServiceServer,
        prediction_service_server::PredictionServiceServer,
    },
};
use tonic::{codec::CompressionEncoding::Gzip, metadata::MetadataMap, service::Routes};

use crate::{app::Replica, domain::Wanted};

/// Largest request with rows in it, in bytes after decompression.
const MAX_REQUEST: usize = 64 << 20;

/// The version that a request's `field` names.
fn wanted(text: &str, field: &str) -> Result<Wanted, FieldError> {
    Wanted::parse(text).map_err(|error| error.under(field))
}

/// What asks for a copy of a request to every shadow: a header, or a parameter of the Open Inference Protocol.
const MIRROR: &str = "lineal-mirror";
const ALWAYS: &str = "always";

/// Whether the headers ask for a copy to every shadow.
fn mirrored(headers: &MetadataMap) -> Result<bool, FieldError> {
    match headers.get(MIRROR) {
        None => Ok(false),
        Some(value) if value.as_bytes() == ALWAYS.as_bytes() => Ok(true),
        Some(_) => Err(FieldError::new(MIRROR, format!("expected `{ALWAYS}` or no such header"))),
    }
}

/// The services of one replica.
#[derive(Clone)]
struct InferenceGrpc {
    replica: Arc<Replica>,
}

pub(crate) fn mount(replica: &Arc<Replica>, routes: Routes) -> Routes {
    let service = InferenceGrpc { replica: replica.clone() };
    let open_inference = GrpcInferenceServiceServer::new(service.clone())
        .max_decoding_message_size(MAX_REQUEST)
        .accept_compressed(Gzip)
        .send_compressed(Gzip);
    let predictions = PredictionServiceServer::new(service.clone())
        .max_decoding_message_size(MAX_REQUEST)
        .accept_compressed(Gzip)
        .send_compressed(Gzip);
    routes
        .add_service(open_inference)
        .add_service(predictions)
        .add_service(BatchServiceServer::new(service.clone()))
        .add_service(ControlServiceServer::new(service))
}
