//! Performance over the wire.

use std::time::Duration;

use lineal_kernel::{Clock, Timestamp};
use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::fixture::{Bench, Refusal, labels, reason};

impl Bench {
    pub(crate) fn minute(&self, minutes: u64, value: f64) -> pb::PerformancePoint {
        let time = Timestamp::from_micros(self.clock.now().micros() - (minutes * 60_000_000) as i64);
        pb::PerformancePoint { metric: "auc".into(), time: Some(lineal_rpc::timestamp(time)), value, count: 0 }
    }

    /// The last hour.
    fn hour(&self) -> pb::QueryPerformanceRequest {
        let start_time = self.minute(60, 0.0).time;
        pb::QueryPerformanceRequest { model: "churn".into(), metric: "auc".into(), start_time, ..Default::default() }
    }

    async fn query(&self, request: pb::QueryPerformanceRequest) -> pb::QueryPerformanceResponse {
        self.performance_service().query_performance(request).await.unwrap().into_inner()
    }
}

#[tokio::test]
async fn points_come_back_as_they_are_or_summed_up() {
    // F27
    let bench = Bench::start().await;
    bench.register("churn").await;
    let points: Vec<_> = (1..=60).map(|minute| bench.minute(minute, minute as f64)).collect();
    let record = pb::RecordPerformanceRequest {
        model: "churn".into(),
        number: 1,
        slot: labels(&[("regime", "trending")]),
        points: [points, vec![bench.minute(90, 0.0), bench.minute(30, f64::NAN)]].concat(),
        request_id: "minutes".into(),
    };
    bench.performance_service().record_performance(record.clone()).await.unwrap();
    let twice = bench.audit().await.len();
    bench.performance_service().record_performance(record.clone()).await.unwrap();
    assert_eq!(bench.audit().await.len(), twice, "sent again it changes nothing");
    let other = pb::RecordPerformanceRequest { number: 2, ..record };
    assert_eq!(reason(bench.performance_service().record_performance(other).await).1, "REQUEST_ID_REUSED");

    let whole = bench.query(pb::QueryPerformanceRequest { page_size: 500, ..bench.hour() }).await;
    let values: Vec<f64> = whole.entries.iter().map(|entry| entry.point.as_ref().unwrap().value).collect();
    assert_eq!((values[0], values[59], values.len()), (60.0, 1.0, 60));
    assert!(values[30].is_nan(), "the last point of a moment counts");
    assert_eq!(whole.entries[0].slot, labels(&[("regime", "trending")]));
    assert_eq!(whole.entries[0].point.as_ref().unwrap().count, 1);

    let halves = pb::QueryPerformanceRequest {
        step: Some(lineal_rpc::duration(Duration::from_mins(30))),
        page_size: 1,
        ..bench.hour()
    };
    let first = bench.query(halves.clone()).await;
    let second = bench.query(pb::QueryPerformanceRequest { page_token: first.next_page_token.clone(), ..halves }).await;
    assert_eq!((first.buckets.len(), second.buckets.len(), second.next_page_token.as_str()), (1, 1, ""));
    let bucket = &first.buckets[0];
    assert_eq!((bucket.points, bucket.min, bucket.max, bucket.last), (30, Some(31.0), Some(60.0), Some(31.0)));
    assert_eq!((bucket.mean, second.buckets[0].not_finite, second.buckets[0].points), (Some(45.5), 1, 29));

    for slot in [labels(&[]), labels(&[("regime", "ranging")])] {
        let slot = Some(pb::SlotFilter { labels: slot });
        assert!(bench.query(pb::QueryPerformanceRequest { slot, ..bench.hour() }).await.entries.is_empty());
    }
}

#[tokio::test]
async fn bad_fields_of_points_and_windows_are_named() {
    let bench = Bench::start().await;
    bench.register("churn").await;
    let early = Some(lineal_proto::pbjson_types::Timestamp { seconds: 0, nanos: 0 });
    let points = vec![
        pb::PerformancePoint { time: early, ..bench.minute(1, 0.5) },
        pb::PerformancePoint { metric: String::new(), count: u64::MAX, ..bench.minute(1, 1e300) },
    ];
    let record = pb::RecordPerformanceRequest { model: "churn".into(), number: 1, points, ..Default::default() };
    let refusal = Refusal::of(bench.performance_service().record_performance(record.clone()).await);
    assert_eq!(refusal.fields, ["points[0].time", "points[1].metric", "points[1].value", "points[1].count"]);
    let nothing = pb::RecordPerformanceRequest { points: Vec::new(), ..record };
    assert_eq!(Refusal::of(bench.performance_service().record_performance(nothing).await).fields, ["points"]);

    let odd = pb::QueryPerformanceRequest {
        step: Some(lineal_rpc::duration(Duration::from_nanos(1))),
        start_time: None,
        ..bench.hour()
    };
    let refusal = Refusal::of(bench.performance_service().query_performance(odd).await);
    assert_eq!(refusal.fields, ["step", "start_time"]);
    let backwards = pb::QueryPerformanceRequest { end_time: bench.minute(61, 0.0).time, ..bench.hour() };
    assert_eq!(Refusal::of(bench.performance_service().query_performance(backwards).await).fields, ["end_time"]);
    let unknown = pb::QueryPerformanceRequest { model: "nobody".into(), ..bench.hour() };
    let refused = reason(bench.performance_service().query_performance(unknown).await);
    assert_eq!(refused, (Code::NotFound, "MODEL_NOT_FOUND".into()));
}

#[tokio::test]
async fn what_is_older_than_the_retention_is_dropped() {
    // F30
    let bench = Bench::start().await;
    bench.register("churn").await;
    let old = 120 * 24 * 60;
    let points = vec![bench.minute(old, 0.1), bench.minute(1, 0.2)];
    let record = pb::RecordPerformanceRequest { model: "churn".into(), number: 1, points, ..Default::default() };
    bench.performance_service().record_performance(record).await.unwrap();
    let everything = pb::QueryPerformanceRequest { start_time: bench.minute(old, 0.0).time, ..bench.hour() };
    assert_eq!(bench.query(everything.clone()).await.entries.len(), 2);
    bench.registry.reconcile_once().await.unwrap();
    assert_eq!(bench.query(everything).await.entries.len(), 1);
}
