//! Reports in and out of the database.

use std::collections::BTreeMap;

use lineal_db::StoreError;
use lineal_kernel::{Caller, Digest, ModelName, PageRequest, RequestId, Slot, TenantId, Timestamp};

use super::{Harness, caller, number};
use crate::{
    app::ListReports,
    domain::{
        Champion, Conditions, Evidence, Metrics, Reference, Report, ReportId, Rival, TestResult, ValidatorError, judge,
    },
};

/// A report with every field set, and a gate without a value.
fn report(model: &str, version: u64) -> Report {
    let now = Timestamp::from_micros(1_736_951_422_000_001);
    let metrics = Metrics::from([("auc".to_owned(), 0.1 + 0.2)]);
    let evidence = Evidence {
        rows: 10,
        inputs: 2,
        missing_inputs: vec!["age".to_owned()],
        answers: Err("no column `age`".to_owned()),
        metrics: metrics.clone(),
    };
    let test = TestResult { name: "delong".to_owned(), statistic: -0.1, p_value: 1e-300 };
    let rival = Rival::Measured { number: number(1), metrics: metrics.clone(), test: Some(test.clone()) };
    let conditions = Conditions::new(&[("brier".to_owned(), 0.3)], "auc", false).unwrap();
    let policy = conditions.policy(lineal_models::Task::BinaryClassification).unwrap();
    Report {
        id: ReportId::fresh(now),
        tenant: TenantId::default(),
        model: ModelName::new(model).unwrap(),
        slot: Slot::parse("regime=trending,symbol=BTCUSDT").unwrap(),
        number: number(version),
        digest: Digest::of(b"candidate"),
        champion: Some(Champion {
            number: number(1),
            digest: Digest::of(b"champion"),
            metrics: metrics.clone(),
            test: Some(test),
        }),
        reference: Reference { digest: Digest::of(b"reference"), rows: 10 },
        gates: judge(&policy, &evidence, &rival),
        metrics,
        policy,
        settings: Some(Digest::of(b"settings")),
        actor: "ana".to_owned(),
        create_time: now,
    }
}

fn key(text: &str) -> RequestId {
    RequestId::new(text).unwrap()
}

#[tokio::test]
async fn a_report_comes_back_as_it_was_after_a_restart() {
    let harness = Harness::new().await;
    let full = report("churn", 2);
    let first = Report { champion: None, slot: Slot::default(), ..report("churn", 1) };
    harness.app.store.insert(&full, &key("a")).await.unwrap();
    harness.app.store.insert(&first, &key("b")).await.unwrap();
    let harness = harness.restarted().await;
    assert_eq!(harness.app.report(&caller(), full.id).await.unwrap(), full);
    assert_eq!(harness.app.report(&caller(), first.id).await.unwrap(), first);
}

#[tokio::test]
async fn a_request_has_one_answer() {
    let harness = Harness::new().await;
    let (first, second) = (report("churn", 1), report("churn", 2));
    harness.app.store.insert(&first, &key("a")).await.unwrap();
    let refused = harness.app.store.insert(&second, &key("a")).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(harness.app.store.answer(&caller(), &key("a")).await.unwrap(), Some(first));
    assert_eq!(harness.app.store.answer(&caller(), &key("b")).await.unwrap(), None);
}

#[tokio::test]
async fn another_tenants_reports_do_not_exist() {
    let harness = Harness::new().await;
    let report = report("churn", 1);
    harness.app.store.insert(&report, &key("a")).await.unwrap();
    let stranger = Caller { tenant: TenantId::new("other").unwrap(), ..caller() };
    let error = harness.app.report(&stranger, report.id).await.unwrap_err();
    assert!(matches!(error, ValidatorError::ReportNotFound { .. }), "{error:?}");
    assert_eq!(harness.app.store.answer(&stranger, &key("a")).await.unwrap(), None);
    let page = harness.app.store.reports(&stranger.tenant, &report.model, 10, None).await.unwrap();
    assert!(page.reports.is_empty());
}

#[tokio::test]
async fn pages_are_newest_first_and_leave_nothing_out() {
    let harness = Harness::new().await;
    for version in 1..=5 {
        harness.app.store.insert(&report("churn", version), &key(&format!("churn{version}"))).await.unwrap();
        harness.app.store.insert(&report("fraud", version), &key(&format!("fraud{version}"))).await.unwrap();
    }
    let (mut after, mut pages) = (None, Vec::new());
    loop {
        let query = ListReports { model: ModelName::new("churn").unwrap(), page: PageRequest { size: 2, after } };
        let page = harness.app.reports(&caller(), query).await.unwrap();
        // A report that is made between two pages moves nothing.
        let late = key(&format!("late{}", pages.len()));
        harness.app.store.insert(&report("churn", 9), &late).await.unwrap();
        pages.push(page.reports.iter().map(|report| report.number.get()).collect::<Vec<_>>());
        after = page.next.map(|next| next.to_string());
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![5, 4], vec![3, 2], vec![1]]);
}

#[tokio::test]
async fn a_cursor_that_was_never_given_out_is_refused() {
    let harness = Harness::new().await;
    let page = PageRequest { size: 2, after: Some("x".to_owned()) };
    let query = ListReports { model: ModelName::new("churn").unwrap(), page };
    let error = harness.app.reports(&caller(), query).await.unwrap_err();
    assert!(matches!(error, ValidatorError::Invalid(_)), "{error:?}");
}

#[test]
fn ids_follow_the_clock() {
    let ids: BTreeMap<String, i64> = [3, 1, 2]
        .map(|second| (ReportId::fresh(Timestamp::from_micros(second * 1_000_000)).to_string(), second))
        .into();
    assert_eq!(ids.into_values().collect::<Vec<_>>(), [1, 2, 3]);
}
