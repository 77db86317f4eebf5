//! Promotions under load: no request fails, every answer comes from one version, no connection sees time run backwards.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lineal_proto::lineal::inference::v1::PredictResponse;
use lineal_rpc::Peer;
use tokio::task::JoinSet;

use crate::{
    process::{Process, eventually},
    scenario,
};

const RATE: u32 = 500;
const PROMOTIONS: u32 = 20;
/// Answers between one promotion and the next.
const STRETCH: u64 = 50;

/// What one connection saw.
#[derive(Default)]
struct Seen {
    errors: Vec<String>,
    /// Score of the one customer, by version.
    scores: BTreeMap<u64, Vec<u64>>,
    newest: u64,
    went_back: u64,
    answers: u64,
}

/// Asks `RATE` times a second on one connection until told to stop; an answer may not be older than one that had arrived
/// before its question was sent.
async fn stream(peer: Peer, seen: Arc<Mutex<Seen>>, stop: Arc<AtomicBool>) {
    let mut asked = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let (peer, seen) = (peer.clone(), Arc::clone(&seen));
        asked.spawn(async move {
            let newest = seen.lock().unwrap().newest;
            let answer = scenario::predict(&peer).await;
            seen.lock().unwrap().add(answer, newest);
        });
    }
    asked.join_all().await;
}

impl Seen {
    fn add(&mut self, answer: Result<PredictResponse, tonic::Status>, newest: u64) {
        match answer {
            Ok(answer) => {
                let pedigree = answer.pedigree.unwrap();
                self.answers += 1;
                self.went_back += u64::from(pedigree.generation < newest);
                self.newest = self.newest.max(pedigree.generation);
                let scores = self.scores.entry(pedigree.version).or_default();
                if !scores.contains(&answer.scores[0].to_bits()) {
                    scores.push(answer.scores[0].to_bits());
                }
            }
            Err(status) => self.errors.push(format!("{status:?}")),
        }
    }
}

/// F126, F125, F5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_promotions_under_load_lose_and_mix_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lineal = Process::dev(folder.path(), &[]).await;
    let peer = lineal.peer();
    let first = scenario::champion(&peer, "logistic_regression").await;
    let second = scenario::version(&peer, "gradient_boosting").await;

    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let load = tokio::spawn(stream(lineal.peer(), Arc::clone(&seen), Arc::clone(&stop)));
    for turn in 0..PROMOTIONS {
        let number = if turn % 2 == 0 { second } else { first };
        assert!(scenario::validate(&peer, number, false).await.unwrap().passed);
        let promotion = scenario::promote(&peer, number).await.unwrap();
        assert_eq!(promotion.generation, u64::from(turn) + 2, "generations have no gap");
        assert!(promotion.replicas.iter().all(|replica| replica.prepared && replica.reloaded));
        let answer = scenario::predict(&peer).await.unwrap();
        assert_eq!(answer.pedigree.unwrap().version, number, "an answer after the promotion is the new champion's");
        let enough = u64::from(turn + 1) * STRETCH;
        eventually("the load goes on", async || (seen.lock().unwrap().answers >= enough).then_some(())).await;
    }
    stop.store(true, Ordering::Relaxed);
    load.await.unwrap();
    let seen = Arc::into_inner(seen).unwrap().into_inner().unwrap();

    assert_eq!(seen.errors, Vec::<String>::new(), "no request failed");
    assert_eq!(seen.went_back, 0, "no connection saw an older generation");
    assert_eq!(seen.scores.keys().copied().collect::<Vec<_>>(), [first, second], "both versions answered");
    assert!(seen.scores.values().all(|scores| scores.len() == 1), "a version has one score for one customer");
    println!("{} answers at {RATE}/s during {PROMOTIONS} promotions, 0 errors", seen.answers);
}
