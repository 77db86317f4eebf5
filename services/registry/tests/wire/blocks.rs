//! Blocks: each stage fills its own and leaves the others.

use lineal_proto::{
    lineal::registry::v1 as pb,
    pbjson_types::{ListValue, Struct, Value},
};
use tonic::{Response, Status};

use crate::fixture::{Bench, Refusal, record_validation, rollback};

fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Struct {
    Struct { fields: fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() }
}

fn psi_of(value: f64) -> Struct {
    object([("tenure", Value::from(value))])
}

fn psi(value: f64) -> Struct {
    let features = Value::from(vec![Value::from(psi_of(value))]);
    object([("psi", Value::from(value)), ("features", features), ("note", Value::from("weekly"))])
}

impl Bench {
    async fn record(
        &self,
        stage: pb::BlockStage,
        body: Struct,
        key: &str,
    ) -> Result<Response<pb::RecordBlockResponse>, Status> {
        let request = pb::RecordBlockRequest {
            model: "churn".into(),
            number: 1,
            stage: stage.into(),
            body: Some(body),
            request_id: key.into(),
        };
        self.block_service().record_block(request).await
    }

    async fn blocks(&self, number: u64) -> pb::Blocks {
        self.version("churn", number).await.blocks.unwrap()
    }
}

/// What a block says, as JSON.
fn said(block: Option<Struct>) -> serde_json::Value {
    serde_json::to_value(block.unwrap()).unwrap()
}

#[tokio::test]
async fn each_stage_fills_its_block_and_leaves_the_others() {
    // F22
    let bench = Bench::start().await;
    bench.register("churn").await;
    let trained = bench.blocks(1).await;
    let training = said(trained.training.clone());
    assert_eq!((&training["training_rows"], &training["duration_seconds"]), (&800.0.into(), &1.5.into()));
    assert_eq!(training["metrics"]["auc"], 0.8);
    assert_eq!(trained, pb::Blocks { training: trained.training.clone(), ..Default::default() });

    let verdict = record_validation("churn", 1, 0);
    let report_id = verdict.validation.clone().unwrap().report_id;
    bench.version_service().record_validation(verdict).await.unwrap();
    let judged = bench.blocks(1).await;
    assert_eq!(said(judged.validation.clone())["report_id"], report_id);
    assert_eq!(judged, pb::Blocks { validation: judged.validation.clone(), ..trained });

    let measured = bench.record(pb::BlockStage::Performance, psi(0.1), "").await.unwrap().into_inner().blocks.unwrap();
    assert_eq!(measured, pb::Blocks { performance: Some(psi(0.1)), ..judged });
    bench.record(pb::BlockStage::Drift, psi(0.2), "").await.unwrap();
    bench.record(pb::BlockStage::Drift, psi(0.3), "").await.unwrap();
    let drifted = bench.blocks(1).await;
    assert_eq!(drifted, pb::Blocks { drift: Some(psi(0.3)), ..measured });

    bench.promote("churn", 1).await.unwrap();
    bench.crown("churn").await;
    let reason = "worse at weekends";
    let done = bench.promotion_service().rollback(rollback("churn")).await.unwrap().into_inner().promotion.unwrap();
    let (back, left) = (bench.blocks(1).await, said(bench.blocks(2).await.rollback));
    assert_eq!(back, pb::Blocks { rollback: back.rollback.clone(), ..drifted });
    let back = said(back.rollback);
    assert_eq!((&back["role"], &left["role"]), (&"brought_back".into(), &"left".into()));
    for block in [back, left] {
        assert_eq!((&block["promotion_id"], &block["reason"]), (&done.promotion_id.as_str().into(), &reason.into()));
    }
}

#[tokio::test]
async fn a_block_sent_again_is_stored_once() {
    let bench = Bench::start().await;
    bench.register("churn").await;
    bench.record(pb::BlockStage::Drift, psi(0.2), "drift-1").await.unwrap();
    bench.record(pb::BlockStage::Drift, psi(0.3), "drift-2").await.unwrap();
    bench.record(pb::BlockStage::Drift, psi(0.2), "drift-1").await.unwrap();
    assert_eq!(bench.blocks(1).await.drift, Some(psi(0.3)), "the first request is not done twice");
    let other = Refusal::of(bench.record(pb::BlockStage::Drift, psi(0.4), "drift-1").await);
    assert_eq!(other.reason, "REQUEST_ID_REUSED");
    let recorded = bench.audit().await.iter().filter(|entry| entry.action == "record_block" && entry.done).count();
    assert_eq!(recorded, 2);
}

#[tokio::test]
async fn blocks_are_small_shallow_and_finite() {
    let bench = Bench::start().await;
    bench.register("churn").await;
    let deep = (0..20).fold(Value::from(1.0), |inner, _| Value::from(object([("a", inner)])));
    let nested = (0..20).fold(Value::from(1.0), |inner, _| Value {
        kind: Some(lineal_proto::pbjson_types::value::Kind::ListValue(ListValue { values: vec![inner] })),
    });
    let long = "x".repeat(64 * 1024);
    for (body, field) in [
        (object([("features", Value::from(vec![Value::from(psi_of(f64::NAN))]))]), "body.features[0].tenure"),
        (object([("auc", Value::from(f64::INFINITY))]), "body.auc"),
        (object([("note", Value::from(long))]), "body"),
        (object([("deep", deep)]), "body.deep"),
        (object([("deep", nested)]), "body.deep[0]"),
    ] {
        let refusal = Refusal::of(bench.record(pb::BlockStage::Drift, body, "").await);
        assert!(refusal.fields.len() == 1 && refusal.fields[0].starts_with(field), "{refusal:?}");
    }
    for stage in [pb::BlockStage::Unspecified, pb::BlockStage::Training, pb::BlockStage::Rollback] {
        let refusal = Refusal::of(bench.record(stage, psi(0.1), "").await);
        assert_eq!(refusal.fields, ["stage"]);
    }
    assert_eq!(bench.blocks(1).await.drift, None);
}
