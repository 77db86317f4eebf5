//! Expectations, reports, samples and features that are used again.

use std::sync::Arc;

use lineal_data::{DataReport, Expectations};
use lineal_kernel::{Digest, Name, Timestamp};
use lineal_proto::lineal::trainer::v1::{self as pb, dataset_service_server::DatasetService};
use lineal_rpc::reason_of;
use tonic::{Code, Request};

use super::lab::{Lab, caller, customers, entry};
use crate::{
    domain::{FailureReason, JobState, ReportSummary, TrainerError},
    grpc::{TrainerGrpc, from_error},
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn summary(number: u8, source: Digest) -> ReportSummary {
    let digest = Digest::of(&[number]);
    ReportSummary {
        id: format!("report-{number}"),
        digest,
        dataset: name("customers"),
        source,
        snapshot: digest,
        expectations: digest,
        rows: u64::from(number),
        failed: vec!["range(age)".to_owned()],
        create_time: Timestamp::from_micros(i64::from(number)),
    }
}

pub(super) async fn a_split_keeps_its_first_rule(lab: &Lab) {
    let (customers, now) = (name("customers"), Timestamp::from_micros(1));
    for (split, rule, expected) in [("b", "1", "1"), ("b", "2", "1"), ("a", "3", "3"), ("c", "4", "4")] {
        let known = lab.store.create_split(&customers, &name(split), rule, "ada", now).await.unwrap();
        assert_eq!(known, expected);
    }
    assert_eq!(lab.store.split("customers", "b").await.unwrap().as_deref(), Some("1"));
    assert_eq!(lab.store.split("others", "b").await.unwrap(), None);
    let listed = lab.store.splits(&customers, "a", 1).await.unwrap();
    assert_eq!(listed, [("b".to_owned(), "1".to_owned())]);
    assert_eq!(lab.store.splits(&customers, "", 10).await.unwrap().len(), 3);
}

pub(super) async fn the_latest_expectations_are_in_force(lab: &Lab) {
    let (customers, now) = (name("customers"), Timestamp::from_micros(1));
    assert_eq!(lab.store.expectations(&customers).await.unwrap(), None);
    for body in ["1", "2", "2", "1"] {
        lab.store.set_expectations(&customers, body, "ada", now).await.unwrap();
        assert_eq!(lab.store.expectations(&customers).await.unwrap().as_deref(), Some(body));
    }
    assert_eq!(lab.store.expectations(&name("others")).await.unwrap(), None);
}

pub(super) async fn reports_are_listed_newest_first(lab: &Lab) {
    let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
    for (number, source) in [(1, one), (2, other), (3, one)] {
        lab.store.add_report(&summary(number, source)).await.unwrap();
    }
    let customers = name("customers");
    let ids = |reports: Vec<ReportSummary>| reports.into_iter().map(|report| report.id).collect::<Vec<_>>();
    assert_eq!(ids(lab.store.reports(&customers, None, 2).await.unwrap()), ["report-3", "report-2"]);
    assert_eq!(ids(lab.store.reports(&customers, Some("report-2"), 2).await.unwrap()), ["report-1"]);
    assert_eq!(lab.store.latest_report(&customers, other).await.unwrap(), Some(summary(2, other)));
    assert_eq!(lab.store.latest_report(&customers, one).await.unwrap(), Some(summary(3, one)));
    assert_eq!(lab.store.latest_report(&name("others"), one).await.unwrap(), None);
    assert_eq!(lab.store.report("report-1").await.unwrap(), Some(summary(1, one)));
    assert_eq!(lab.store.report("report-4").await.unwrap(), None);
}

/// At most so many calls.
fn at_most(calls: f64) -> Expectations {
    serde_json::from_value(serde_json::json!({"columns": [{"name": "calls", "max": calls}], "min_rows": 50})).unwrap()
}

// F57
#[tokio::test]
async fn rows_that_are_not_as_expected_are_not_learned_from() {
    let mut lab = Lab::new().await;
    let dataset = name("customers");
    lab.app.set_expectations(&caller(), &dataset, &at_most(5.0)).await.unwrap();
    let job = lab.create(&customers(100), |_| {}).await;
    let failed = lab.finish(&job).await;
    assert_eq!((failed.state, failed.reason, failed.attempt), (JobState::Failed, Some(FailureReason::Data), 1));
    assert!(failed.error.starts_with("load: the rows of `customers` do not meet what is expected"), "{}", failed.error);
    assert!(failed.error.contains("range(calls)"), "{}", failed.error);
    assert!(lab.registry.known().versions.is_empty() && lab.registry.known().snapshots.is_empty());
    // What is known to be bad is not even queued.
    let refused = lab.app.create_job(&caller(), lab.command(&customers(100), |_| {})).await.unwrap_err();
    assert!(matches!(&refused, TrainerError::DataRefused(refusal) if refusal.failed == ["range(calls)"]), "{refused}");
    let status = from_error(refused);
    assert_eq!((status.code(), reason_of(&status).as_deref()), (Code::FailedPrecondition, Some("DATA_CHECK_FAILED")));
    // Another file, or other expectations, may do.
    assert!(lab.app.create_job(&caller(), lab.command(&customers(101), |_| {})).await.is_ok());
    lab.app.set_expectations(&caller(), &dataset, &at_most(6.0)).await.unwrap();
    let job = lab.create(&customers(100), |_| {}).await;
    assert_eq!(lab.finish(&job).await.error, "");
    let run = lab.registry.known().runs.values().last().unwrap().clone();
    let digest: Digest = entry(&run.log.parameters, "data_report").parse().unwrap();
    let report = DataReport::from_bytes(&lab.registry.known().artifacts[&digest]).unwrap();
    assert!(report.passed() && report.rows == 100);
}

// F57, F116
#[tokio::test]
async fn a_report_tells_what_a_file_holds() {
    let lab = Lab::new().await;
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let expectations = pb::Expectations {
        columns: vec![pb::ColumnExpectation { name: "calls".to_owned(), max: Some(5.0), ..Default::default() }],
        min_rows: Some(10),
        ..Default::default()
    };
    let dataset = "customers".to_owned();
    let set = pb::SetExpectationsRequest { dataset: dataset.clone(), expectations: Some(expectations.clone()) };
    grpc.set_expectations(Request::new(set)).await.unwrap();
    let get = Request::new(pb::GetExpectationsRequest { dataset: dataset.clone() });
    assert_eq!(grpc.get_expectations(get).await.unwrap().into_inner().expectations, Some(expectations));
    let source = |content: &[u8]| {
        let digest = lab.registry.add(content).to_string();
        let source = pb::DataSource { dataset: dataset.clone(), digest, format: pb::SourceFormat::Csv.into() };
        Request::new(pb::CheckDataRequest { source: Some(source) })
    };
    let answer = grpc.check_data(source(&customers(70))).await.unwrap().into_inner();
    let report = answer.report.unwrap();
    assert_eq!((report.passed, report.rows, &report.failed_checks), (false, 70, &vec!["range(calls)".to_owned()]));
    let calls = &report.columns[0];
    let numbers = calls.numbers.as_ref().unwrap();
    assert_eq!((calls.name.as_str(), calls.distinct, numbers.mean, numbers.sd), ("calls", 7, Some(3.0), Some(2.0)));
    assert_eq!(numbers.counts.iter().sum::<u64>(), 70);
    assert_eq!(answer.inferred.unwrap().columns.len(), 3);
    let get = Request::new(pb::GetDataReportRequest { report_id: report.report_id.clone() });
    assert_eq!(grpc.get_data_report(get).await.unwrap().into_inner().report, Some(report.clone()));
    grpc.check_data(source(&customers(80))).await.unwrap();
    let list = |page_token: String| {
        Request::new(pb::ListDataReportsRequest { dataset: dataset.clone(), page_size: 1, page_token })
    };
    let first = grpc.list_data_reports(list(String::new())).await.unwrap().into_inner();
    let second = grpc.list_data_reports(list(first.next_page_token)).await.unwrap().into_inner();
    assert_eq!((first.reports[0].rows, second.reports[0].rows, second.next_page_token.as_str()), (80, 70, ""));
    let bad = grpc.check_data(source(b"a,b\n1,2\n3\n")).await.unwrap_err();
    assert_eq!(reason_of(&bad).as_deref(), Some("DATA_UNREADABLE"));
    assert!(bad.message().contains("line 3 has 1 fields"), "{bad}");
    let gone = Request::new(pb::GetDataReportRequest { report_id: "none".to_owned() });
    assert_eq!(reason_of(&grpc.get_data_report(gone).await.unwrap_err()).as_deref(), Some("DATA_REPORT_NOT_FOUND"));
    let wrong = pb::Expectations { max_duplicate_share: Some(2.0), ..Default::default() };
    let set = pb::SetExpectationsRequest { dataset: dataset.clone(), expectations: Some(wrong) };
    assert_eq!(
        reason_of(&grpc.set_expectations(Request::new(set)).await.unwrap_err()).as_deref(),
        Some("INVALID_FIELD")
    );
    let request = source(&customers(90));
    lab.registry.known().away = true;
    let away = grpc.check_data(request).await.unwrap_err();
    assert_eq!(reason_of(&away).as_deref(), Some("REGISTRY_UNAVAILABLE"));
}

// F75
#[tokio::test]
async fn a_table_that_is_too_large_is_sampled_and_everything_says_so() {
    let mut lab = Lab::new().await;
    // Two numbers and a text of two or three letters.
    lab.restart_with(3000 * 23 / 2);
    let job = lab.create(&customers(3000), |spec| spec.seed = 11).await;
    let running = lab.run();
    let events = lab.events(&job.id, 0).await;
    let other = lab.create(&customers(3000), |spec| spec.seed = 12).await;
    lab.events(&other.id, 0).await;
    running.stop().await;
    let job = lab.stored(&job.id).await;
    assert_eq!(job.error, "");
    let sample = job.sample.unwrap();
    assert_eq!((sample.seed, sample.source_rows), (0, 3000));
    assert!((0.4..0.5).contains(&sample.fraction), "{}", sample.fraction);
    assert!(events.iter().any(|event| event.message.starts_with("sampled: 3000 rows are too many")));
    let known = lab.registry.known();
    let version = &known.versions[0].1;
    let fraction = sample.fraction.to_string();
    assert_eq!((entry(&version.tags, "sampled"), entry(&version.environment, "sample_seed")), (&*fraction, "0"));
    // F46: the seed of the fit has no say, so that members of a chain learn from the same rows.
    assert_eq!(known.versions[1].1.data_digest, version.data_digest);
    assert!(version.training_rows + version.validation_rows < 1500);
    let log = &known.runs.values().next().unwrap().log;
    assert_eq!((entry(&log.tags, "sampled"), entry(&log.parameters, "sample.source_rows")), (&*fraction, "3000"));
}

// F89
#[tokio::test]
async fn features_of_the_same_rows_are_computed_once() {
    let lab = Lab::new().await;
    let running = lab.run();
    let mut told = Vec::new();
    for (family, rows) in [("logistic_regression", 100), ("gradient_boosting", 100), ("gradient_boosting", 120)] {
        let job = lab.create(&customers(rows), |spec| spec.family = family.to_owned()).await;
        let events = lab.events(&job.id, 0).await;
        assert_eq!(lab.stored(&job.id).await.error, "");
        let mut told_of = events.into_iter().map(|event| event.message);
        let features = told_of.find(|message| ["computed", "reused"].iter().any(|word| message.starts_with(word)));
        told.push(features.unwrap());
    }
    running.stop().await;
    let expected = ["computed the features: 2 columns", "reused the features of an earlier job: 2 columns"];
    assert_eq!(told, [expected[0], expected[1], expected[0]]);
}

#[tokio::test]
async fn rows_that_teach_nothing_are_told_before_the_fit() {
    let mut lab = Lab::new().await;
    for (csv, problem) in [
        ("x,churn\n1,yes\n2,yes\n", "load: label column `churn` has only the class `yes`"),
        ("x,churn\n1,yes\n2,\n", "load: label column `churn` has no value in 1 rows"),
        ("x,y\n1,yes\n2,no\n", "load: there is no column `churn`"),
        ("x,x,churn\n1,1,yes\n2,1,no\n", "load: column `x` appears twice"),
        ("x,churn\n1,yes\n2,no\n\u{0}3,no\n", "load: line 4, column `x`: holds a NUL byte"),
        ("x,churn\n1,yes\n", "load: label column `churn` has only the class"),
    ] {
        let job = lab.create(csv.as_bytes(), |_| {}).await;
        let job = lab.finish(&job).await;
        assert!(job.error.starts_with(problem), "{}", job.error);
        assert_eq!(job.reason, Some(FailureReason::Data));
    }
    let rows = customers(60);
    let empty = String::from_utf8(rows).unwrap().replace(",yes", ",,yes").replace(",no", ",,no");
    let job = lab.create(empty.replacen("minutes,", "minutes,empty,", 1).as_bytes(), |_| {}).await;
    let error = lab.finish(&job).await.error;
    assert!(error.starts_with("train: column `empty` has no values to learn from"), "{error}");
}
