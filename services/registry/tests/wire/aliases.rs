//! User-defined aliases.

use lineal_proto::lineal::registry::v1 as pb;
use tonic::Code;

use crate::fixture::{Bench, Refusal, labels, set_alias, set_traffic};

#[tokio::test]
async fn an_alias_changes_only_from_the_etag_that_was_read() {
    // F8
    let bench = Bench::start().await;
    bench.register("churn").await;
    bench.register("churn").await;
    let mut aliases = bench.alias_service();
    let first = aliases.set_alias(set_alias("churn", "candidate", 1)).await.unwrap().into_inner().alias.unwrap();
    let move_on =
        |etag: &str, number| pb::SetAliasRequest { etag: etag.into(), ..set_alias("churn", "candidate", number) };
    let second = aliases.set_alias(move_on(&first.etag, 2)).await.unwrap().into_inner().alias.unwrap();
    let stale = Refusal::of(aliases.set_alias(move_on(&first.etag, 1)).await);
    assert_eq!((stale.code, stale.reason.as_str()), (Code::Aborted, "STALE_ETAG"));
    assert_eq!((stale.value("expected"), stale.value("found")), (first.etag.as_str(), second.etag.as_str()));

    let request = pb::ResolveAliasRequest { model: "churn".into(), alias: "candidate".into(), ..Default::default() };
    let found = aliases.resolve_alias(request).await.unwrap().into_inner().alias.unwrap();
    assert_eq!(found, second);
    assert_eq!((found.number, found.run_id.as_str(), found.generation), (2, "run-1", 2));
    assert_eq!(found.digest, bench.version("churn", 2).await.digest);
    assert_eq!(bench.generation().await, 2, "replicas serve every alias");
}

#[tokio::test]
async fn an_alias_is_resolved_in_its_slot() {
    // F14
    let bench = Bench::start().await;
    bench.register("churn").await;
    let trending = || labels(&[("regime", "trending")]);
    let request = pb::SetAliasRequest { slot: trending(), ..set_alias("churn", "candidate", 1) };
    bench.alias_service().set_alias(request).await.unwrap();
    let resolve = |slot| {
        let request = pb::ResolveAliasRequest { model: "churn".into(), slot, alias: "candidate".into() };
        let mut service = bench.alias_service();
        async move { service.resolve_alias(request).await }
    };
    assert!(resolve(trending()).await.is_ok());
    assert_eq!(Refusal::of(resolve(labels(&[])).await).reason, "ALIAS_NOT_FOUND");
    let reference = pb::ResolveVersionRequest { reference: "churn@candidate".into(), slot: trending() };
    let found = bench.version_service().resolve_version(reference).await.unwrap().into_inner().version.unwrap();
    assert_eq!(found.aliases, [pb::AliasPointer { alias: "candidate".into(), slot: trending() }]);
}

#[tokio::test]
async fn a_part_of_the_requests_belongs_to_a_version_and_grows_up_to_all() {
    // F140
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let fresh = bench.register("churn").await.number;
    let mut aliases = bench.alias_service();
    let unknown = Refusal::of(aliases.set_traffic(set_traffic("churn", "canary", 100)).await);
    assert_eq!(unknown.reason, "ALIAS_NOT_FOUND");
    let reserved = Refusal::of(aliases.set_traffic(set_traffic("churn", "prod", 100)).await);
    assert_eq!(reserved.reason, "ALIAS_RESERVED");
    let first = aliases.set_alias(set_alias("churn", "canary", fresh)).await.unwrap().into_inner().alias.unwrap();
    assert_eq!(first.traffic, None);
    let wish = pb::SetTrafficRequest { etag: first.etag.clone(), ..set_traffic("churn", "canary", 100) };
    let tenth = aliases.set_traffic(wish.clone()).await.unwrap().into_inner().alias.unwrap();
    assert_eq!((tenth.traffic, tenth.number, tenth.generation), (wish.traffic, fresh, first.generation + 1));
    assert_eq!(Refusal::of(aliases.set_traffic(wish).await).reason, "STALE_ETAG");
    let request = pb::GetServingTableRequest::default();
    let served = aliases.get_serving_table(request).await.unwrap().into_inner();
    let told: Vec<_> = served.entries.iter().map(|entry| (entry.alias.as_str(), entry.traffic)).collect();
    assert_eq!(told, [("canary", tenth.traffic), ("champion", None)]);
    let done = bench.audit().await.into_iter().find(|line| line.done).unwrap();
    assert_eq!(done.detail, "canary 10%");

    aliases.set_alias(set_alias("churn", "arm", 1)).await.unwrap();
    let exceeded = Refusal::of(aliases.set_traffic(set_traffic("churn", "arm", 901)).await);
    assert_eq!((exceeded.code, exceeded.reason.as_str()), (Code::FailedPrecondition, "TRAFFIC_EXCEEDED"));
    assert_eq!((exceeded.value("share"), exceeded.value("left")), ("90.1%", "90%"));
    aliases.set_traffic(set_traffic("churn", "arm", 900)).await.unwrap();
    let same = aliases.set_alias(set_alias("churn", "canary", fresh)).await.unwrap().into_inner().alias.unwrap();
    assert_eq!(same.traffic, tenth.traffic, "the same version keeps its part");
    let moved = aliases.set_alias(set_alias("churn", "canary", 1)).await.unwrap().into_inner().alias.unwrap();
    assert_eq!(moved.traffic, None, "another version has none");
}
