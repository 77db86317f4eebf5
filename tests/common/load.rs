//! A steady load of which every answer is looked at.

#![allow(dead_code, reason = "each test program uses a part")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lineal_proto::lineal::inference::v1::PredictResponse;
use lineal_rpc::Peer;
use tokio::task::{JoinHandle, JoinSet};
use tonic::Status;

use super::scenario;

/// Rows of every request: an answer that is mixed of two versions has another set of scores than theirs.
const ROWS: usize = 3;

/// What connections saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) errors: Vec<String>,
    /// All scores of one answer, by version; a version has one set of them for the same rows.
    pub(crate) outputs: BTreeMap<u64, BTreeSet<Vec<u64>>>,
    /// Answers of an older generation than one that had arrived before their question was sent on the same connection.
    pub(crate) went_back: u64,
    pub(crate) answers: u64,
    newest: u64,
}

impl Seen {
    fn add(&mut self, answer: Result<PredictResponse, Status>, newest: u64) {
        match answer {
            Ok(answer) => {
                let pedigree = answer.pedigree.unwrap();
                self.answers += 1;
                self.went_back += u64::from(pedigree.generation < newest);
                self.newest = self.newest.max(pedigree.generation);
                let scores = answer.scores.into_iter().map(f64::to_bits).collect();
                self.outputs.entry(pedigree.version).or_default().insert(scores);
            }
            Err(status) => self.errors.push(format!("{status:?}")),
        }
    }

    fn join(&mut self, other: Self) {
        self.errors.extend(other.errors);
        self.went_back += other.went_back;
        self.answers += other.answers;
        for (version, outputs) in other.outputs {
            self.outputs.entry(version).or_default().extend(outputs);
        }
    }

    /// That nothing failed, no connection went back, and exactly these versions answered, each always with the same output.
    pub(crate) fn only(&self, versions: &[u64]) {
        assert_eq!(self.errors, Vec::<String>::new(), "no request failed");
        assert_eq!(self.went_back, 0, "no connection saw an older generation");
        assert_eq!(self.outputs.keys().copied().collect::<Vec<_>>(), versions, "these versions answered");
        assert!(self.outputs.values().all(|outputs| outputs.len() == 1), "a version has one output for the same rows");
        let distinct: BTreeSet<_> = self.outputs.values().collect();
        assert_eq!(distinct.len(), versions.len(), "and no two have the same");
    }
}

/// A load on some processes, over one connection to each.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    seen: Vec<Arc<Mutex<Seen>>>,
    running: Vec<JoinHandle<()>>,
}

impl Load {
    /// `rate` predictions a second on each of `peers`.
    pub(crate) fn start(peers: impl IntoIterator<Item = Peer>, rate: u32) -> Self {
        let mut load = Self { stop: Arc::default(), seen: Vec::new(), running: Vec::new() };
        for peer in peers {
            let seen = Arc::default();
            load.running.push(tokio::spawn(ask(peer, rate, Arc::clone(&seen), Arc::clone(&load.stop))));
            load.seen.push(seen);
        }
        load
    }

    /// Answers so far.
    pub(crate) fn answers(&self) -> u64 {
        self.seen.iter().map(|seen| seen.lock().unwrap().answers).sum()
    }

    /// Stops asking, waits for every answer and returns what was seen.
    pub(crate) async fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        for running in self.running {
            running.await.unwrap();
        }
        let mut all = Seen::default();
        for seen in self.seen {
            all.join(Arc::into_inner(seen).unwrap().into_inner().unwrap());
        }
        all
    }
}

async fn ask(peer: Peer, rate: u32, seen: Arc<Mutex<Seen>>, stop: Arc<AtomicBool>) {
    let mut asked = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let (peer, seen) = (peer.clone(), Arc::clone(&seen));
        asked.spawn(async move {
            let newest = seen.lock().unwrap().newest;
            let answer = scenario::predict_rows(&peer, ROWS).await;
            seen.lock().unwrap().add(answer, newest);
        });
        while asked.try_join_next().is_some() {}
    }
    asked.join_all().await;
}
