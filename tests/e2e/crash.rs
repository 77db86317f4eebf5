//! A process that dies in the middle of a promotion: afterwards alias, audit and replicas agree.

use lineal_proto::lineal::registry::v1::{
    ListPromotionsRequest, Promotion, PromotionState, promotion_service_client::PromotionServiceClient,
};
use lineal_rpc::Peer;

use crate::{
    process::{Process, eventually},
    scenario,
};

async fn promotions(peer: &Peer) -> Vec<Promotion> {
    let request = ListPromotionsRequest { page_size: 500, ..ListPromotionsRequest::default() };
    PromotionServiceClient::new(peer.clone()).list_promotions(request).await.unwrap().into_inner().promotions
}

/// What must hold whatever happened: returns the champion.
async fn consistent(peer: &Peer) -> u64 {
    let alias = scenario::alias(peer).await.unwrap();
    let moves: Vec<_> = scenario::audit(peer).await.into_iter().filter(|entry| entry.generation > 0).collect();
    assert_eq!(moves[0].number, alias.number, "the alias is what the last line of the audit says");
    assert_eq!(moves[0].generation, alias.generation);
    let generations: Vec<_> = moves.iter().rev().map(|entry| entry.generation).collect();
    assert_eq!(generations, (1..=alias.generation).collect::<Vec<_>>(), "generations have no gap");
    let open = promotions(peer).await.into_iter().filter(|found| found.state() == PromotionState::Preparing).count();
    assert_eq!(open, 0, "no promotion is half done");
    let serving = eventually("the replica serves the alias", async || {
        let serving = scenario::serving(peer).await;
        (serving.generation == alias.generation).then_some(serving)
    })
    .await;
    assert_eq!(serving.served[0].version, alias.number);
    assert_eq!(scenario::predict(peer).await.unwrap().pedigree.unwrap().version, alias.number);
    alias.number
}

/// Dies at `point` while promoting a second version over a first; returns whether the second one is champion afterwards.
async fn dies_at(point: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let peer = lineal.peer();
    let first = scenario::champion(&peer, "logistic_regression").await;
    let second = scenario::version(&peer, "gradient_boosting").await;
    assert!(scenario::validate(&peer, second, true).await.unwrap().passed);
    lineal.kill();

    let lineal = Process::dev(folder.path(), &[("FAILPOINTS", &format!("{point}=return"))]).await;
    let answer = scenario::promote(&lineal.peer(), second).await;
    assert!(answer.is_err(), "the process died before it answered: {answer:?}");
    assert!(!lineal.died().await.success());

    let lineal = Process::dev(folder.path(), &[]).await;
    let champion = consistent(&lineal.peer()).await;
    assert!(champion == first || champion == second);
    // Whatever was left behind, the next promotion works.
    let next = if champion == first { second } else { first };
    assert!(scenario::validate(&lineal.peer(), next, false).await.unwrap().passed);
    scenario::promote(&lineal.peer(), next).await.unwrap();
    assert_eq!(consistent(&lineal.peer()).await, next);
    champion == second
}

/// F6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_that_dies_before_the_commit_never_happened() {
    assert!(!dies_at("registry::promote::intended").await);
    assert!(!dies_at("registry::promote::prepared").await);
}

/// F6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_that_dies_inside_the_commit_never_happened() {
    assert!(!dies_at("registry::promote::alias_moved").await);
}

/// F6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_that_dies_after_the_commit_is_finished_by_the_restart() {
    assert!(dies_at("registry::promote::committed").await);
    assert!(dies_at("registry::promote::recorded").await);
}
