use std::time::Duration;

use lineal_kernel::Timestamp;
use lineal_registry::domain::usage::{Totals, UsageCount, UsageReport};

use crate::fixture::{NOW, Store, model, name, number, register_many, tenant};

const DAY: Duration = Duration::from_hours(24);

/// What a process has counted for one version after so many requests of two rows and a millisecond, every tenth without an answer.
fn counted(requests: u64) -> Totals {
    let errors = requests / 10;
    Totals {
        requests,
        errors,
        rows: 2 * (requests - errors),
        inference_micros: 1000 * requests,
        last_use: Some(NOW.plus(Duration::from_secs(requests))),
    }
}

fn report(incarnation: &str, requests: u64) -> UsageReport {
    let count = UsageCount { model: model("churn"), number: number(1), totals: counted(requests) };
    UsageReport { replica: name("r1"), incarnation: name(incarnation), counts: vec![count] }
}

async fn say(store: &Store, incarnation: &str, requests: u64, now: Timestamp) {
    store.report_usage(&tenant(), &report(incarnation, requests), now).await.unwrap();
}

async fn sums(store: &Store) -> Totals {
    let found = store.usage(&tenant(), &model("churn"), &[number(1), number(2)]).await.unwrap();
    assert!(!found.contains_key(&number(2)), "nobody used it");
    found.get(&number(1)).copied().unwrap_or_default()
}

async fn fold(store: &Store, now: Timestamp) {
    let before = |age: Duration| Timestamp::from_micros(now.micros() - age.as_micros() as i64);
    store.fold_usage(&tenant(), before(DAY), before(30 * DAY)).await.unwrap();
}

pub(crate) async fn the_highest_count_of_each_process_counts(store: &Store) {
    // F24
    register_many(store, "churn", 2).await;
    assert_eq!(sums(store).await, Totals::default());
    for requests in [10, 30, 20, 30, 10] {
        say(store, "a", requests, NOW).await;
    }
    assert_eq!(sums(store).await, counted(30), "repeated, late and overtaken reports change nothing");
    say(store, "b", 20, NOW).await;
    let both = Totals { last_use: counted(30).last_use, ..counted(50) };
    assert_eq!(sums(store).await, both);
    assert!((both.mean_milliseconds() - 1.0).abs() < f64::EPSILON);
}

pub(crate) async fn counts_of_unknown_versions_are_left_out(store: &Store) {
    register_many(store, "churn", 1).await;
    let mut mixed = report("a", 10);
    mixed.counts.insert(0, UsageCount { number: number(9), ..mixed.counts[0].clone() });
    store.report_usage(&tenant(), &mixed, NOW).await.unwrap();
    assert_eq!(sums(store).await, counted(10));
    let unknown = store.usage(&tenant(), &model("churn"), &[number(9)]).await.unwrap();
    assert!(unknown.is_empty());
}

pub(crate) async fn folding_keeps_the_sums_and_late_reports_change_nothing(store: &Store) {
    // F24
    register_many(store, "churn", 1).await;
    for (incarnation, requests) in [("a", 10), ("b", 20)] {
        say(store, incarnation, requests, NOW).await;
    }
    say(store, "c", 40, NOW.plus(DAY)).await;
    let before = sums(store).await;
    assert_eq!(before.requests, 70);
    for hours in [25, 25, 36] {
        fold(store, NOW.plus(Duration::from_hours(hours))).await;
        assert_eq!(sums(store).await, before, "after {hours} hours");
    }
    say(store, "a", 10, NOW.plus(2 * DAY)).await;
    say(store, "b", 15, NOW.plus(2 * DAY)).await;
    assert_eq!(sums(store).await, before, "what was folded is not counted again");
    say(store, "c", 50, NOW.plus(2 * DAY)).await;
    assert_eq!(sums(store).await.requests, 80, "who is alive counts on");
    fold(store, NOW.plus(10 * DAY)).await;
    assert_eq!(sums(store).await.requests, 80, "a second fold adds to the first");
    fold(store, NOW.plus(60 * DAY)).await;
    assert_eq!(sums(store).await.requests, 80, "names are forgotten, counts are not");
}
