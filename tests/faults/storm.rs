//! Many clients compete for one alias.

use lineal_rpc::{Peer, reason_of};
use tonic::Code;

use crate::{
    databases::Database,
    fleet::{Fleet, RegistryAt},
    scenario,
};

const CLIENTS: u64 = 16;
const ATTEMPTS: u64 = 1000;

/// One client's attempts: how many won, and the generations they made.
async fn compete(peer: Peer, attempts: u64, versions: [u64; 2]) -> Vec<u64> {
    let mut won = Vec::new();
    for _ in 0..attempts {
        let alias = scenario::alias(&peer).await.unwrap();
        let number = if alias.number == versions[0] { versions[1] } else { versions[0] };
        match scenario::rollback(&peer, number, alias.number).await {
            Ok(promotion) => won.push(promotion.generation),
            Err(status) => {
                assert_eq!(status.code(), Code::Aborted, "{status:?}");
                assert_eq!(reason_of(&status).as_deref(), Some("CHAMPION_MOVED"));
            }
        }
    }
    won
}

async fn storm(database: Database) {
    let folder = tempfile::tempdir().unwrap();
    let registry = RegistryAt::new(folder.path(), database).start("127.0.0.1:0", None).await;
    let fleet = Fleet::start(folder.path(), &registry.address).await;
    let (peer, trainer) = (registry.peer(), fleet.trainer.peer());
    let mut versions = [0; 2];
    for (version, family) in versions.iter_mut().zip(["logistic_regression", "gradient_boosting"]) {
        *version = scenario::version_by(&peer, &trainer, family).await;
        scenario::validate(&fleet.validator.peer(), *version, false).await.unwrap();
        scenario::promote(&peer, *version).await.unwrap();
    }
    // The storm is about the alias; replicas are not asked a thousand times.
    for replica in fleet.replicas {
        assert!(replica.stop().await.success());
    }

    let clients = (0..CLIENTS).map(|client| {
        let attempts = ATTEMPTS / CLIENTS + u64::from(client < ATTEMPTS % CLIENTS);
        tokio::spawn(compete(lineal_rpc::connect(&registry.address, "client").unwrap(), attempts, versions))
    });
    let mut won = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        won.extend(client.await.unwrap());
    }
    won.sort_unstable();
    let last = scenario::alias(&peer).await.unwrap().generation;
    assert_eq!(won, (3..=last).collect::<Vec<_>>(), "{database:?}: one winner for each generation");
    assert!(!won.is_empty() && (won.len() as u64) < ATTEMPTS, "{database:?}: {} of {ATTEMPTS} won", won.len());
    println!("{database:?}: {ATTEMPTS} attempts by {CLIENTS} clients, {} won", won.len());
}

/// F5, F10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_on_sqlite_has_one_winner_for_each_generation() {
    storm(Database::Sqlite).await;
}

/// F5, F10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_on_postgres_has_one_winner_for_each_generation() {
    storm(Database::Postgres).await;
}
