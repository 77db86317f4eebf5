//! What is too much or makes no sense is refused for a reason, and costs nobody else anything.

use std::time::{Duration, Instant};

use crate::fixture::{Champion, FakeRegistry, Listening, TestReplica, batch, raw_request, request, slow, version};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use lineal_inference::InferenceConfig;
use lineal_kernel::Name;
use lineal_proto::{
    inference::{ModelInferRequest, model_infer_request::InferInputTensor},
    lineal::inference::v1::PredictResponse,
};
use lineal_rpc::reason_of;
use prost::Message as _;
use serde::Deserialize;
use tonic::{
    Code, Request, Status, body::Body, client::GrpcService as _, codec::CompressionEncoding, transport::Channel,
};
use tonic_types::StatusExt as _;

struct World {
    replica: TestReplica,
    _registry: Listening,
    _folder: tempfile::TempDir,
}

async fn world(rows_in_flight: usize) -> World {
    serving(&version("churn", 1), rows_in_flight).await
}

async fn serving(champion: &Champion, rows_in_flight: usize) -> World {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    registry.promote(champion);
    let folder = tempfile::tempdir().unwrap();
    let advertise = "http://127.0.0.1:7400".to_owned();
    let config = InferenceConfig {
        rows_in_flight,
        ..InferenceConfig::new(Name::new("r-0").unwrap(), advertise, folder.path().into())
    };
    let replica = TestReplica::start_with(&listening.address, config).await;
    registry.until_served(1).await;
    World { replica, _registry: listening, _folder: folder }
}

impl World {
    async fn still_serves(&self) {
        assert!(self.replica.ready().await);
        self.replica.predict().await.unwrap();
    }

    /// The first answer that is not refused for the rows in flight.
    async fn when_there_is_room(&self) -> PredictResponse {
        let asking = async {
            loop {
                match self.replica.predict().await {
                    Ok(answer) => return answer,
                    Err(status) => assert_eq!(reason_of(&status).as_deref(), Some("ROWS_IN_FLIGHT"), "{status:?}"),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap()
    }

    /// What is answered to these bytes as the body of a ModelInfer call.
    async fn answer(&self, body: Vec<u8>) -> Status {
        let address = self.replica.listening.address.clone();
        let mut channel = Channel::from_shared(address.clone()).unwrap().connect().await.unwrap();
        let request = http::Request::post(format!("{address}/inference.GRPCInferenceService/ModelInfer"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Body::new(Full::new(Bytes::from(body))))
            .unwrap();
        std::future::poll_fn(|context| channel.poll_ready(context)).await.unwrap();
        let answer = channel.call(request).await.unwrap();
        let in_headers = Status::from_header_map(answer.headers());
        let trailers = answer.into_body().collect().await.unwrap().trailers().cloned().unwrap_or_default();
        in_headers.or_else(|| Status::from_header_map(&trailers)).unwrap()
    }
}

/// A message as it is on the wire.
fn framed(message: &[u8]) -> Vec<u8> {
    [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

/// A request that was found to be bad, as JSON, and what is said of it.
#[derive(Deserialize)]
struct Bad {
    name: String,
    request: ModelInferRequest,
    code: i32,
    says: String,
}

#[tokio::test]
async fn every_bad_request_on_record_is_refused_for_its_reason() {
    // F21
    let world = world(1 << 20).await;
    let bad: Vec<Bad> = serde_json::from_str(include_str!("bad_requests.json")).unwrap();
    assert!(bad.len() >= 25);
    for Bad { name, request, code, says } in bad {
        let refused = world.replica.open_inference().model_infer(request).await.expect_err(&name);
        assert_eq!(refused.code(), Code::from_i32(code), "{name}: {refused:?}");
        assert!(refused.message().contains(&says), "{name}: {}", refused.message());
        assert!(reason_of(&refused).is_some(), "{name}");
    }
    world.still_serves().await;
}

#[tokio::test]
async fn a_million_tensors_are_refused_before_they_take_memory() {
    let world = world(1 << 20).await;
    let tensors = vec![InferInputTensor::default(); 1_000_000];
    let request = ModelInferRequest { inputs: tensors, ..raw_request("churn") };
    let refused = world.replica.open_inference().model_infer(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    assert!(refused.message().contains("at most 262144 fields"), "{}", refused.message());
    // As many as are read are refused by what they are.
    let tensors = vec![InferInputTensor::default(); 100_000];
    let request = ModelInferRequest { inputs: tensors, raw_input_contents: Vec::new(), ..raw_request("churn") };
    let refused = world.replica.open_inference().model_infer(request).await.unwrap_err();
    assert_eq!(refused.message(), "inputs: expected at most 4096 columns, found 100000");
    world.still_serves().await;
}

#[tokio::test]
async fn lengths_that_lie_are_refused() {
    let world = world(1 << 20).await;
    // A message that claims 2 GiB, and a field that does.
    let mut claimed = vec![0, 0x7f, 0xff, 0xff, 0xff];
    claimed.extend([0; 64]);
    assert_eq!(world.answer(claimed).await.code(), Code::OutOfRange);
    let field = [0x2a, 0xff, 0xff, 0xff, 0xff, 0x07, 0x0a];
    assert_eq!(world.answer(framed(&field)).await.code(), Code::Internal);
    // The helper itself is answered when it asks well.
    let whole = framed(&raw_request("churn").encode_to_vec());
    assert_eq!(world.answer(whole).await.code(), Code::Ok);
    world.still_serves().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_with_both_sizes() {
    let world = world(1 << 20).await;
    let huge = ModelInferRequest { raw_input_contents: vec![vec![0; 65 << 20].into()], ..raw_request("churn") };
    let mut client = world.replica.open_inference().max_encoding_message_size(usize::MAX);
    let refused = client.model_infer(huge.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    let size = huge.encoded_len().to_string();
    assert!(refused.message().contains("67108864") && refused.message().contains(&size), "{}", refused.message());

    // What is small on the way is measured as it is read.
    let mut client = client.send_compressed(CompressionEncoding::Gzip);
    let refused = client.model_infer(huge).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert!(refused.message().contains("67108864"), "{}", refused.message());
    world.still_serves().await;
}

#[tokio::test]
async fn a_frame_that_is_none_is_refused_with_words() {
    let world = world(1 << 20).await;
    let whole = framed(&raw_request("churn").encode_to_vec());
    let mut unknown = whole.clone();
    unknown[0] = 7;
    let mut compressed = whole.clone();
    compressed[0] = 1;
    for (what, body) in [
        ("an unknown flag", unknown),
        ("compressed by nothing that was named", compressed),
        ("half a message", whole[..whole.len() / 2].to_vec()),
        ("half a head", whole[..3].to_vec()),
        ("no message", Vec::new()),
        ("no protobuf", framed(b"\xff\xff\xff\xff")),
    ] {
        let refused = world.answer(body).await;
        assert!(matches!(refused.code(), Code::Internal | Code::Unimplemented), "{what}: {refused:?}");
        assert!(!refused.message().is_empty(), "{what}");
    }
    assert_eq!(world.answer(whole).await.code(), Code::Ok);
    world.still_serves().await;
}

#[tokio::test]
async fn more_rows_than_there_is_room_for_are_refused_with_the_time_to_try_again() {
    let world = world(100).await;
    assert!(world.replica.predictions().predict(batch("churn", 50)).await.is_ok());
    let refused = world.replica.predictions().predict(batch("churn", 51)).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::ResourceExhausted, Some("ROWS_IN_FLIGHT")));
    assert_eq!(refused.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(1)));
    world.still_serves().await;
}

#[tokio::test]
async fn room_is_given_back_by_every_answer_and_every_refusal() {
    let world = world(2).await;
    for _ in 0..20 {
        assert!(world.replica.predict().await.is_ok());
        let mut missing = request("churn");
        let numbers = lineal_proto::lineal::inference::v1::NumberColumn { values: vec![25.0, f64::NAN] };
        missing.columns[0].values = Some(lineal_proto::lineal::inference::v1::column::Values::Numbers(numbers));
        assert!(world.replica.predictions().predict(missing).await.is_err());
    }
}

#[tokio::test]
async fn a_request_whose_time_is_up_costs_nothing_else() {
    let world = world(1 << 20).await;
    let mut late = Request::new(batch("churn", 30_000));
    late.set_timeout(Duration::from_nanos(1));
    let refused = world.replica.predictions().predict(late).await.unwrap_err();
    assert!(matches!(refused.code(), Code::DeadlineExceeded | Code::Cancelled), "{refused:?}");
    world.still_serves().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_that_passes_while_rows_are_scored_is_told_and_costs_nothing_else() {
    // Two rows, which the serving thread scores itself and does not stop halfway.
    let world = serving(&slow("churn", 1), 2).await;
    let whole = world.replica.predict().await.unwrap();
    let mut time = Duration::MAX;
    for _ in 0..3 {
        let begun = Instant::now();
        world.replica.predict().await.unwrap();
        time = time.min(begun.elapsed());
    }
    // Whether client or server is quicker to notice is chance, so an answer may still be in time.
    let mut told = 0;
    for _ in 0..100 {
        let mut late = Request::new(request("churn"));
        late.set_timeout(time / 4);
        match world.replica.predictions().predict(late).await {
            Ok(answer) => assert_eq!(answer.into_inner().scores, whole.scores),
            Err(refused) => {
                assert!(matches!(refused.code(), Code::DeadlineExceeded | Code::Cancelled), "{refused:?}");
                assert!(!refused.message().is_empty());
                told += 1;
            }
        }
        // Its room is free as soon as its rows are scored, and the same connection answers.
        assert_eq!(world.when_there_is_room().await.scores, whole.scores);
        if told == 3 {
            return;
        }
    }
    panic!("only {told} deadlines were told");
}
