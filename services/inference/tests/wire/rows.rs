//! Rows in the forms of the native contract, and what it says of them.

use std::sync::Arc;

use crate::fixture::{Champion, FakeRegistry, Listening, TestReplica, batch, request, version};
use arrow::{
    array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch},
    datatypes::{Field, Int8Type, Schema},
    ipc::writer::StreamWriter,
};
use bytes::Bytes;
use lineal_proto::lineal::inference::v1 as pb;
use tonic::Code;

struct World {
    champion: Champion,
    replica: TestReplica,
    _registry: Listening,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let champion = version("churn", 1);
    registry.promote(&champion);
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;
    World { champion, replica, _registry: listening, _folder: folder }
}

fn stream(columns: &[(&str, ArrayRef)]) -> Bytes {
    let fields: Vec<_> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.iter().map(|(_, array)| array.clone()).collect();
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    writer.write(&RecordBatch::try_new(schema.clone(), arrays).unwrap()).unwrap();
    writer.into_inner().unwrap().into()
}

/// The two rows of [`request`].
fn arrow() -> pb::PredictRequest {
    let plans: DictionaryArray<Int8Type> = ["basic", "gold"].into_iter().collect();
    let arrow = stream(&[("plan", Arc::new(plans)), ("age", Arc::new(Int32Array::from(vec![25, 61])))]);
    pb::PredictRequest { columns: Vec::new(), arrow, ..request("churn") }
}

#[tokio::test]
async fn an_arrow_stream_is_scored_like_columns() {
    let World { champion, replica, .. } = &world().await;
    let answer = replica.predictions().predict(arrow()).await.unwrap().into_inner();
    assert_eq!((&answer.scores, &answer.labels), (&champion.scores, &champion.labels));
    assert!(answer.missing.is_empty());

    let twice = pb::PredictRequest { columns: request("churn").columns, ..arrow() };
    let refused = replica.predictions().predict(twice).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "arrow: expected none beside columns"));
    let cut = pb::PredictRequest { arrow: arrow().arrow.slice(..99), ..arrow() };
    let refused = replica.predictions().predict(cut).await.unwrap_err();
    assert!(refused.message().starts_with("arrow: expected an Arrow IPC stream"), "{}", refused.message());
}

#[tokio::test]
async fn missing_features_are_told_row_by_row() {
    let World { replica, .. } = &world().await;
    let mut holes = pb::PredictRequest { explain_missing: true, ..request("churn") };
    let texts = pb::TextColumn { values: vec!["basic".into(), String::new()] };
    holes.columns[1].values = Some(pb::column::Values::Texts(texts));
    let answer = replica.predictions().predict(holes.clone()).await.unwrap().into_inner();
    // The model has a place for an unknown plan, so nothing stands in for it.
    let plan = pb::MissingFeature { feature: "plan".into(), column: "plan".into(), filled: None };
    assert_eq!(answer.missing, [pb::MissingRow { row: 1, features: vec![plan] }]);
    let quiet = pb::PredictRequest { explain_missing: false, ..holes };
    assert!(replica.predictions().predict(quiet).await.unwrap().into_inner().missing.is_empty());

    let many = pb::PredictRequest { explain_missing: true, ..batch("churn", 501) };
    let refused = replica.predictions().predict(many).await.unwrap_err();
    assert_eq!(refused.message(), "explain_missing: expected at most 1000 rows with it, found 1002");
}
