//! Environments: kept apart, and named in everything that is read.

use std::sync::Arc;

use lineal_db::DatabaseUrl;
use lineal_kernel::{Name, SystemClock};
use lineal_proto::lineal::registry::v1 as pb;
use lineal_registry::{Registry, RegistryConfig};

use crate::fixture::{Bench, LEASE, SOON, create_run};

#[tokio::test]
async fn what_is_read_carries_the_environment() {
    // F163
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let run = bench.run_service().create_run(create_run("churn")).await.unwrap().into_inner().run.unwrap();
    assert_eq!(run.environment, "uat");
    assert_eq!(bench.version("churn", 1).await.environment, "uat");
    assert!(bench.audit().await.iter().all(|entry| entry.environment == "uat"));
    let (mut versions, mut runs) = (bench.version_service(), bench.run_service());
    let list = pb::ListVersionsRequest { model: "churn".into(), ..Default::default() };
    let listed = versions.list_versions(list).await.unwrap().into_inner().versions;
    let reference = pb::ResolveVersionRequest { reference: "churn@champion".into(), ..Default::default() };
    let resolved = versions.resolve_version(reference).await.unwrap().into_inner().version;
    let chain = pb::GetChainRequest { model: "churn".into(), number: 1 };
    let chain = versions.get_chain(chain).await.unwrap().into_inner().members;
    let walk = pb::GetLineageRequest { model: "churn".into(), number: 1, ..Default::default() };
    let walk = bench.lineage_service().get_lineage(walk).await.unwrap().into_inner().nodes;
    assert_eq!(walk[0].environment, "uat");
    let seen: Vec<_> = listed.into_iter().chain(resolved).chain(chain).collect();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|version| version.environment == "uat"));
    let listed = runs.list_runs(pb::ListRunsRequest::default()).await.unwrap().into_inner().runs;
    assert!(!listed.is_empty() && listed.iter().all(|run| run.environment == "uat"));
    let table = bench.alias_service().get_serving_table(pb::GetServingTableRequest::default()).await.unwrap();
    assert_eq!(table.into_inner().environment, "uat");
}

#[tokio::test]
async fn a_registry_of_another_environment_does_not_start_on_the_database() {
    // F163
    let bench = Bench::start().await;
    bench.register("churn").await;
    let before = bench.audit().await;
    let config = RegistryConfig {
        environment: Name::new("prod").unwrap(),
        database: DatabaseUrl::Sqlite(bench.database()),
        artifacts: bench.artifacts(),
        lease: LEASE,
        prepare_timeout: SOON,
        reload_timeout: SOON,
        check_every: SOON,
        performance_retention: None,
        openlineage: None,
    };
    let refused = Registry::open(&config, Arc::new(SystemClock)).await.unwrap_err().to_string();
    for part in ["registry.db", "environment `uat`, not to `prod`", "registry.database_url"] {
        assert!(refused.contains(part), "{part} in {refused}");
    }
    assert_eq!(bench.audit().await, before);
}
