//! A stream of requests, answered in their order.

use futures::{FutureExt as _, Stream, StreamExt as _, stream::FuturesOrdered};
use lineal_proto::inference::{ModelInferRequest, ModelInferResponse, ModelStreamInferResponse};
use lineal_rpc::reason_of;
use tonic::{Status, Streaming};

use super::{InferenceGrpc, status};
use crate::InferenceError;

/// Requests of one stream that are worked on at once. Further ones are not read, and flow control holds their sender back.
const AT_ONCE: usize = 4;

/// Answers `requests` until they end, or the process does. Nothing is read while nobody takes the answers. All are
/// `mirrored`, or those that ask for it themselves.
pub(super) fn answers(
    service: InferenceGrpc,
    mut requests: Streaming<ModelInferRequest>,
    mirrored: bool,
) -> impl Stream<Item = Result<ModelStreamInferResponse, Status>> {
    let ending = service.replica.ending().clone();
    async_stream::stream! {
        let mut working = FuturesOrdered::new();
        let mut open = true;
        let mut last = None;
        loop {
            let answered = tokio::select! {
                biased;
                Some(answer) = working.next() => Some(answer),
                () = ending.cancelled(), if open => {
                    last = Some(status::from_error(InferenceError::ShuttingDown));
                    open = false;
                    None
                }
                request = requests.next(), if open && working.len() < AT_ONCE => {
                    match request {
                        Some(Ok(request)) => working.push_back(answer(&service, request, mirrored).boxed()),
                        Some(Err(unreadable)) => {
                            last = Some(unreadable);
                            open = false;
                        }
                        None => open = false,
                    }
                    None
                }
                else => break,
            };
            if let Some(answer) = answered {
                yield Ok(answer);
            }
        }
        if let Some(status) = last {
            yield Err(status);
        }
    }
}

/// What is wrong with one request is no error of the stream.
async fn answer(service: &InferenceGrpc, request: ModelInferRequest, mirrored: bool) -> ModelStreamInferResponse {
    let (id, model_name, model_version) =
        (request.id.clone(), request.model_name.clone(), request.model_version.clone());
    match service.infer(request, mirrored).await {
        Ok(answer) => ModelStreamInferResponse { error_message: String::new(), infer_response: Some(answer) },
        Err(status) => {
            let reason = reason_of(&status).unwrap_or_default();
            ModelStreamInferResponse {
                error_message: format!("{reason}: {}", status.message()),
                infer_response: Some(ModelInferResponse { id, model_name, model_version, ..Default::default() }),
            }
        }
    }
}
