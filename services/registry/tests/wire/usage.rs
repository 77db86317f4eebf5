//! Usage over the wire.

use std::time::Duration;

use lineal_proto::lineal::registry::v1 as pb;
use tonic::{Code, Status};

use crate::fixture::{Bench, Refusal, reason};

/// So many requests of a model's version, all since the process started.
pub(crate) fn counts(number: u64, requests: u64, errors: u64) -> pb::ReportUsageRequest {
    let count = pb::UsageCount {
        model: "churn".into(),
        number,
        requests,
        errors,
        rows: requests - errors,
        inference_micros: requests * 500,
        last_use_time: Some(lineal_proto::pbjson_types::Timestamp { seconds: 1_736_951_422, nanos: 0 }),
    };
    pb::ReportUsageRequest { replica: "r1".into(), incarnation: "i1".into(), counts: vec![count] }
}

impl Bench {
    pub(crate) async fn report(&self, request: pb::ReportUsageRequest) -> Result<(), Status> {
        self.usage_service().report_usage(request).await.map(drop)
    }

    async fn usage(&self, number: u64) -> Result<pb::Usage, Status> {
        let request = pb::GetUsageRequest { model: "churn".into(), number };
        Ok(self.usage_service().get_usage(request).await?.into_inner().usage.unwrap())
    }
}

#[tokio::test]
async fn a_version_says_what_it_did_in_production() {
    // F23, F24
    let bench = Bench::start().await;
    let first = bench.crown("churn").await;
    let fresh = bench.usage(first).await.unwrap();
    assert_eq!((fresh.requests, fresh.last_use_time, fresh.mean_milliseconds), (0, None, 0.0));
    assert!(fresh.first_deploy_time.is_some() && fresh.first_deploy_time == fresh.deploy_time);
    bench.clock.advance(Duration::from_mins(1));
    let second = bench.crown("churn").await;
    bench.clock.advance(Duration::from_mins(1));
    bench.rollback("churn").await.unwrap();

    bench.report(counts(first, 1000, 7)).await.unwrap();
    bench.report(counts(first, 900, 6)).await.unwrap();
    let other = pb::ReportUsageRequest { replica: "r2".into(), incarnation: "i2".into(), ..counts(first, 10, 0) };
    bench.report(other).await.unwrap();
    let used = bench.usage(first).await.unwrap();
    assert_eq!((used.requests, used.errors, used.rows, used.inference_micros), (1010, 7, 1003, 505_000));
    assert_eq!((used.mean_milliseconds, used.first_deploy_time), (0.5, fresh.deploy_time));
    assert_eq!(used.deploy_time.map(|time| time.seconds), fresh.deploy_time.map(|time| time.seconds + 120));
    assert_eq!(used.last_use_time.map(|time| time.seconds), Some(1_736_951_422));

    assert_eq!(bench.version("churn", first).await.usage, Some(used));
    let list = pb::ListVersionsRequest { model: "churn".into(), ..Default::default() };
    let listed = bench.version_service().list_versions(list).await.unwrap().into_inner().versions;
    assert_eq!(listed[1].usage, Some(used));
    assert_eq!((listed[0].number, listed[0].usage.as_ref().map(|usage| usage.requests)), (second, Some(0)));
}

#[tokio::test]
async fn a_report_with_bad_fields_is_refused_whole() {
    let bench = Bench::start().await;
    let number = bench.crown("churn").await;
    let mut bad = counts(number, 10, 0);
    bad.incarnation = String::new();
    bad.counts.push(pb::UsageCount { model: "Churn".into(), number: 0, requests: u64::MAX, ..Default::default() });
    let refusal = Refusal::of(bench.usage_service().report_usage(bad).await);
    assert_eq!(refusal.fields, ["incarnation", "counts[1].model", "counts[1].number", "counts[1].requests"]);
    assert_eq!(bench.usage(number).await.unwrap().requests, 0);
    assert_eq!(reason(bench.usage(9).await), (Code::NotFound, "VERSION_NOT_FOUND".into()));
}

#[tokio::test]
async fn a_use_in_the_future_is_a_use_now() {
    let bench = Bench::start().await;
    let number = bench.crown("churn").await;
    let mut report = counts(number, 10, 0);
    report.counts[0].last_use_time = Some(lineal_proto::pbjson_types::Timestamp { seconds: 9_999_999_999, nanos: 0 });
    bench.report(report).await.unwrap();
    assert_eq!(bench.usage(number).await.unwrap().last_use_time.map(|time| time.seconds), Some(1_736_951_422));
}
