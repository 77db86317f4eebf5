//! What a replica counts, and how it reports it.

use std::{path::PathBuf, time::Duration};

use lineal_inference::InferenceConfig;
use lineal_kernel::Name;
use lineal_proto::lineal::{inference::v1 as pb, registry::v1 as registry};

use crate::fixture::{FakeRegistry, TestReplica, raw_request, request, version};

async fn replica(registry: &str, folder: PathBuf) -> TestReplica {
    let mut config = InferenceConfig::new(Name::new("r-0").unwrap(), "http://127.0.0.1:7400".to_owned(), folder);
    config.report_interval = Duration::from_millis(10);
    TestReplica::start_with(registry, config).await
}

/// The highest request count of each process and version that was reported.
fn highest(reports: &[registry::ReportUsageRequest]) -> Vec<(String, registry::UsageCount)> {
    let mut found: Vec<(String, registry::UsageCount)> = Vec::new();
    for report in reports {
        for count in &report.counts {
            let same = |(incarnation, known): &&mut (String, registry::UsageCount)| {
                *incarnation == report.incarnation && (&known.model, known.number) == (&count.model, count.number)
            };
            match found.iter_mut().find(same) {
                Some((_, known)) if known.requests < count.requests => *known = count.clone(),
                Some(_) => {}
                None => found.push((report.incarnation.clone(), count.clone())),
            }
        }
    }
    found
}

fn total(reports: &[registry::ReportUsageRequest]) -> (u64, u64, u64) {
    let highest = highest(reports);
    let sum = |of: fn(&registry::UsageCount) -> u64| highest.iter().map(|(_, count)| of(count)).sum();
    (sum(|count| count.requests), sum(|count| count.errors), sum(|count| count.rows))
}

fn without_age() -> pb::PredictRequest {
    let mut request = request("churn");
    request.columns.remove(0);
    request
}

#[tokio::test]
async fn a_replica_reports_requests_errors_rows_and_time_by_version() {
    // F23, F24
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    registry.promote(&version("churn", 1));
    let folder = tempfile::tempdir().unwrap();
    let replica = replica(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;
    for _ in 0..3 {
        replica.predict().await.unwrap();
    }
    replica.predictions().predict(without_age()).await.unwrap_err();
    replica.open_inference().model_infer(raw_request("churn")).await.unwrap();
    replica.predictions().predict(request("nobody")).await.unwrap_err();
    let mut other = raw_request("churn");
    other.model_version = "7".to_owned();
    replica.open_inference().model_infer(other).await.unwrap_err();
    registry.until("all is reported", |state| total(&state.reports) == (5, 1, 8)).await;

    let served = replica.control().get_serving(pb::GetServingRequest {}).await.unwrap().into_inner().served;
    let [served] = served.as_slice() else { panic!("{served:?}") };
    assert_eq!((served.requests, served.errors, served.rows), (5, 1, 8));
    let (_, reported) = registry.with(|state| highest(&state.reports)).pop().unwrap();
    assert_eq!((reported.model.as_str(), reported.number), ("churn", 1));
    assert_eq!(reported.inference_micros, served.inference_micros);
    assert!(reported.inference_micros > 0 && reported.last_use_time.is_some());

    let generation = registry.promote(&version("churn", 2));
    replica.reload(generation).await.unwrap();
    replica.predict().await.unwrap();
    registry.until("the next version counts by itself", |state| total(&state.reports) == (6, 1, 10)).await;
    let numbers: Vec<u64> =
        registry.with(|state| highest(&state.reports).into_iter().map(|(_, count)| count.number).collect());
    assert_eq!(numbers, [1, 2]);
    let generation = registry.promote(&version("churn", 1));
    replica.reload(generation).await.unwrap();
    replica.predict().await.unwrap();
    registry.until("a version that comes back counts on", |state| total(&state.reports) == (7, 1, 12)).await;
}

#[tokio::test]
async fn counts_are_whole_over_lost_answers_stops_and_restarts() {
    // F24
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    registry.promote(&version("churn", 1));
    let folder = tempfile::tempdir().unwrap();
    let first = replica(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;
    registry.with(|state| state.deaf = true);
    first.predict().await.unwrap();
    registry.until("a report whose answer is lost is sent again", |state| state.reports.len() >= 3).await;
    registry.with(|state| state.deaf = false);
    for _ in 0..4 {
        first.predict().await.unwrap();
    }
    first.listening.stop().await;
    assert_eq!(registry.with(|state| total(&state.reports)), (5, 0, 10), "the last counts are said at the end");

    let second = replica(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;
    second.predict().await.unwrap();
    second.listening.stop().await;
    assert_eq!(registry.with(|state| total(&state.reports)), (6, 0, 12));
    assert_eq!(registry.with(|state| highest(&state.reports)).len(), 2, "each process has a name of its own");
}

#[tokio::test]
async fn what_did_not_change_is_not_reported_again() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    registry.promote(&version("churn", 1));
    let folder = tempfile::tempdir().unwrap();
    let replica = replica(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;
    replica.predict().await.unwrap();
    registry.until("reported", |state| total(&state.reports) == (1, 0, 2)).await;
    let (beats, reports) = registry.with(|state| (state.beats, state.reports.len()));
    registry.until("some time has passed", |state| state.beats > beats + 5).await;
    assert_eq!(registry.with(|state| state.reports.len()), reports);
}
