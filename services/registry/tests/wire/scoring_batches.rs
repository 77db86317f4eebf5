//! Scoring batches over the wire.

use lineal_kernel::Digest;
use lineal_proto::{lineal::registry::v1 as pb, pbjson_types::Timestamp};
use tonic::Code;

use crate::fixture::{Bench, Refusal, labels, reason};

pub(crate) fn batch(id: &str, counts: [u64; 2], before: Option<(&str, [u64; 2])>) -> pb::RecordScoringBatchRequest {
    let rows = counts.iter().sum();
    let quantile = |level, score| pb::ScoreQuantile { level, score };
    let (previous_batch_id, previous_counts) =
        before.map(|(id, counts)| (id.into(), counts.into())).unwrap_or_default();
    let batch = pb::ScoringBatch {
        batch_id: id.into(),
        model: "churn".into(),
        slot: labels(&[("region", "eu")]),
        number: 1,
        generation: 7,
        replica: "r-0".into(),
        input: "rows.parquet".into(),
        input_digest: Digest::of(b"rows").to_string(),
        output: "scores/churn".into(),
        manifest_digest: Digest::of(id.as_bytes()).to_string(),
        rows,
        parts: 1,
        label_counts: [("stays".into(), rows)].into(),
        distribution: Some(pb::ScoreDistribution {
            quantiles: vec![quantile(0.0, 0.1), quantile(1.0, 0.9)],
            mean: 0.4,
            edges: vec![0.5],
            counts: counts.into(),
        }),
        previous_batch_id,
        previous_counts,
        start_time: Some(Timestamp { seconds: 1_736_951_422, nanos: 0 }),
        finish_time: Some(Timestamp { seconds: 1_736_951_423, nanos: 0 }),
        ..pb::ScoringBatch::default()
    };
    pb::RecordScoringBatchRequest { batch: Some(batch), request_id: String::new() }
}

#[tokio::test]
async fn a_batch_is_recorded_once_with_its_distance_from_the_one_before() {
    // F127, F132
    let bench = Bench::start().await;
    bench.register("churn").await;
    let mut service = bench.scoring_batch_service();
    let first = service.record_scoring_batch(batch("b-1", [50, 50], None)).await.unwrap().into_inner().batch.unwrap();
    assert_eq!((first.psi, first.actor.as_str()), (None, "ada"));
    let later = batch("b-2", [10, 10], Some(("b-1", [19, 1])));
    let second = service.record_scoring_batch(later.clone()).await.unwrap().into_inner().batch.unwrap();
    let psi = 0.45 * 1.9_f64.ln() - 0.45 * 0.1_f64.ln();
    assert!((second.psi.unwrap() - psi).abs() < 1e-12, "{:?}", second.psi);

    let lines = bench.audit().await;
    assert_eq!((lines[0].detail.as_str(), lines[0].number), ("batch b-2: 20 rows, psi 1.3250", 1));
    let again = service.record_scoring_batch(later.clone()).await.unwrap().into_inner().batch.unwrap();
    assert_eq!((&again, bench.audit().await), (&second, lines));
    let mut other = later;
    other.batch.as_mut().unwrap().manifest_digest = Digest::of(b"other").to_string();
    let refused = reason(service.record_scoring_batch(other).await);
    assert_eq!(refused, (Code::AlreadyExists, "SCORING_BATCH_EXISTS".into()));

    let get = pb::GetScoringBatchRequest { model: "churn".into(), batch_id: "b-2".into() };
    assert_eq!(service.get_scoring_batch(get).await.unwrap().into_inner().batch, Some(second.clone()));
    let list = pb::ListScoringBatchesRequest { model: "churn".into(), ..Default::default() };
    assert_eq!(service.list_scoring_batches(list.clone()).await.unwrap().into_inner().batches, [second, first]);
    let none = pb::ListScoringBatchesRequest { slot: Some(pb::SlotFilter::default()), ..list };
    assert!(service.list_scoring_batches(none).await.unwrap().into_inner().batches.is_empty());
}

#[tokio::test]
async fn a_batch_that_cannot_be_is_refused_field_by_field() {
    let bench = Bench::start().await;
    bench.register("churn").await;
    let mut odd = batch("B 1", [1, 2], Some(("b-0", [1, 1])));
    let inner = odd.batch.as_mut().unwrap();
    (inner.number, inner.start_time) = (0, None);
    inner.distribution.as_mut().unwrap().edges = vec![0.5, 0.5];
    let refusal = Refusal::of(bench.scoring_batch_service().record_scoring_batch(odd).await);
    let expected =
        ["batch.batch_id", "batch.distribution.edges", "batch.number", "batch.previous_counts", "batch.start_time"];
    let mut fields = refusal.fields;
    fields.sort_unstable();
    assert_eq!(fields, expected);
    let unknown = batch("b-1", [1, 1], Some(("b-0", [1, 1])));
    let refusal = Refusal::of(bench.scoring_batch_service().record_scoring_batch(unknown).await);
    assert_eq!(refusal.fields, ["batch.previous_batch_id"]);
}

#[tokio::test]
async fn a_prediction_of_a_batch_is_traced_to_the_version_that_scored_it() {
    // F133
    let bench = Bench::start().await;
    let made = bench.register("churn").await;
    bench.scoring_batch_service().record_scoring_batch(batch("b-1", [1, 1], None)).await.unwrap();
    let trace = |id: &str| {
        let request = pb::TracePredictionRequest { prediction_id: id.to_owned() };
        let mut service = bench.lineage_service();
        async move { service.trace_prediction(request).await.map(tonic::Response::into_inner) }
    };
    let found = trace("churn:1:bb-1:1736951423000000:r-0:00000000").await.unwrap();
    assert_eq!((found.score_batch_id.as_str(), found.generation, found.replica.as_str()), ("b-1", 7, "r-0"));
    assert_eq!(found.run_id, made.lineage.unwrap().run_id);
    assert_eq!(found.version.unwrap().digest, made.digest);
    let unknown = trace("churn:1:bb-2:1:r-0:0").await.unwrap_err();
    assert_eq!(Refusal::from(unknown).reason, "SCORING_BATCH_NOT_FOUND");
    bench.register("churn").await;
    let other = trace("churn:2:bb-1:1:r-0:0").await.unwrap_err();
    assert_eq!(Refusal::from(other).reason, "SCORING_BATCH_NOT_FOUND");
}
