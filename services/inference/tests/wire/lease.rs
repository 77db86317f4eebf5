//! A replica and its registry, through restarts of either side.

use std::time::Duration;

use crate::fixture::{FakeRegistry, TestReplica, version};
use lineal_proto::inference::ServerReadyRequest;
use tokio::time::timeout;

#[tokio::test]
async fn a_replica_that_missed_the_reload_catches_up_by_itself() {
    // F125
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(0).await;
    assert!(replica.ready().await, "an empty table is a table");
    registry.promote(&version("churn", 1));
    registry.until_served(1).await;
    assert_eq!(replica.version().await, 1);
}

#[tokio::test]
async fn a_replica_registers_again_after_the_registry_forgot_it_or_restarted() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let port = listening.port();
    registry.promote(&version("churn", 1));
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(1).await;

    registry.with(|state| state.replicas.clear());
    registry.until_served(1).await;
    assert_eq!(registry.with(|state| state.registrations), 2);

    listening.stop().await;
    registry.with(|state| state.replicas.clear());
    assert_eq!(replica.version().await, 1, "the last table stays served");
    registry.promote(&version("churn", 2));
    let _listening = registry.listen(port).await;
    registry.until_served(2).await;
    assert_eq!(replica.version().await, 2);
}

#[tokio::test]
async fn a_replica_gives_its_lease_back_at_shutdown() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.until_served(0).await;
    replica.listening.stop().await;
    assert!(registry.with(|state| state.replicas.is_empty()));
}

#[tokio::test]
async fn without_its_registry_a_restarted_replica_serves_what_it_served() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let address = listening.address.clone();
    registry.promote(&version("churn", 1));
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&address, folder.path().into()).await;
    registry.until_served(1).await;
    replica.listening.stop().await;
    let port = listening.port();
    listening.stop().await;

    let replica = TestReplica::start(&address, folder.path().into()).await;
    let restored = async { while !replica.ready().await {} };
    timeout(Duration::from_secs(20), restored).await.unwrap();
    assert_eq!(replica.version().await, 1);
    let ready = replica.open_inference().server_ready(ServerReadyRequest {}).await.unwrap().into_inner().ready;
    assert!(!ready, "nobody has said yet which generation is wanted");

    registry.promote(&version("churn", 2));
    let _listening = registry.listen(port).await;
    registry.until_served(2).await;
    assert_eq!(replica.version().await, 2);
}

#[tokio::test]
async fn a_replica_is_not_ready_before_it_serves_what_is_wanted() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let champion = version("churn", 1);
    registry.promote(&champion);
    registry.with(|state| state.blobs.clear());
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    let missing = |problem: &str| problem.contains("is not in the artifact store");
    registry.until("the problem", |state| state.replicas.get("r-0").is_some_and(|beat| missing(&beat.problem))).await;
    assert!(!replica.ready().await);
    registry.store(&champion);
    registry.until_served(1).await;
    assert!(replica.ready().await);
}

#[tokio::test]
async fn a_registry_that_lost_its_generations_is_reported_and_not_followed_back() {
    let registry = FakeRegistry::default();
    let listening = registry.listen(0).await;
    let folder = tempfile::tempdir().unwrap();
    let replica = TestReplica::start(&listening.address, folder.path().into()).await;
    registry.promote(&version("churn", 1));
    registry.promote(&version("churn", 2));
    registry.until_served(2).await;
    registry.with(|state| {
        state.generation = 1;
        state.entries.clear();
    });
    assert_eq!(replica.reload(99).await.unwrap(), 2, "the table that the registry gives is older");
    let lost = "serves generation 2 while the registry is at 1";
    registry.until("the problem is said", |state| state.replicas["r-0"].problem.starts_with(lost)).await;
    assert_eq!(replica.version().await, 2);

    registry.with(|state| state.generation = 2);
    registry.until_served(2).await;
}
