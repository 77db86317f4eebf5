//! Several registry processes on one PostgreSQL.

use futures::future::join_all;
use lineal_proto::lineal::registry::v1::{
    ListPromotionsRequest, PromotionState, promotion_service_client::PromotionServiceClient,
};

use crate::{
    databases::Database,
    fleet::{Fleet, RegistryAt},
    process::eventually,
    scenario,
};

/// F2, F5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_registries_share_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let at = RegistryAt::new(folder.path(), Database::Postgres);
    let one = at.start("127.0.0.1:0", None).await;
    let two = at.start("127.0.0.1:0", Some("prepared")).await;
    let fleet = Fleet::start(folder.path(), &one.address).await;
    let trainer = fleet.trainer.peer();

    let peers = [one.peer(), two.peer()];
    let families = ["logistic_regression", "gradient_boosting"];
    let first = scenario::version_by(&peers[0], &trainer, families[0]).await;
    let second = scenario::version_by(&peers[1], &trainer, families[1]).await;
    assert_eq!((first, second), (1, 2), "numbers have no gap over processes");
    let names: Vec<_> = (0..20).map(|i| format!("a{i}")).collect();
    let set = names.iter().enumerate().map(|(i, name)| scenario::alias_to(&peers[i % 2], name, first));
    let set = join_all(set).await;
    assert!(set.iter().all(Result::is_ok), "{set:?}");
    let sequences: Vec<_> = scenario::audit(&peers[1]).await.iter().map(|entry| entry.sequence).collect();
    let newest = sequences[0];
    assert_eq!(sequences, (1..=newest).rev().collect::<Vec<_>>(), "the audit has no gap");

    // What one process has under way when it dies, another one cancels.
    scenario::validate(&fleet.validator.peer(), first, false).await.unwrap();
    assert!(scenario::promote(&peers[1], first).await.is_err());
    assert!(!two.died().await.success());
    eventually("the other registry cancels it", async || {
        let mut promotions = PromotionServiceClient::new(peers[0].clone());
        let found = promotions.list_promotions(ListPromotionsRequest::default()).await.unwrap().into_inner().promotions;
        (found[0].state() == PromotionState::Cancelled).then_some(())
    })
    .await;
    scenario::promote(&peers[0], first).await.unwrap();
    assert_eq!(scenario::alias(&peers[0]).await.unwrap().generation, 21, "one for each alias, one for the champion");
}
