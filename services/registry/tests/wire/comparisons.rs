//! Comparisons over the wire.

use lineal_kernel::Digest;
use lineal_proto::lineal::registry::v1 as pb;

use crate::fixture::{Bench, Refusal};

pub(crate) fn comparison(report: &str) -> pb::RecordComparisonRequest {
    let comparison = pb::Comparison {
        model: "churn".into(),
        candidate_number: 2,
        champion_number: 1,
        reference_digest: Digest::of(b"reference").to_string(),
        reference_rows: 500,
        candidate_metrics: [("auc".into(), 0.81)].into(),
        champion_metrics: [("auc".into(), 0.8)].into(),
        metric: "auc".into(),
        test: "delong".into(),
        statistic: Some(1.2),
        p_value: Some(0.23),
        verdict: pb::ComparisonVerdict::Inconclusive.into(),
        report_id: report.into(),
        ..Default::default()
    };
    pb::RecordComparisonRequest { comparison: Some(comparison), request_id: String::new() }
}

#[tokio::test]
async fn a_comparison_is_kept_once_and_found_by_its_pair() {
    // F28
    let bench = Bench::start().await;
    for _ in 0..2 {
        bench.register("churn").await;
    }
    let mut service = bench.comparison_service();
    let made = service.record_comparison(comparison("r-1")).await.unwrap().into_inner().comparison.unwrap();
    let again = service.record_comparison(comparison("r-1")).await.unwrap().into_inner().comparison.unwrap();
    assert_eq!((&made, made.actor.as_str()), (&again, "ada"));
    let mut other = comparison("r-1");
    other.request_id = "another-key".into();
    assert_eq!(Refusal::of(service.record_comparison(other).await).reason, "REQUEST_ID_REUSED");

    let get = pb::GetComparisonRequest { comparison_id: made.comparison_id.clone() };
    assert_eq!(service.get_comparison(get).await.unwrap().into_inner().comparison, Some(made.clone()));
    let list = pb::ListComparisonsRequest { model: "churn".into(), candidate_number: 2, ..Default::default() };
    assert_eq!(service.list_comparisons(list.clone()).await.unwrap().into_inner().comparisons, [made]);
    let none = pb::ListComparisonsRequest { champion_number: 2, ..list };
    assert!(service.list_comparisons(none).await.unwrap().into_inner().comparisons.is_empty());
    let recorded = bench.audit().await.into_iter().filter(|entry| entry.action == "record_comparison" && entry.done);
    assert_eq!(recorded.map(|entry| (entry.number, entry.detail)).collect::<Vec<_>>(), [(2, "against 1".to_owned())]);
}

#[tokio::test]
async fn half_a_test_is_none() {
    let bench = Bench::start().await;
    let mut odd = comparison("r-1");
    if let Some(comparison) = odd.comparison.as_mut() {
        comparison.p_value = None;
        comparison.verdict = 0;
        comparison.champion_metrics.insert("auc".into(), f64::NAN);
    }
    let refusal = Refusal::of(bench.comparison_service().record_comparison(odd).await);
    let expected = ["comparison.champion_metrics.auc", "comparison.test", "comparison.verdict"];
    assert_eq!(refusal.fields, expected);
}
