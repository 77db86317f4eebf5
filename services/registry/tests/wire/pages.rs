//! Listings in pages: nothing twice, nothing lost, and a token fits its own listing only.

use lineal_proto::lineal::registry::v1 as pb;

use crate::fixture::{Bench, Refusal, create_run, set_alias, take_lease};

/// Reads one listing in pages of two; `$key` tells its items apart.
macro_rules! walk {
    ($client:expr, $method:ident, $request:expr, $items:ident, $key:expr) => {{
        let mut found = Vec::new();
        let mut page_token = String::new();
        loop {
            let mut request = $request;
            (request.page_size, request.page_token) = (2, page_token);
            let answer = $client.$method(request).await.unwrap().into_inner();
            assert!(answer.$items.len() <= 2);
            found.extend(answer.$items.iter().map($key));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break found;
            }
        }
    }};
}

async fn filled() -> Bench {
    let bench = Bench::start().await;
    for i in 0..5 {
        let number = bench.crown("churn").await;
        bench.alias_service().set_alias(set_alias("churn", &format!("a{i}"), number)).await.unwrap();
        bench.run_service().create_run(create_run("churn")).await.unwrap();
        take_lease(&bench, &format!("r{i}"), "http://127.0.0.1:1").await;
        bench.clock.advance(crate::fixture::LEASE);
        let digest = bench.upload(format!("rows {i}")).await.to_string();
        let snapshot = pb::CreateSnapshotRequest { dataset: "churn".into(), digest, ..Default::default() };
        bench.dataset_service().create_snapshot(snapshot).await.unwrap();
        let model = pb::CreateModelRequest { name: format!("m{i}"), ..Default::default() };
        bench.model_service().create_model(model).await.unwrap();
    }
    bench
}

#[tokio::test]
async fn every_listing_is_read_whole_in_small_pages() {
    let bench = filled().await;
    let model = || "churn".to_owned();
    let versions = pb::ListVersionsRequest { model: model(), ..Default::default() };
    let found = walk!(bench.version_service(), list_versions, versions.clone(), versions, |it| it.number);
    assert_eq!(found, [5, 4, 3, 2, 1]);
    let aliases = pb::ListAliasesRequest { model: model(), ..Default::default() };
    let found = walk!(bench.alias_service(), list_aliases, aliases.clone(), aliases, |it| it.name.clone());
    assert_eq!(found, ["a0", "a1", "a2", "a3", "a4", "champion"]);
    let models = pb::ListModelsRequest::default;
    let found = walk!(bench.model_service(), list_models, models(), models, |it| it.name.clone());
    assert_eq!(found, ["churn", "m0", "m1", "m2", "m3", "m4"]);
    let replicas = pb::ListReplicasRequest::default;
    let found = walk!(bench.replica_service(), list_replicas, replicas(), replicas, |it| it.name.clone());
    assert_eq!(found, ["r0", "r1", "r2", "r3", "r4"]);
    let moves = pb::ListPromotionsRequest::default;
    let found = walk!(bench.promotion_service(), list_promotions, moves(), promotions, |it| it.to_number);
    assert_eq!(found, [5, 4, 3, 2, 1]);
    let audit = pb::ListAuditEntriesRequest::default;
    let found = walk!(bench.audit_service(), list_audit_entries, audit(), entries, |it| it.sequence);
    assert_eq!(found, (1..=found.len() as u64).rev().collect::<Vec<_>>());
    let runs = pb::ListRunsRequest::default;
    let mut found = walk!(bench.run_service(), list_runs, runs(), runs, |it| it.run_id.clone());
    found.dedup();
    assert_eq!(found.len(), 5);
    let rows = pb::ListSnapshotsRequest { dataset: "churn".into(), ..Default::default() };
    let found = walk!(bench.dataset_service(), list_snapshots, rows.clone(), snapshots, |it| it.digest.clone());
    let expected = (0..5).rev().map(|i| lineal_kernel::Digest::of(format!("rows {i}").as_bytes()).to_string());
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_token_of_another_listing_is_refused() {
    let bench = filled().await;
    let first = pb::ListVersionsRequest { model: "churn".into(), page_size: 1, ..Default::default() };
    let answer = bench.version_service().list_versions(first).await.unwrap().into_inner();
    let page_token = || answer.next_page_token.clone();
    let other = pb::ListVersionsRequest { model: "fraud".into(), page_token: page_token(), ..Default::default() };
    let word = pb::ListVersionsRequest {
        model: "churn".into(),
        page_token: page_token(),
        display_state: "staging".into(),
        page_size: 1,
        ..Default::default()
    };
    let aliases = pb::ListAliasesRequest { model: "churn".into(), page_token: page_token(), page_size: 1 };
    let moves = pb::ListPromotionsRequest {
        model: "churn".into(),
        page_token: page_token(),
        page_size: 1,
        ..Default::default()
    };
    let audit = pb::ListAuditEntriesRequest {
        model: "churn".into(),
        page_token: page_token(),
        page_size: 1,
        ..Default::default()
    };
    let runs = pb::ListRunsRequest { page_token: page_token(), ..Default::default() };
    let rows = pb::ListSnapshotsRequest { dataset: "churn".into(), page_token: page_token(), page_size: 1 };
    let models = pb::ListModelsRequest { page_token: page_token(), page_size: 1 };
    let replicas = pb::ListReplicasRequest { page_token: page_token(), page_size: 1 };
    for refusal in [
        Refusal::of(bench.version_service().list_versions(other).await),
        Refusal::of(bench.version_service().list_versions(word).await),
        Refusal::of(bench.alias_service().list_aliases(aliases).await),
        Refusal::of(bench.promotion_service().list_promotions(moves).await),
        Refusal::of(bench.audit_service().list_audit_entries(audit).await),
        Refusal::of(bench.run_service().list_runs(runs).await),
        Refusal::of(bench.dataset_service().list_snapshots(rows).await),
        Refusal::of(bench.model_service().list_models(models).await),
        Refusal::of(bench.replica_service().list_replicas(replicas).await),
    ] {
        assert_eq!(refusal.fields, ["page_token"]);
    }
}
