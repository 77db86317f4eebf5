//! The same key is the same change: it is made once, and every sender gets the first answer.

use futures::future::join_all;
use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::fixture::{
    Bench, create_run, create_version, demote, promote, reason, record_validation, rollback, set_alias, set_traffic,
};

/// Sends `$request` twice and then `$other` under the same key.
macro_rules! replay {
    ($bench:ident, $service:ident.$method:ident, $request:expr, $other:expr) => {{
        let mut request = $request;
        request.request_id = concat!(stringify!($method), "-1").into();
        let first = $bench.$service().$method(request.clone()).await.unwrap().into_inner();
        let lines = $bench.audit().await;
        let again = $bench.$service().$method(request.clone()).await.unwrap().into_inner();
        assert_eq!(first, again, "{}", stringify!($method));
        assert_eq!($bench.audit().await, lines, "{}", stringify!($method));
        let mut other = $other(request.clone());
        other.request_id = request.request_id;
        let refused = reason($bench.$service().$method(other).await);
        assert_eq!(refused, (Code::AlreadyExists, "REQUEST_ID_REUSED".into()), "{}", stringify!($method));
        assert_eq!($bench.audit().await[1..], lines, "only the refusal came after {}", stringify!($method));
        first
    }};
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_a_changed_one_is_refused() {
    // F164
    let bench = Bench::start().await;
    let model = pb::CreateModelRequest { name: "churn".into(), ..Default::default() };
    replay!(bench, model_service.create_model, model, |it| pb::CreateModelRequest { name: "fraud".into(), ..it });
    let run = create_run("churn");
    replay!(bench, run_service.create_run, run, |it| pb::CreateRunRequest { experiment: "x".into(), ..it });
    let version = create_version("churn", bench.bundle("one").await);
    replay!(bench, version_service.create_version, version, |it| pb::CreateVersionRequest {
        description: "another".into(),
        ..it
    });
    assert_eq!(bench.register("churn").await.number, 2, "the repetition took no number");
    let verdict = record_validation("churn", 1, 0);
    replay!(bench, version_service.record_validation, verdict, |it| pb::RecordValidationRequest { number: 2, ..it });
    let alias = set_alias("churn", "candidate", 1);
    replay!(bench, alias_service.set_alias, alias, |it| pb::SetAliasRequest { number: 2, ..it });
    let traffic = set_traffic("churn", "candidate", 100);
    replay!(bench, alias_service.set_traffic, traffic, |it| pb::SetTrafficRequest { traffic: None, ..it });
    replay!(bench, promotion_service.promote, promote("churn", 1), |it| pb::PromoteRequest { number: 2, ..it });
    bench.validate("churn", 2).await;
    bench.promote("churn", 2).await.unwrap();
    let back = rollback("churn");
    replay!(bench, promotion_service.rollback, back, |it| pb::RollbackRequest { reason: "other".into(), ..it });
    let empty = demote("churn");
    replay!(bench, promotion_service.demote, empty, |it| pb::DemoteRequest { reason: "other".into(), ..it });
    let moves: Vec<u64> = bench.promotions().await.iter().map(|promotion| promotion.generation).collect();
    assert_eq!(moves, [6, 5, 4, 3]);
}

#[tokio::test]
async fn a_report_without_a_request_id_is_its_own_key() {
    let bench = Bench::start().await;
    bench.register("churn").await;
    let verdict = record_validation("churn", 1, 0);
    let mut versions = bench.version_service();
    versions.record_validation(verdict.clone()).await.unwrap();
    let lines = bench.audit().await;
    versions.record_validation(verdict.clone()).await.unwrap();
    assert_eq!(bench.audit().await, lines);
    for request_id in ["", "another"] {
        let mut changed = verdict.clone();
        changed.request_id = request_id.into();
        if let Some(validation) = changed.validation.as_mut() {
            validation.passed = false;
            validation.failures = vec!["auc 0.7 is below 0.75".into()];
        }
        let refused = reason(versions.record_validation(changed).await);
        assert_eq!(refused, (Code::AlreadyExists, "REQUEST_ID_REUSED".into()), "{request_id:?}");
    }
    assert!(bench.version("churn", 1).await.validation.unwrap().passed);
}

#[tokio::test]
async fn a_refused_request_may_be_repeated_when_it_can_succeed() {
    let bench = Bench::start().await;
    let number = bench.register("churn").await.number;
    let request = pb::PromoteRequest { request_id: "p1".into(), ..promote("churn", number) };
    let refused = reason(bench.promotion_service().promote(request.clone()).await);
    assert_eq!(refused, (Code::FailedPrecondition, "VALIDATION_REQUIRED".into()));
    bench.validate("churn", number).await;
    bench.promotion_service().promote(request).await.unwrap();
    assert_eq!(bench.champion("churn").await, number);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_sent_at_once_many_times_is_one_change() {
    let bench = Bench::start().await;
    let model = pb::CreateModelRequest { name: "churn".into(), request_id: "m".into(), ..Default::default() };
    let made = join_all((0..8).map(|_| {
        let (mut service, request) = (bench.model_service(), model.clone());
        async move { service.create_model(request).await.unwrap().into_inner() }
    }));
    assert!(made.await.windows(2).all(|pair| pair[0] == pair[1]));

    let version = create_version("churn", bench.bundle("one").await);
    let version = pb::CreateVersionRequest { request_id: "v".into(), ..version };
    let made = join_all((0..8).map(|_| {
        let (mut service, request) = (bench.version_service(), version.clone());
        async move { service.create_version(request).await.unwrap().into_inner().version.unwrap().number }
    }));
    assert_eq!(made.await, [1; 8]);

    for (request_id, etag, expected) in [("a1", "", "r1"), ("a2", "r1", "r2")] {
        let alias = set_alias("churn", "candidate", 1);
        let alias = pb::SetAliasRequest { request_id: request_id.into(), etag: etag.into(), ..alias };
        let made = join_all((0..8).map(|_| {
            let (mut service, request) = (bench.alias_service(), alias.clone());
            async move { service.set_alias(request).await.unwrap().into_inner().alias.unwrap().etag }
        }));
        assert!(made.await.iter().all(|etag| etag == expected));
    }

    bench.validate("churn", 1).await;
    let request = pb::PromoteRequest { request_id: "p".into(), ..promote("churn", 1) };
    let made = join_all((0..8).map(|_| {
        let (mut service, request) = (bench.promotion_service(), request.clone());
        async move { service.promote(request).await.unwrap().into_inner().promotion.unwrap().promotion_id }
    }));
    assert!(made.await.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!((bench.champion("churn").await, bench.generation().await), (1, 3), "two of them by the alias");
}
