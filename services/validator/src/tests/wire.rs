//! What a client sees.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use lineal_proto::lineal::validator::v1::{
    GetReportRequest, ListReportsRequest, MetricLimit, Policy, ValidateRequest, report_service_server::ReportService,
};
use lineal_rpc::reason_of;
use lineal_signing::{Envelope, Files, Policy as SigningPolicy, SigningKey};
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::{Harness, bundles::world};
use crate::grpc::ValidatorGrpc;

fn service(harness: &Harness) -> ValidatorGrpc {
    ValidatorGrpc::new(Arc::clone(&harness.app))
}

fn request(number: u64) -> ValidateRequest {
    ValidateRequest { model: "churn".to_owned(), number, ..ValidateRequest::default() }
}

async fn refused(harness: &Harness, request: ValidateRequest) -> Status {
    service(harness).validate(Request::new(request)).await.unwrap_err()
}

fn assert_reason(status: &Status, code: Code, reason: &str) {
    assert_eq!((status.code(), reason_of(status).as_deref()), (code, Some(reason)), "{status:?}");
    assert_eq!(status.get_details_error_info().unwrap().domain, "validator.lineal");
}

#[tokio::test]
async fn a_report_is_answered_got_and_listed_alike() {
    let harness = Harness::new().await;
    harness.register(1, &world().modest);
    harness.register(2, &world().strong);
    harness.registry.crown(1);
    let slot = BTreeMap::from([("region".to_owned(), "eu".to_owned())]);
    let asked = ValidateRequest { slot: slot.clone(), ..request(2) };
    let report = service(&harness).validate(Request::new(asked)).await.unwrap().into_inner().report.unwrap();
    assert!(report.passed && report.gates.iter().all(|gate| gate.passed));
    assert_eq!((report.slot.clone(), report.champion_number), (slot, 1));
    assert_eq!(report.champion_digest, world().modest.digest().to_string());
    assert!(report.champion_metrics["auc"] < report.metrics["auc"]);
    assert_eq!(report.policy.as_ref().unwrap().limits, [MetricLimit { metric: "auc".to_owned(), limit: 0.75 }]);
    let comparisons: Vec<_> = report.gates.iter().map(|gate| gate.comparison.as_str()).collect();
    assert_eq!(comparisons, ["<=", ">=", ">=", ">"]);
    assert_eq!(report.create_time.as_ref().unwrap().seconds, 1_736_951_422);

    let get = GetReportRequest { report_id: report.report_id.clone() };
    let got = service(&harness).get_report(Request::new(get)).await.unwrap().into_inner().report.unwrap();
    assert_eq!(got, report);
    let list = ListReportsRequest { model: "churn".to_owned(), ..ListReportsRequest::default() };
    let listed = service(&harness).list_reports(Request::new(list)).await.unwrap().into_inner();
    assert_eq!((listed.reports, listed.next_page_token.as_str()), (vec![report], ""));
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let harness = Harness::new().await;
    let limit = |metric: &str, limit| MetricLimit { metric: metric.to_owned(), limit };
    let bad = ValidateRequest {
        model: "../churn".to_owned(),
        slot: BTreeMap::from([("Region".to_owned(), "eu".to_owned())]),
        number: 0,
        policy: Some(Policy {
            limits: vec![limit("acu", 0.8), limit("auc", f64::NAN)],
            comparison_metric: "roc".to_owned(),
            skip_comparison: false,
        }),
        request_id: "two words".to_owned(),
    };
    let status = refused(&harness, bad).await;
    assert_reason(&status, Code::InvalidArgument, "INVALID_FIELD");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    let expected = [
        "model",
        "slot",
        "number",
        "policy.limits[0].metric",
        "policy.limits[1].limit",
        "policy.comparison_metric",
        "request_id",
    ];
    assert_eq!(fields, expected);
    assert!(violations[3].description.contains("auc, accuracy, precision"), "{}", violations[3].description);
}

#[tokio::test]
async fn every_refusal_has_its_reason() {
    let harness = Harness::new().await;
    harness.register(1, &world().modest);
    harness.register(2, &world().strong);
    assert_reason(&refused(&harness, request(3)).await, Code::NotFound, "VERSION_NOT_FOUND");
    let get = |id: &str| Request::new(GetReportRequest { report_id: id.to_owned() });
    let absent = service(&harness).get_report(get("01946b5c-0000-7000-8000-000000000000")).await.unwrap_err();
    assert_reason(&absent, Code::NotFound, "REPORT_NOT_FOUND");
    let bad = service(&harness).get_report(get("seven")).await.unwrap_err();
    assert_reason(&bad, Code::InvalidArgument, "INVALID_FIELD");

    let keyed = |number| ValidateRequest { request_id: "once".to_owned(), ..request(number) };
    service(&harness).validate(Request::new(keyed(1))).await.unwrap();
    assert_reason(&refused(&harness, keyed(2)).await, Code::AlreadyExists, "REQUEST_ID_REUSED");

    harness.registry.away.store(true, Ordering::SeqCst);
    let away = refused(&harness, request(1)).await;
    assert_reason(&away, Code::Unavailable, "REGISTRY_UNAVAILABLE");
    assert!(away.get_details_retry_info().is_some());

    harness.registry.flip(world().modest.manifest().files["model.json"].digest);
    let damaged = refused(&harness, request(1)).await;
    assert_reason(&damaged, Code::FailedPrecondition, "BUNDLE_DAMAGED");
    assert!(damaged.message().contains("`model.json`"), "{}", damaged.message());
    let metadata = damaged.get_details_error_info().unwrap().metadata;
    assert_eq!((metadata["file"].as_str(), metadata["role"].as_str()), ("model.json", "candidate"));
    harness.registry.set_reference(2, None);
    assert_reason(&refused(&harness, request(2)).await, Code::FailedPrecondition, "REFERENCE_UNUSABLE");
}

#[tokio::test]
async fn a_page_token_leads_on_and_fits_its_own_listing_only() {
    let harness = Harness::new().await;
    harness.register(1, &world().modest);
    for _ in 0..3 {
        service(&harness).validate(Request::new(request(1))).await.unwrap();
    }
    let list = |model: &str, token: &str| {
        Request::new(ListReportsRequest { model: model.to_owned(), page_size: 2, page_token: token.to_owned() })
    };
    let first = service(&harness).list_reports(list("churn", "")).await.unwrap().into_inner();
    let token = first.next_page_token;
    let second = service(&harness).list_reports(list("churn", &token)).await.unwrap().into_inner();
    assert_eq!((first.reports.len(), second.reports.len(), second.next_page_token.as_str()), (2, 1, ""));
    let foreign = service(&harness).list_reports(list("fraud", &token)).await.unwrap_err();
    assert_reason(&foreign, Code::InvalidArgument, "INVALID_FIELD");
}

#[tokio::test]
async fn a_bundle_that_no_trusted_key_signed_is_refused_by_version_and_key() {
    // X12
    let key = |seed: u8| {
        let secret = p256::SecretKey::from_slice(&[seed; 32]).unwrap();
        SigningKey::from_pem(&secret.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
    };
    let harness = Harness::new().await.trusting(SigningPolicy::new([key(1).public().clone()], true)).await;
    harness.register(1, &world().modest);
    assert_reason(&refused(&harness, request(1)).await, Code::FailedPrecondition, "BUNDLE_UNSIGNED");
    for (seed, reason) in [(1, "SIGNATURE_INVALID"), (2, "SIGNING_KEY_UNKNOWN")] {
        let of_nothing = Envelope::sign(&key(seed), "churn", &Files::new()).unwrap();
        harness.registry.signatures.lock().unwrap().insert(world().modest.digest(), vec![of_nothing]);
        let status = refused(&harness, request(1)).await;
        assert_reason(&status, Code::FailedPrecondition, reason);
        let named = status.get_details_error_info().unwrap().metadata;
        let fingerprint = key(seed).public().fingerprint().to_string();
        assert_eq!(
            (named["version"].as_str(), named["role"].as_str(), &named["key"]),
            ("churn/1", "candidate", &fingerprint)
        );
    }
}
