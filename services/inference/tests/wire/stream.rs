//! A stream of requests: answered in order, none the worse for another.

use std::time::Duration;

use crate::fixture::{FakeRegistry, Listening, TestReplica, raw_request, version};
use futures::{StreamExt as _, stream};
use lineal_proto::inference::{ModelInferRequest, ModelStreamInferResponse};
use lineal_rpc::reason_of;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, codec::CompressionEncoding::Gzip};

const SOON: Duration = Duration::from_secs(20);

struct World {
    replica: TestReplica,
    _registry: Listening,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    registry.promote(&version("churn", 1));
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;
    World { replica, _registry: listening, _folder: folder }
}

fn numbered(id: usize) -> ModelInferRequest {
    ModelInferRequest { id: id.to_string(), ..raw_request("churn") }
}

fn id(answer: &ModelStreamInferResponse) -> &str {
    &answer.infer_response.as_ref().unwrap().id
}

#[tokio::test]
async fn requests_are_answered_in_order_and_one_that_is_wrong_ends_nothing() {
    let World { replica, .. } = &world().await;
    let mut requests: Vec<_> = (0..200).map(numbered).collect();
    requests[7].model_name = "nobody".into();
    requests[8].inputs[0].shape = vec![-1];
    requests[9].model_version = "9".into();
    let mut client = replica.open_inference().send_compressed(Gzip).accept_compressed(Gzip);
    let answers = client.model_stream_infer(stream::iter(requests)).await.unwrap().into_inner();
    let answers: Vec<_> = answers.map(Result::unwrap).collect().await;
    let ids: Vec<_> = answers.iter().map(|answer| id(answer).to_owned()).collect();
    assert_eq!(ids, (0..200).map(|id| id.to_string()).collect::<Vec<_>>());
    for (at, expected) in
        [(7, "MODEL_NOT_SERVED: model `nobody`"), (8, "INVALID_FIELD: inputs[0].shape"), (9, "VERSION_NOT_SERVED: `9`")]
    {
        assert!(answers[at].error_message.starts_with(expected), "{}", answers[at].error_message);
        assert!(answers[at].infer_response.as_ref().unwrap().outputs.is_empty());
    }
    let good = answers.iter().filter(|answer| answer.error_message.is_empty());
    assert!(good.clone().all(|answer| answer.infer_response.as_ref().unwrap().model_version == "1"));
    assert_eq!(good.count(), 197);
}

#[tokio::test]
async fn what_is_no_request_ends_its_stream_alone() {
    let World { replica, .. } = &world().await;
    let huge = ModelInferRequest { raw_input_contents: vec![vec![0; 65 << 20].into()], ..numbered(1) };
    let mut client = replica.open_inference().max_encoding_message_size(usize::MAX);
    let mut answers =
        client.model_stream_infer(stream::iter([numbered(0), huge, numbered(2)])).await.unwrap().into_inner();
    assert_eq!(id(&answers.message().await.unwrap().unwrap()), "0");
    assert_eq!(answers.message().await.unwrap_err().code(), Code::OutOfRange);
    assert!(replica.predict().await.is_ok());
}

#[tokio::test]
async fn a_caller_that_does_not_read_holds_nobody_else_back() {
    let World { replica, .. } = &world().await;
    // 2 MB of answers to every request, far more than any window holds.
    let rows = 60_000;
    let mut large = raw_request("churn");
    large.raw_input_contents = vec![25.0_f64.to_le_bytes().repeat(rows).into(), b"\x04\0\0\0gold".repeat(rows).into()];
    for input in &mut large.inputs {
        input.shape = vec![rows as i64];
    }
    let (sender, requests) = mpsc::channel(1);
    let mut client = replica.open_inference().max_decoding_message_size(usize::MAX);
    let mut answers = client.model_stream_infer(ReceiverStream::new(requests)).await.unwrap().into_inner();
    let sending = tokio::spawn(async move {
        for id in 0..100 {
            sender.send(ModelInferRequest { id: id.to_string(), ..large.clone() }).await.unwrap();
        }
    });
    // The same connection keeps answering while that stream is stuck.
    for _ in 0..200 {
        timeout(SOON, replica.predict()).await.unwrap().unwrap();
    }
    assert!(!sending.is_finished(), "the sender is held back");
    let first = timeout(SOON, answers.message()).await.unwrap().unwrap().unwrap();
    assert_eq!(id(&first), "0");
    sending.abort();
}

#[tokio::test]
async fn a_stream_ends_with_its_process_after_its_last_answer() {
    let World { replica, _registry, _folder } = world().await;
    let (sender, requests) = mpsc::channel(1);
    let mut answers =
        replica.open_inference().model_stream_infer(ReceiverStream::new(requests)).await.unwrap().into_inner();
    sender.send(numbered(0)).await.unwrap();
    assert_eq!(id(&timeout(SOON, answers.message()).await.unwrap().unwrap().unwrap()), "0");

    let mut quiet =
        replica.open_inference().model_stream_infer(stream::iter([numbered(1)])).await.unwrap().into_inner();
    assert_eq!(id(&timeout(SOON, quiet.message()).await.unwrap().unwrap().unwrap()), "1");
    assert!(timeout(SOON, quiet.message()).await.unwrap().unwrap().is_none(), "all of it was answered");
    let stopping = tokio::spawn(replica.listening.stop());
    let ended = timeout(SOON, answers.message()).await.unwrap().unwrap_err();
    assert_eq!((ended.code(), reason_of(&ended).as_deref()), (Code::Unavailable, Some("SHUTTING_DOWN")));
    // The caller still holds its half open.
    timeout(SOON, stopping).await.unwrap().unwrap();
    drop(sender);
}
