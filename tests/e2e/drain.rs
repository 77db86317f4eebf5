//! SIGTERM: told first, then ended, and nobody's answer is lost.

use lineal_proto::inference::{
    ModelInferRequest, ModelStreamInferResponse, grpc_inference_service_client::GrpcInferenceServiceClient,
};
use lineal_rpc::{READY, reason_of};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::{
    process::{Process, eventually},
    scenario,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_says_that_it_stops_and_still_answers_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[("LINEAL__SERVER__NOTICE_SECONDS", "3")]).await;
    let peer = lineal.peer();
    scenario::champion(&peer, "logistic_regression").await;
    let (sender, requests) = mpsc::channel(1);
    let stream = GrpcInferenceServiceClient::new(peer.clone()).model_stream_infer(ReceiverStream::new(requests)).await;
    let mut answers = stream.unwrap().into_inner();
    let ask = async |id: &str| sender.send(request(id)).await.unwrap();
    ask("before").await;
    assert_eq!(id(answers.message().await.unwrap().unwrap()), "before");

    let mut health = HealthClient::new(peer.clone());
    let ready = HealthCheckRequest { service: READY.to_owned() };
    let mut watch = health.watch(ready.clone()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);

    lineal.signal("-TERM");
    eventually("it says that it stops", async || {
        let asked = health.check(ready.clone()).await.unwrap().into_inner();
        (asked.status() == ServingStatus::NotServing).then_some(())
    })
    .await;
    assert_eq!(scenario::predict(&peer).await.unwrap().scores.len(), 1);
    ask("after").await;
    assert_eq!(id(answers.message().await.unwrap().unwrap()), "after");
    let ended = answers.message().await.unwrap_err();
    assert_eq!((ended.code(), reason_of(&ended).as_deref()), (Code::Unavailable, Some("SHUTTING_DOWN")));
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(watch.message().await.unwrap().is_none(), "whoever watches is let go, and holds nothing up");
    assert!(lineal.died().await.success(), "SIGTERM ends with 0");
}

fn id(answer: ModelStreamInferResponse) -> String {
    assert_eq!(answer.error_message, "");
    answer.infer_response.unwrap().id
}

fn request(id: &str) -> ModelInferRequest {
    ModelInferRequest { id: id.to_owned(), ..scenario::tensors(scenario::customer()) }
}
