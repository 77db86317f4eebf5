//! A steady stream of predictions, asked for at a fixed rate whatever the answers take, and counted.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lineal_proto::lineal::inference::v1::{
    PredictRequest, PredictResponse, prediction_service_client::PredictionServiceClient,
};
use lineal_rpc::Peer;
use tokio::{sync::watch, task::JoinHandle, time::MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::cli::error::CliError;

/// How long the story waits for an answer of the version it expects.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an answer says, and of whom it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Answer {
    /// The generation of the serving table.
    pub(super) generation: u64,
    /// The model that was asked.
    pub(super) model: String,
    /// Its version.
    pub(super) version: u64,
    /// The bits of its scores.
    pub(super) scores: Vec<u64>,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub(super) struct Count {
    /// How often each answer came.
    pub(super) answers: BTreeMap<Answer, u64>,
    /// Predictions without an answer.
    pub(super) failed: u64,
    /// Answers of an older generation than one that was asked for earlier and answered before it was sent.
    went_back: u64,
    /// The longest wait for an answer.
    pub(super) slowest: Duration,
    newest: u64,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut by_version: BTreeMap<u64, u64> = BTreeMap::new();
        for (answer, times) in &self.answers {
            *by_version.entry(answer.version).or_default() += times;
        }
        let by_version = by_version.iter().map(|(version, answers)| format!("{answers} by version {version}"));
        let by_version = by_version.collect::<Vec<_>>().join(", ");
        let slowest = self.slowest.as_secs_f64() * 1e3;
        write!(f, "{} predictions answered ({by_version}), {} failed predictions, ", self.answered(), self.failed)?;
        write!(f, "{} older than an answer before; the slowest took {slowest:.1} ms", self.went_back)
    }
}

/// The stream while it flows.
pub(super) struct Stream {
    stop: CancellationToken,
    count: Arc<Mutex<Count>>,
    latest: watch::Receiver<Option<PredictResponse>>,
    pump: JoinHandle<()>,
}

impl Stream {
    /// Starts asking `rate` times a second, the requests in turn.
    pub(super) fn start(address: &str, rate: u32, requests: Vec<PredictRequest>) -> Result<Self, CliError> {
        let peer = lineal_rpc::connect(address, "demo-stream")?;
        let stop = CancellationToken::new();
        let count = Arc::default();
        let (report, latest) = watch::channel(None);
        let pump = tokio::spawn(pump(peer, rate, requests, stop.clone(), Arc::clone(&count), report));
        Ok(Self { stop, count, latest, pump })
    }

    /// Waits until this version has answered `answers` times more; returns the latest answer.
    pub(super) async fn until(&self, version: u64, answers: u64) -> Result<PredictResponse, CliError> {
        let mut latest = self.latest.clone();
        let wanted = lock(&self.count).of(version) + answers;
        let enough = |answer: &Option<PredictResponse>| {
            answer.as_ref().is_some_and(|answer| version_of(answer) == version)
                && lock(&self.count).of(version) >= wanted
        };
        let waited = tokio::time::timeout(PATIENCE, latest.wait_for(enough)).await;
        let found = waited.ok().and_then(Result::ok).and_then(|answer| answer.clone());
        found.ok_or_else(|| CliError::Server(anyhow::anyhow!("version {version} did not answer within {PATIENCE:?}")))
    }

    /// What came back so far.
    pub(super) fn count(&self) -> Count {
        lock(&self.count).clone()
    }

    /// Stops asking, waits for what is in flight and counts.
    pub(super) async fn stop(self) -> Count {
        self.stop.cancel();
        let _ = self.pump.await;
        lock(&self.count).clone()
    }
}

async fn pump(
    peer: Peer,
    rate: u32,
    requests: Vec<PredictRequest>,
    stop: CancellationToken,
    count: Arc<Mutex<Count>>,
    report: watch::Sender<Option<PredictResponse>>,
) {
    let report = Arc::new(report);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let asked = TaskTracker::new();
    for request in requests.into_iter().cycle() {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let (mut client, count, report) =
            (PredictionServiceClient::new(peer.clone()), Arc::clone(&count), Arc::clone(&report));
        asked.spawn(async move {
            let newest = lock(&count).newest;
            let begun = Instant::now();
            let answer = client.predict(request).await.map(tonic::Response::into_inner);
            lock(&count).add(answer.as_ref().ok(), newest, begun.elapsed());
            if let Ok(answer) = answer {
                report.send_replace(Some(answer));
            }
        });
    }
    asked.close();
    asked.wait().await;
}

fn lock(count: &Mutex<Count>) -> std::sync::MutexGuard<'_, Count> {
    count.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The version that answered.
fn version_of(answer: &PredictResponse) -> u64 {
    answer.pedigree.as_ref().map_or(0, |pedigree| pedigree.version)
}

impl Count {
    /// How many predictions were answered.
    pub(super) fn answered(&self) -> u64 {
        self.answers.values().sum()
    }

    /// An error if a prediction failed, or an answer was older than one before.
    pub(super) fn undisturbed(&self) -> Result<(), CliError> {
        if self.failed == 0 && self.went_back == 0 {
            return Ok(());
        }
        Err(CliError::Server(anyhow::anyhow!("the stream of predictions was disturbed")))
    }

    fn of(&self, version: u64) -> u64 {
        self.answers.iter().filter(|(answer, _)| answer.version == version).map(|(_, times)| times).sum()
    }

    /// `newest` is the newest generation that had been answered when this prediction was sent.
    fn add(&mut self, answer: Option<&PredictResponse>, newest: u64, took: Duration) {
        let known = answer.and_then(|answer| Some((answer, answer.pedigree.as_ref()?)));
        let Some((answer, pedigree)) = known else {
            self.failed += 1;
            return;
        };
        let answer = Answer {
            generation: pedigree.generation,
            model: pedigree.model.clone(),
            version: pedigree.version,
            scores: answer.scores.iter().map(|score| score.to_bits()).collect(),
        };
        *self.answers.entry(answer).or_default() += 1;
        self.went_back += u64::from(pedigree.generation < newest);
        self.newest = self.newest.max(pedigree.generation);
        self.slowest = self.slowest.max(took);
    }
}
