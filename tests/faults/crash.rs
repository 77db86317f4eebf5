//! A registry that dies at any point of a promotion: afterwards alias, audit and replicas agree, and no prediction has failed.

use std::time::{Duration, Instant};

use lineal_proto::lineal::registry::v1::{
    ListPromotionsRequest, Promotion, PromotionState, promotion_service_client::PromotionServiceClient,
};
use lineal_registry::failpoints::PROMOTION;
use lineal_rpc::Peer;

use crate::{
    databases::Database,
    fleet::{Fleet, RegistryAt},
    load::Load,
    process::eventually,
    scenario,
};

/// Replicas are back at the alias this soon after the restart.
const CONVERGED: Duration = Duration::from_secs(5);
/// The commit lies between these two points.
const LAST_BEFORE_COMMIT: &str = "audited";

async fn promotions(peer: &Peer) -> Vec<Promotion> {
    let request = ListPromotionsRequest { page_size: 500, ..ListPromotionsRequest::default() };
    PromotionServiceClient::new(peer.clone()).list_promotions(request).await.unwrap().into_inner().promotions
}

/// What must hold whatever happened; returns the champion.
async fn consistent(registry: &Peer, fleet: &Fleet, since: Instant) -> u64 {
    let alias = scenario::alias(registry).await.unwrap();
    let mut moves = scenario::audit(registry).await;
    moves.retain(|entry| entry.generation > 0 && entry.action != "archive");
    assert_eq!(moves[0].number, alias.number, "the alias is what the last line of the audit says");
    let generations: Vec<_> = moves.iter().rev().map(|entry| entry.generation).collect();
    assert_eq!(generations, (1..=alias.generation).collect::<Vec<_>>(), "generations have no gap");
    eventually("no promotion is half done", async || {
        let open = promotions(registry).await.into_iter().any(|found| found.state() == PromotionState::Preparing);
        (!open).then_some(())
    })
    .await;
    for replica in &fleet.replicas {
        let peer = replica.peer();
        let served = eventually("the replica serves the alias", async || {
            let serving = scenario::serving(&peer).await;
            (serving.generation == alias.generation).then_some(serving.served[0].version)
        })
        .await;
        assert_eq!(served, alias.number);
    }
    assert!(since.elapsed() < CONVERGED, "converged after {:?}", since.elapsed());
    alias.number
}

/// Dies at every point in turn, with two replicas under 100 predictions a second each.
async fn dies_everywhere(database: Database) {
    let folder = tempfile::tempdir().unwrap();
    let at = RegistryAt::new(folder.path(), database);
    let registry = at.start("127.0.0.1:0", None).await;
    let listen = registry.listen().to_owned();
    let fleet = Fleet::start(folder.path(), &registry.address).await;
    let (peer, trainer, validator) = (registry.peer(), fleet.trainer.peer(), fleet.validator.peer());
    let first = scenario::version_by(&peer, &trainer, "logistic_regression").await;
    let second = scenario::version_by(&peer, &trainer, "gradient_boosting").await;
    scenario::validate(&validator, first, false).await.unwrap();
    scenario::promote(&peer, first).await.unwrap();
    let load = Load::start(fleet.replicas.iter().map(crate::process::Process::peer), 100);
    registry.kill();

    let mut champion = first;
    for point in PROMOTION {
        let candidate = if champion == first { second } else { first };
        let registry = at.start(&listen, Some(point)).await;
        // A promotion that no replica takes part in would not come to all points.
        eventually("both replicas hold leases", async || (scenario::live(&peer).await == 2).then_some(())).await;
        scenario::validate(&validator, candidate, false).await.unwrap();
        let answer = scenario::promote(&peer, candidate).await;
        assert!(answer.is_err(), "{point}: the process died before it answered: {answer:?}");
        assert!(!registry.died().await.success(), "{point}");

        let registry = at.start(&listen, None).await;
        let found = consistent(&peer, &fleet, Instant::now()).await;
        let committed =
            PROMOTION.iter().position(|p| *p == point) > PROMOTION.iter().position(|p| *p == LAST_BEFORE_COMMIT);
        assert_eq!(found, if committed { candidate } else { champion }, "{database:?}, {point}");
        champion = found;
        registry.kill();
    }
    let seen = load.stop().await;
    seen.only(&[first, second]);
    assert!(seen.answers > 500, "only {} answers: there was no load", seen.answers);
    println!("{database:?}: {} points, {} predictions, 0 failed", PROMOTION.len(), seen.answers);
}

/// F6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_on_sqlite_may_die_at_any_point() {
    dies_everywhere(Database::Sqlite).await;
}

/// F6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_on_postgres_may_die_at_any_point() {
    dies_everywhere(Database::Postgres).await;
}
