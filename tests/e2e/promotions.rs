//! Promotions under load: no request fails, every answer comes from one version, no connection sees time run backwards.

use crate::{
    load::Load,
    process::{Process, eventually},
    scenario,
};

const RATE: u32 = 500;
const PROMOTIONS: u32 = 20;
/// Answers between one promotion and the next.
const STRETCH: u64 = 50;

/// F126, F125, F5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_promotions_under_load_lose_and_mix_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let peer = lineal.peer();
    let first = scenario::champion(&peer, "logistic_regression").await;
    let second = scenario::version(&peer, "gradient_boosting").await;

    let load = Load::start([lineal.peer()], RATE);
    for turn in 0..PROMOTIONS {
        let number = if turn % 2 == 0 { second } else { first };
        assert!(scenario::validate(&peer, number, false).await.unwrap().passed);
        let promotion = scenario::promote(&peer, number).await.unwrap();
        assert_eq!(promotion.generation, u64::from(turn) + 2, "generations have no gap");
        assert!(promotion.replicas.iter().all(|replica| replica.prepared && replica.reloaded));
        let answer = scenario::predict(&peer).await.unwrap();
        assert_eq!(answer.pedigree.unwrap().version, number, "an answer after the promotion is the new champion's");
        let enough = u64::from(turn + 1) * STRETCH;
        eventually("the load goes on", async || (load.answers() >= enough).then_some(())).await;
    }
    let seen = load.stop().await;
    seen.only(&[first, second]);
    println!("{} answers at {RATE}/s during {PROMOTIONS} promotions, 0 errors", seen.answers);
}
