use lineal_kernel::Timestamp;
use lineal_registry::domain::{metric::MetricPoint, run::Run};

use crate::{
    fixture::{Store, every, tenant},
    runs::{measure, open, point, read},
};

async fn history(store: &Store, run: &Run, key: &str, size: u32) -> Vec<MetricPoint> {
    let id = run.run_id.as_str();
    every(size, |page| async move { store.metric_history(&tenant(), id, key, &page).await }).await
}

fn at(point: MetricPoint, micros: i64) -> MetricPoint {
    MetricPoint { time: Timestamp::from_micros(micros), ..point }
}

pub(crate) async fn points_come_back_in_order_of_step_then_time(store: &Store) {
    let run = open(store, "weekly", |_| {}).await;
    let ordered = [
        at(point("loss", 9.0, -5), 4),
        at(point("loss", 1.0, 0), -1),
        at(point("loss", 3.0, 0), 2),
        at(point("loss", 2.0, 0), 2),
        at(point("loss", 4.0, i64::MAX), 0),
    ];
    // Points of one step and time stay in the order of writing.
    measure(store, &run.run_id, vec![ordered[4].clone(), at(point("other", 7.0, 1), 1), ordered[2].clone()]).await;
    measure(store, &run.run_id, vec![ordered[3].clone(), ordered[1].clone(), ordered[0].clone()]).await;
    for size in [1, 2, 9] {
        assert_eq!(history(store, &run, "loss", size).await, ordered, "in pages of {size}");
    }
    assert_eq!(history(store, &run, "other", 5).await.len(), 1);
}

pub(crate) async fn the_latest_point_has_the_highest_step_and_there_the_latest_time(store: &Store) {
    let run = open(store, "weekly", |_| {}).await;
    for (points, latest) in [
        (vec![at(point("auc", 0.1, 3), 5), at(point("auc", 0.2, 2), 9)], 0.1),
        (vec![at(point("auc", 0.3, 3), 4)], 0.1),
        (vec![at(point("auc", 0.4, 3), 5)], 0.4),
        (vec![at(point("auc", 0.6, 3), 6), at(point("auc", 0.5, 3), 6)], 0.5),
        (vec![at(point("auc", f64::NEG_INFINITY, 4), 0)], f64::NEG_INFINITY),
    ] {
        measure(store, &run.run_id, points).await;
        assert_eq!(read(store, &run.run_id).await.metrics["auc"].to_bits(), latest.to_bits(), "{latest}");
    }
}

pub(crate) async fn what_is_not_finite_is_kept(store: &Store) {
    let run = open(store, "weekly", |_| {}).await;
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -f64::MIN_POSITIVE, 5e-324];
    let points: Vec<_> = values.iter().zip(0..).map(|(value, step)| point("x", *value, step)).collect();
    measure(store, &run.run_id, points).await;
    measure(store, &run.run_id, vec![point("y", f64::NAN, 0)]).await;
    let kept: Vec<_> = history(store, &run, "x", 2).await.iter().map(|point| point.value).collect();
    assert!(kept[0].is_nan());
    assert_eq!(
        kept[1..].iter().map(|value| value.to_bits()).collect::<Vec<_>>(),
        values[1..].iter().map(|value| value.to_bits()).collect::<Vec<_>>()
    );
    let metrics = read(store, &run.run_id).await.metrics;
    assert!(metrics["x"].to_bits() == 1 && metrics["y"].is_nan());
}

pub(crate) async fn a_thousand_points_are_one_batch_and_sent_twice_kept_once(store: &Store) {
    let run = open(store, "weekly", |_| {}).await;
    let points = || (0..1000).map(|i| point(&format!("m{}", i % 3), if i % 7 == 0 { f64::NAN } else { 0.5 }, i));
    measure(store, &run.run_id, points().collect()).await;
    measure(store, &run.run_id, points().chain(points()).collect()).await;
    for (key, count) in [("m0", 334), ("m1", 333), ("m2", 333)] {
        assert_eq!(history(store, &run, key, 100).await.len(), count);
    }
    measure(store, &run.run_id, vec![point("m0", f64::INFINITY, 0), point("m0", 0.25, 0)]).await;
    assert_eq!(history(store, &run, "m0", 500).await.len(), 336, "other values are other points");
}
