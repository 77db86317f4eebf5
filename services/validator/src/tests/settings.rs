//! Verdicts by what the model's settings say.

use lineal_kernel::{Digest, RequestId};
use lineal_proto::lineal::validator::v1::{ValidateRequest, report_service_server::ReportService as _};
use lineal_rpc::reason_of;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use super::{Harness, bundles::world, judge, judge_by};
use crate::{
    app::Validate,
    domain::{Conditions, ValidatorError},
    grpc::ValidatorGrpc,
    registry::Settings,
};

fn settings(file: &str, limits: &[(&str, f64)], comparison_metric: &str) -> Settings {
    Settings {
        digest: Digest::of(file.as_bytes()),
        limits: limits.iter().map(|&(metric, limit)| (metric.to_owned(), limit)).collect(),
        comparison_metric: comparison_metric.to_owned(),
        skip_comparison: false,
    }
}

impl Harness {
    fn apply(&self, settings: Settings) {
        *self.registry.settings.lock().unwrap() = Some(settings);
    }
}

// F88
#[tokio::test]
async fn a_changed_limit_counts_from_the_next_validation_on() {
    let harness = Harness::new().await;
    harness.register(1, &world().strong);
    let before = harness.validate(judge(1)).await.unwrap();
    assert!(before.passed() && before.settings.is_none());

    harness.apply(settings("first", &[("auc", 0.6)], "f1"));
    let report = harness.validate(judge(1)).await.unwrap();
    assert_eq!((report.passed(), report.settings), (true, Some(Digest::of(b"first"))));
    assert_eq!((report.policy.limits[0].limit, report.policy.comparison.name()), (0.6, "f1"));

    harness.apply(settings("second", &[("auc", 0.9999)], "f1"));
    let report = harness.validate(judge(1)).await.unwrap();
    assert_eq!((report.passed(), report.settings), (false, Some(Digest::of(b"second"))));
    assert!(report.failures()[0].contains("0.9999"), "{:?}", report.failures());
    // What the caller says counts more.
    let report = harness.validate(judge_by(1, &[("auc", 0.6)], "")).await.unwrap();
    assert_eq!((report.passed(), report.settings), (true, None));

    let harness = harness.restarted().await;
    let kept = harness.app.store.reports(&report.tenant, &report.model, 10, None).await.unwrap().reports;
    let digests: Vec<_> = kept.iter().map(|report| report.settings).collect();
    assert_eq!(digests, [None, Some(Digest::of(b"second")), Some(Digest::of(b"first")), None]);
}

// F88
#[tokio::test]
async fn settings_that_are_silent_leave_the_default_policy() {
    let harness = Harness::new().await;
    harness.register(1, &world().strong);
    harness.apply(settings("silent", &[], ""));
    let report = harness.validate(judge(1)).await.unwrap();
    assert_eq!((report.policy.limits[0].limit, report.settings), (0.75, Some(Digest::of(b"silent"))));
}

// F88, F164
#[tokio::test]
async fn a_repeated_request_gets_the_first_report_whatever_was_applied_since() {
    let harness = Harness::new().await;
    harness.register(1, &world().strong);
    harness.apply(settings("first", &[("auc", 0.6)], ""));
    let command = Validate { request_id: RequestId::new("once").unwrap(), ..judge(1) };
    let first = harness.validate(command.clone()).await.unwrap();
    harness.apply(settings("second", &[("auc", 0.9999)], ""));
    assert_eq!(harness.validate(command.clone()).await.unwrap(), first);
    let other = Validate { conditions: Some(Conditions::default()), ..command };
    assert!(matches!(harness.validate(other).await, Err(ValidatorError::RequestIdReused { .. })));
}

// F88
#[tokio::test]
async fn settings_that_cannot_judge_are_refused_by_their_path_in_the_file() {
    let harness = Harness::new().await;
    harness.register(1, &world().strong);
    harness.apply(settings("wrong", &[("auc", 0.6), ("rmse", 1.0)], "roc"));
    let service = ValidatorGrpc::new(harness.app.clone());
    for expected in [&["validation.comparison_metric"][..], &["validation.limits.rmse"]] {
        let request = ValidateRequest { model: "churn".to_owned(), number: 1, ..ValidateRequest::default() };
        let status = service.validate(Request::new(request)).await.unwrap_err();
        let reason = reason_of(&status);
        assert_eq!((status.code(), reason.as_deref()), (Code::FailedPrecondition, Some("SETTINGS_UNUSABLE")));
        let named = status.get_details_error_info().unwrap().metadata;
        assert_eq!(named["settings"], Digest::of(b"wrong").to_string());
        let unmet = status.get_details_precondition_failure().unwrap().violations;
        for (violation, path) in unmet.iter().zip(expected) {
            assert!(violation.description.starts_with(path), "{}", violation.description);
        }
        assert_eq!(unmet.len(), expected.len());
        harness.apply(settings("wrong", &[("auc", 0.6), ("rmse", 1.0)], ""));
    }
}
