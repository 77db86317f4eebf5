use std::time::Duration;

use lineal_kernel::{RequestId, Timestamp};
use lineal_registry::domain::performance::{
    PerformanceBucket, PerformanceEntry, PerformancePoint, RecordPerformance, Summary, Window,
};

use crate::fixture::{NOW, Store, entry, every, first_page, model, number, slot, tenant};

const MINUTE: Duration = Duration::from_mins(1);

fn point(minute: u32, value: f64, count: u64) -> PerformancePoint {
    PerformancePoint { metric: "auc".into(), time: NOW.plus(MINUTE * minute), value, count }
}

async fn record(store: &Store, of: u64, in_slot: &str, points: Vec<PerformancePoint>) {
    let wish = RecordPerformance {
        model: model("churn"),
        number: number(of),
        slot: slot(in_slot),
        points,
        request_id: RequestId::random(),
    };
    store.record_performance(&tenant(), &wish, &entry("record_performance")).await.unwrap();
}

/// A point of another model at any time.
pub(crate) async fn record_at(store: &Store, time: Timestamp) {
    let points = vec![PerformancePoint { metric: "brier".into(), time, ..point(0, 0.5, 1) }];
    record(store, 1, "", points).await;
}

fn window(start: Timestamp, end: Timestamp) -> Window {
    Window { model: model("churn"), number: None, slot: None, metric: "auc".into(), start, end }
}

fn all() -> Window {
    window(Timestamp::from_micros(0), NOW.plus(Duration::from_hours(24 * 400)))
}

async fn points(store: &Store, window: &Window) -> Vec<PerformanceEntry> {
    store.performance(&tenant(), window, &first_page()).await.unwrap().items
}

async fn buckets(store: &Store, window: &Window, step: Duration) -> Vec<PerformanceBucket> {
    store.performance_buckets(&tenant(), window, step, &first_page()).await.unwrap().items
}

pub(crate) async fn a_window_holds_its_points_in_order(store: &Store) {
    // F27
    let day: Vec<_> = (0..1440).rev().map(|minute| point(minute, f64::from(minute), 1)).collect();
    for batch in day.chunks(500) {
        record(store, 1, "", batch.to_vec()).await;
    }
    record(store, 2, "regime=trending", vec![point(30, -1.0, 1)]).await;
    let hour = window(NOW.plus(MINUTE * 30), NOW.plus(MINUTE * 90));
    for size in [7, 100] {
        let hour = &hour;
        let found = every(size, |page| async move { store.performance(&tenant(), hour, &page).await }).await;
        let minutes: Vec<f64> = found.iter().map(|entry| entry.point.value).collect();
        let expected: Vec<f64> = [30.0, -1.0].into_iter().chain((31..90).map(f64::from)).collect();
        assert_eq!(minutes, expected, "in pages of {size}");
    }
    let one = Window { number: Some(number(2)), ..hour.clone() };
    let other = Window { slot: Some(slot("")), ..one.clone() };
    let slotted = Window { slot: Some(slot("regime=trending")), ..hour.clone() };
    for (window, count) in [(one, 1), (other, 0), (slotted, 1), (Window { metric: "brier".into(), ..hour }, 0)] {
        assert_eq!(points(store, &window).await.len(), count, "{window:?}");
    }
}

pub(crate) async fn a_point_of_the_same_moment_is_replaced_and_odd_values_are_kept(store: &Store) {
    // F27
    record(store, 1, "", vec![point(0, 0.1, 1), point(0, 0.2, 5), point(1, f64::NAN, 1)]).await;
    record(store, 1, "", vec![point(2, f64::INFINITY, 1), point(3, f64::NEG_INFINITY, 1)]).await;
    record(store, 1, "", vec![point(0, 0.3, 7)]).await;
    let found = points(store, &all()).await;
    let found: Vec<_> = found.iter().map(|entry| (entry.point.value.to_string(), entry.point.count)).collect();
    let expected = [("0.3", 7), ("NaN", 1), ("inf", 1), ("-inf", 1)].map(|(value, count)| (value.to_owned(), count));
    assert_eq!(found, expected);
}

pub(crate) async fn buckets_sum_up_what_is_finite(store: &Store) {
    // F27
    let values = [point(0, 1.0, 3), point(1, f64::NAN, 9), point(9, 5.0, 1), point(4, 0.0, 4), point(25, 7.0, 2)];
    record(store, 1, "", values.to_vec()).await;
    record(store, 1, "", vec![point(31, f64::INFINITY, 1)]).await;
    record(store, 2, "", vec![point(5, 2.0, 1)]).await;
    let of = |of, minutes, points, count, summary, not_finite| PerformanceBucket {
        number: number(of),
        slot: slot(""),
        start: NOW.plus(MINUTE * minutes),
        points,
        count,
        summary,
        not_finite,
    };
    let same = |value| Some(Summary { min: value, max: value, mean: value, last: value });
    let expected = [
        of(1, 0, 3, 8, Some(Summary { min: 0.0, max: 5.0, mean: 1.0, last: 5.0 }), 1),
        of(2, 0, 1, 1, same(2.0), 0),
        of(1, 20, 1, 2, same(7.0), 0),
        of(1, 30, 0, 0, None, 1),
    ];
    let whole = window(NOW, NOW.plus(MINUTE * 60));
    assert_eq!(buckets(store, &whole, MINUTE * 10).await, expected);
    for size in [1, 3] {
        let whole = &whole;
        let step = MINUTE * 10;
        let found =
            every(size, |page| async move { store.performance_buckets(&tenant(), whole, step, &page).await }).await;
        assert_eq!(found, expected, "in pages of {size}");
    }
}

pub(crate) async fn whole_months_are_dropped(store: &Store) {
    // F30
    let month = Duration::from_hours(31 * 24);
    for months in 0..3 {
        let early = PerformancePoint { time: NOW.plus(month * months), ..point(0, f64::from(months), 1) };
        record(store, 1, "", vec![early]).await;
    }
    let kept = async || points(store, &all()).await.iter().map(|entry| entry.point.value).collect::<Vec<_>>();
    store.drop_performance(NOW.month()).await.unwrap();
    assert_eq!(kept().await, [0.0, 1.0, 2.0]);
    for _ in 0..2 {
        store.drop_performance(NOW.plus(month).month()).await.unwrap();
        assert_eq!(kept().await, [1.0, 2.0]);
    }
    record(store, 1, "", vec![point(0, 9.0, 1)]).await;
    assert_eq!(kept().await, [9.0, 1.0, 2.0], "a month that was dropped can be written again");
}

pub(crate) async fn writers_of_a_new_month_do_not_hinder_each_other(store: &Store) {
    // F30
    let writers: Vec<_> = (0..8_u32)
        .map(|i| {
            let store = store.clone();
            tokio::spawn(async move { record(&store, 1, "", vec![point(i, f64::from(i), 1)]).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(points(store, &all()).await.len(), 8);
}
