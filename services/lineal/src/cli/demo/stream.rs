//! A steady stream of predictions, asked for at a fixed rate whatever the answers take, and counted.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lineal_proto::lineal::inference::v1::{
    Column, NumberColumn, PredictRequest, PredictResponse, TextColumn, column::Values,
    prediction_service_client::PredictionServiceClient,
};
use lineal_rpc::Peer;
use tokio::{sync::watch, task::JoinHandle, time::MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::super::error::CliError;

/// A customer of the churn table.
const NUMBERS: [(&str, f64); 15] = [
    ("account_length", 128.0),
    ("number_vmail_messages", 25.0),
    ("total_day_minutes", 265.1),
    ("total_day_calls", 110.0),
    ("total_day_charge", 45.07),
    ("total_eve_minutes", 197.4),
    ("total_eve_calls", 99.0),
    ("total_eve_charge", 16.78),
    ("total_night_minutes", 244.7),
    ("total_night_calls", 91.0),
    ("total_night_charge", 11.01),
    ("total_intl_minutes", 10.0),
    ("total_intl_calls", 3.0),
    ("total_intl_charge", 2.7),
    ("number_customer_service_calls", 1.0),
];
const TEXTS: [(&str, &str); 4] =
    [("state", "KS"), ("area_code", "area_code_415"), ("international_plan", "no"), ("voice_mail_plan", "yes")];
/// How long the story waits for an answer of the version it expects.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug, Clone, Default)]
pub(super) struct Count {
    answered: BTreeMap<u64, u64>,
    /// Predictions without an answer.
    pub(super) failed: u64,
    /// Answers of an older generation than one that was asked for earlier and answered before it was sent.
    pub(super) went_back: u64,
    slowest: Duration,
    newest: u64,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: u64 = self.answered.values().sum();
        let by_version = self.answered.iter().map(|(version, answers)| format!("{answers} by version {version}"));
        let by_version = by_version.collect::<Vec<_>>().join(", ");
        let slowest = self.slowest.as_secs_f64() * 1e3;
        write!(f, "{total} predictions answered ({by_version}), {} failed predictions, ", self.failed)?;
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
    /// Starts asking `rate` times a second.
    pub(super) fn start(address: &str, rate: u32) -> Result<Self, CliError> {
        let peer = lineal_rpc::connect(address, "demo-stream")?;
        let stop = CancellationToken::new();
        let count = Arc::default();
        let (report, latest) = watch::channel(None);
        let pump = tokio::spawn(pump(peer, rate, stop.clone(), Arc::clone(&count), report));
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
    stop: CancellationToken,
    count: Arc<Mutex<Count>>,
    report: watch::Sender<Option<PredictResponse>>,
) {
    let report = Arc::new(report);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let asked = TaskTracker::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let (mut client, count, report) =
            (PredictionServiceClient::new(peer.clone()), Arc::clone(&count), Arc::clone(&report));
        asked.spawn(async move {
            let newest = lock(&count).newest;
            let begun = Instant::now();
            let answer = client.predict(customer()).await.map(tonic::Response::into_inner);
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
    fn of(&self, version: u64) -> u64 {
        self.answered.get(&version).copied().unwrap_or(0)
    }

    /// `newest` is the newest generation that had been answered when this prediction was sent.
    fn add(&mut self, answer: Option<&PredictResponse>, newest: u64, took: Duration) {
        let Some(pedigree) = answer.and_then(|answer| answer.pedigree.as_ref()) else {
            self.failed += 1;
            return;
        };
        *self.answered.entry(pedigree.version).or_default() += 1;
        self.went_back += u64::from(pedigree.generation < newest);
        self.newest = self.newest.max(pedigree.generation);
        self.slowest = self.slowest.max(took);
    }
}

fn customer() -> PredictRequest {
    let numbers = NUMBERS.map(|(name, value)| Column {
        name: name.to_owned(),
        values: Some(Values::Numbers(NumberColumn { values: vec![value] })),
    });
    let texts = TEXTS.map(|(name, value)| Column {
        name: name.to_owned(),
        values: Some(Values::Texts(TextColumn { values: vec![value.to_owned()] })),
    });
    let columns = numbers.into_iter().chain(texts).collect();
    PredictRequest { model: "churn".to_owned(), columns, ..PredictRequest::default() }
}
