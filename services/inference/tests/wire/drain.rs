//! A process that stops answers what it has taken up.

use std::{convert::Infallible, time::Duration};

use crate::fixture::{FakeRegistry, TestReplica, raw_request, version};
use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use lineal_proto::inference::{
    ModelInferResponse, ServerLiveRequest, grpc_inference_service_client::GrpcInferenceServiceClient,
};
use prost::Message as _;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{body::Body, client::GrpcService as _, transport::Channel};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_request_that_is_still_arriving_when_its_process_stops_is_answered() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    registry.promote(&version("churn", 1));
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;

    let address = replica.listening.address.clone();
    let mut channel = Channel::from_shared(address.clone()).unwrap().connect().await.unwrap();
    GrpcInferenceServiceClient::new(channel.clone()).server_live(ServerLiveRequest {}).await.unwrap();
    let (sender, pieces) = mpsc::channel::<Bytes>(1);
    let body =
        StreamBody::new(ReceiverStream::new(pieces).map(|piece| Ok::<_, Infallible>(hyper::body::Frame::data(piece))));
    let request = http::Request::post(format!("{address}/inference.GRPCInferenceService/ModelInfer"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(body))
        .unwrap();
    let message = raw_request("churn").encode_to_vec();
    let framed = [&[0][..], &(message.len() as u32).to_be_bytes(), &message].concat();
    std::future::poll_fn(|context| channel.poll_ready(context)).await.unwrap();
    let answer = tokio::spawn(channel.call(request));
    sender.send(Bytes::copy_from_slice(&framed[..20])).await.unwrap();

    let stopping = tokio::spawn(replica.listening.stop());
    registry.until("the lease is given back", |state| state.replicas.is_empty()).await;
    assert!(!stopping.is_finished(), "it waits for what is in flight");
    sender.send(Bytes::copy_from_slice(&framed[20..])).await.unwrap();
    drop(sender);
    let answer = timeout(SOON, answer).await.unwrap().unwrap().unwrap();
    let body = timeout(SOON, answer.into_body().collect()).await.unwrap().unwrap().to_bytes();
    assert_eq!(ModelInferResponse::decode(&body[5..]).unwrap().model_version, "1");
    timeout(SOON, stopping).await.unwrap().unwrap();
    let again = lineal_rpc::connect(&address, "test").unwrap();
    let refused = GrpcInferenceServiceClient::new(again).server_live(ServerLiveRequest {}).await;
    assert!(refused.is_err(), "nobody listens any more");
}
