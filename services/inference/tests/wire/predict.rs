//! Predictions over the wire, in both protocols.

use std::collections::BTreeMap;

use crate::fixture::{Champion, FakeRegistry, Listening, TestReplica, batch, raw_request, request, version};
use lineal_proto::{
    inference::{
        InferParameter, InferTensorContents, ModelInferRequest, ModelMetadataRequest, ModelReadyRequest,
        ServerMetadataRequest, infer_parameter::ParameterChoice, model_infer_request::InferRequestedOutputTensor,
        model_infer_response::InferOutputTensor,
    },
    lineal::inference::v1 as pb,
};
use lineal_rpc::reason_of;
use tonic::{Code, Status, codec::CompressionEncoding};
use tonic_types::StatusExt as _;

struct World {
    champion: Champion,
    replica: TestReplica,
    _registry: Listening,
    _folder: tempfile::TempDir,
}

/// `churn` version 1 in the default slot, version 3 where the regime is trending.
async fn world() -> World {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let champion = version("churn", 1);
    registry.promote(&champion);
    let mut trending = version("churn", 3);
    trending.entry.slot = slot();
    registry.promote(&trending);
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(2).await;
    World { champion, replica, _registry: listening, _folder: folder }
}

fn slot() -> BTreeMap<String, String> {
    BTreeMap::from([("regime".to_owned(), "trending".to_owned())])
}

fn bad_fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|violation| format!("{}: {}", violation.field, violation.description)).collect()
}

fn text(parameters: &BTreeMap<String, InferParameter>, name: &str) -> String {
    match &parameters[name].parameter_choice {
        Some(ParameterChoice::StringParam(text)) => text.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn an_answer_names_everything_that_made_it() {
    // F38, F130, F133
    let World { champion, replica, .. } = &world().await;
    let answer = replica.predict().await.unwrap();
    assert_eq!((&answer.scores, &answer.labels), (&champion.scores, &champion.labels));
    let pedigree = answer.pedigree.unwrap();
    let entry = &champion.entry;
    assert_eq!((pedigree.model.as_str(), pedigree.version, pedigree.generation), ("churn", 1, 2));
    assert_eq!((&pedigree.label, &pedigree.run_id), (&entry.label, &entry.run_id));
    assert_eq!((&pedigree.digest, &pedigree.git_sha), (&entry.digest, &entry.code_version));
    assert_eq!((&pedigree.data_digest, &pedigree.feature_digest), (&entry.data_digest, &entry.feature_digest));
    assert_eq!((pedigree.replica.as_str(), &pedigree.trained_time), ("r-0", &entry.trained_time));
    let scored = pedigree.scored_time.unwrap();
    let micros = scored.seconds * 1_000_000 + i64::from(scored.nanos / 1000);
    assert_eq!(pedigree.prediction_id, format!("churn:1:g2:{micros}:r-0:00000000"));
    let next = replica.predict().await.unwrap().pedigree.unwrap().prediction_id;
    assert!(next.ends_with(":r-0:00000001"), "{next}");
}

#[tokio::test]
async fn raw_tensors_are_answered_raw_with_the_same_scores() {
    let World { champion, replica, .. } = &world().await;
    let answer = replica.open_inference().model_infer(raw_request("churn")).await.unwrap().into_inner();
    let scores = champion.scores.iter().flat_map(|score| score.to_le_bytes()).collect::<Vec<_>>();
    let labels =
        champion.labels.iter().flat_map(|label| [&(label.len() as u32).to_le_bytes()[..], label.as_bytes()].concat());
    assert_eq!(answer.raw_output_contents, [scores, labels.collect()]);
    let output = |name: &str, datatype: &str| InferOutputTensor {
        name: name.into(),
        datatype: datatype.into(),
        shape: vec![2],
        ..InferOutputTensor::default()
    };
    assert_eq!(answer.outputs, [output("score", "FP64"), output("label", "BYTES")]);
    assert_eq!((answer.model_name.as_str(), answer.model_version.as_str()), ("churn", "1"));
    let parameters = &answer.parameters;
    assert_eq!(answer.id, text(parameters, "prediction_id"));
    assert_eq!(text(parameters, "digest"), champion.entry.digest);
    assert_eq!(text(parameters, "run_id"), "run-1");
    assert_eq!(text(parameters, "trained_at"), "2025-01-15T14:30:22Z");
    assert_eq!(parameters["generation"].parameter_choice, Some(ParameterChoice::Int64Param(2)));
    for name in ["label", "data_digest", "feature_digest", "git_sha", "replica", "scored_at"] {
        assert!(!text(parameters, name).is_empty(), "{name}");
    }
}

#[tokio::test]
async fn typed_tensors_are_answered_typed_with_the_outputs_asked_for() {
    let World { champion, replica, .. } = &world().await;
    let mut typed = raw_request("churn");
    typed.raw_input_contents.clear();
    typed.id = "mine".into();
    typed.inputs[0].datatype = "INT32".into();
    typed.inputs[0].contents =
        Some(InferTensorContents { int_contents: vec![25, 61], ..InferTensorContents::default() });
    typed.inputs[1].contents = Some(InferTensorContents {
        bytes_contents: vec!["basic".into(), "gold".into()],
        ..InferTensorContents::default()
    });
    typed.outputs = vec![InferRequestedOutputTensor { name: "label".into(), ..Default::default() }];
    let mut client = replica
        .open_inference()
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let answer = client.model_infer(typed.clone()).await.unwrap();
    assert_eq!(answer.metadata().get("grpc-encoding").unwrap(), "gzip");
    let answer = answer.into_inner();
    assert_eq!(answer.id, "mine");
    assert_eq!(answer.outputs.len(), 1);
    assert_eq!(answer.outputs[0].contents.as_ref().unwrap().bytes_contents, champion.labels);
    assert!(answer.raw_output_contents.is_empty());

    typed.outputs.push(InferRequestedOutputTensor { name: "logit".into(), ..Default::default() });
    let refused = client.model_infer(typed).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["outputs[1].name: expected `score` or `label`"]);
}

#[tokio::test]
async fn versions_are_asked_for_by_number_or_alias() {
    let World { replica, .. } = &world().await;
    for asked in ["", "1", "@champion", "@prod"] {
        let request = ModelInferRequest { model_version: asked.into(), ..raw_request("churn") };
        let answer = replica.open_inference().model_infer(request).await.unwrap().into_inner();
        assert_eq!(answer.model_version, "1", "{asked}");
    }
    for asked in ["2", "@canary"] {
        let request = ModelInferRequest { model_version: asked.into(), ..raw_request("churn") };
        let refused = replica.open_inference().model_infer(request).await.unwrap_err();
        assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::NotFound, Some("VERSION_NOT_SERVED")));
        assert!(refused.message().contains("only 1 (@champion) is"), "{}", refused.message());
    }
    let request = ModelInferRequest { model_version: "latest".into(), ..raw_request("churn") };
    let refused = replica.open_inference().model_infer(request).await.unwrap_err();
    assert!(bad_fields(&refused)[0].starts_with("model_version: "));
}

#[tokio::test]
async fn a_slot_has_its_own_champion_and_an_unknown_one_has_none() {
    // F9, F137
    let World { replica, .. } = &world().await;
    let with = |named: &[(&str, &str)]| {
        let parameter =
            |text: &str| InferParameter { parameter_choice: Some(ParameterChoice::StringParam(text.to_owned())) };
        let parameters = named.iter().map(|(name, text)| ((*name).to_owned(), parameter(text))).collect();
        ModelInferRequest { parameters, ..raw_request("churn") }
    };
    let with_slot = |slot: &str| with(&[("slot", slot)]);
    for written in [with_slot("regime=trending"), with(&[("slot.regime", "trending"), ("slots", "x")])] {
        let answer = replica.open_inference().model_infer(written).await.unwrap().into_inner();
        assert_eq!(answer.model_version, "3");
    }
    for (written, path) in [
        (with(&[("slot", "regime=trending"), ("slot.regime", "trending")]), "parameters.slot.regime: "),
        (with(&[("slot.Regime", "trending")]), "parameters.slot: "),
        (with(&[("sequence_id", "7")]), "parameters.sequence_id: "),
    ] {
        let refused = replica.open_inference().model_infer(written).await.unwrap_err();
        assert!(bad_fields(&refused)[0].starts_with(path), "{refused:?}");
    }
    let elsewhere = with(&[("slot.regime", "trending"), ("slot.symbol", "BTCUSDT")]);
    let refused = replica.open_inference().model_infer(elsewhere).await.unwrap_err();
    assert_eq!(reason_of(&refused).as_deref(), Some("MODEL_NOT_SERVED"));
    let native = pb::PredictRequest { slot: slot(), ..request("churn") };
    let answer = replica.predictions().predict(native).await.unwrap().into_inner();
    assert_eq!(answer.pedigree.unwrap().version, 3);

    let refused = replica.open_inference().model_infer(with_slot("regime=calm")).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::NotFound, Some("MODEL_NOT_SERVED")));
    let refused = replica.open_inference().model_infer(with_slot("regime")).await.unwrap_err();
    assert!(bad_fields(&refused)[0].starts_with("parameters.slot: "));
}

#[tokio::test]
async fn an_unknown_model_is_not_found_and_not_ready() {
    let World { replica, .. } = &world().await;
    for refused in [
        replica.predictions().predict(request("unknown")).await.unwrap_err(),
        replica.open_inference().model_infer(raw_request("unknown")).await.unwrap_err(),
        replica.predictions().predict(request("../churn")).await.unwrap_err(),
    ] {
        assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::NotFound, Some("MODEL_NOT_SERVED")));
    }
    for (name, version, expected) in
        [("churn", "", true), ("churn", "1", true), ("churn", "2", false), ("x", "", false)]
    {
        let request = ModelReadyRequest { name: name.into(), version: version.into() };
        let ready = replica.open_inference().model_ready(request).await.unwrap().into_inner().ready;
        assert_eq!(ready, expected, "{name} {version}");
    }
}

#[tokio::test]
async fn every_missing_or_wrong_column_is_named_at_once() {
    // F21
    let World { replica, .. } = &world().await;
    let none = pb::PredictRequest { columns: Vec::new(), ..request("churn") };
    let refused = replica.predictions().predict(none).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["columns: missing columns: `age`, `plan`"]);

    let mut swapped = request("churn");
    swapped.columns[0].name = "plan".into();
    swapped.columns[1].name = "age".into();
    let refused = replica.predictions().predict(swapped).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["columns[0]: expected `texts`", "columns[1]: expected `numbers`"]);

    let mut tensors = raw_request("churn");
    tensors.inputs[0].name = "Age".into();
    tensors.inputs[1].datatype = "FP64".into();
    let refused = replica.open_inference().model_infer(tensors).await.unwrap_err();
    assert_eq!(bad_fields(&refused), ["inputs: missing columns: `age`", "inputs[1].datatype: expected BYTES"]);

    let mut missing = request("churn");
    let numbers = pb::NumberColumn { values: vec![25.0, f64::NAN] };
    missing.columns[0].values = Some(pb::column::Values::Numbers(numbers));
    let refused = replica.predictions().predict(missing).await.unwrap_err();
    assert!(bad_fields(&refused)[0].starts_with("age: column `age` has no value in row 1"));
}

#[tokio::test]
async fn a_large_batch_scores_like_its_rows() {
    let World { champion, replica, .. } = &world().await;
    let times = 25_000;
    let batch = batch("churn", times);
    let answer = replica.predictions().predict(batch).await.unwrap().into_inner();
    assert_eq!(answer.scores, champion.scores.repeat(times));
    assert!(answer.labels.chunks(2).all(|labels| labels == champion.labels));
}

#[tokio::test]
async fn metadata_describes_server_and_model() {
    let World { replica, .. } = &world().await;
    let mut client = replica.open_inference();
    let server = client.server_metadata(ServerMetadataRequest {}).await.unwrap().into_inner();
    assert_eq!((server.name.as_str(), server.version.as_str()), ("lineal", env!("CARGO_PKG_VERSION")));
    let request = ModelMetadataRequest { name: "churn".into(), version: String::new() };
    let model = client.model_metadata(request).await.unwrap().into_inner();
    assert_eq!((model.platform.as_str(), model.versions), ("lineal", vec!["1".to_owned()]));
    let columns = |tensors: Vec<lineal_proto::inference::model_metadata_response::TensorMetadata>| {
        tensors.into_iter().map(|tensor| (tensor.name, tensor.datatype, tensor.shape)).collect::<Vec<_>>()
    };
    let column = |name: &str, datatype: &str| (name.to_owned(), datatype.to_owned(), vec![-1]);
    assert_eq!(columns(model.inputs), [column("age", "FP64"), column("plan", "BYTES")]);
    assert_eq!(columns(model.outputs), [column("score", "FP64"), column("label", "BYTES")]);
    let request = ModelMetadataRequest { name: "unknown".into(), version: String::new() };
    assert_eq!(client.model_metadata(request).await.unwrap_err().code(), Code::NotFound);
}
