//! An open loop: requests at a steady rate, whether or not those before are answered.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use hdrhistogram::Histogram;
use lineal_proto::inference::ModelInferResponse;
use prost::Message as _;
use tokio::{
    pin,
    task::JoinSet,
    time::{Instant, interval, timeout},
};

use crate::{client::Client, inference::MODEL_INFER};

/// Requests a second.
pub(super) const RATE: u32 = 800;
/// How long the last requests may take to be answered.
const GRACE: Duration = Duration::from_secs(30);
/// Longest latency that is told apart, in nanoseconds.
const LONGEST: u64 = 30_000_000_000;

/// What callers saw in a stretch of time.
#[derive(Debug)]
pub(super) struct Seen {
    latencies: Histogram<u64>,
    /// What failed.
    pub(super) errors: u64,
    /// Version and scores of the answers to the one request, each once.
    pub(super) outputs: BTreeSet<(String, Vec<Bytes>)>,
}

impl Seen {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { latencies: Histogram::new_with_bounds(1, LONGEST, 3)?, errors: 0, outputs: BTreeSet::new() })
    }

    /// How many answers there were.
    pub(super) fn answers(&self) -> u64 {
        self.latencies.len()
    }

    /// The latency that this part of the answers does not exceed, in milliseconds.
    pub(super) fn quantile(&self, part: f64) -> f64 {
        self.latencies.value_at_quantile(part) as f64 / 1e6
    }

    /// The longest latency, in milliseconds.
    pub(super) fn max(&self) -> f64 {
        self.latencies.max() as f64 / 1e6
    }

    /// Adds what was seen in another stretch.
    pub(super) fn join(&mut self, other: Self) -> anyhow::Result<()> {
        self.latencies.add(other.latencies)?;
        self.errors += other.errors;
        self.outputs.extend(other.outputs);
        Ok(())
    }

    fn add(&mut self, asked: Instant, answer: Result<ModelInferResponse, tonic::Status>) {
        match answer {
            Ok(answer) => {
                self.latencies.saturating_record(asked.elapsed().as_nanos() as u64);
                self.outputs.insert((answer.model_version, answer.raw_output_contents));
            }
            Err(status) => {
                if self.errors == 0 {
                    eprintln!("the first request that failed: {status}");
                }
                self.errors += 1;
            }
        }
    }
}

/// Sends `request` at [`RATE`] over the connections of `clients` in turn for as long as `work` takes; what came of the work, and what
/// callers saw.
pub(super) async fn during<T>(
    clients: &[Client],
    request: &Bytes,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(T, Seen)> {
    let seen = Arc::new(Mutex::new(Seen::new()?));
    let mut asked = JoinSet::new();
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    let mut turns = clients.iter().cycle();
    pin!(work);
    let done = loop {
        tokio::select! {
            biased;
            _ = ticks.tick() => {}
            done = &mut work => break done?,
        }
        let client = turns.next().context("there is no connection")?;
        asked.spawn(ask(client.clone(), request.clone(), Arc::clone(&seen)));
        while asked.try_join_next().is_some() {}
    };
    timeout(GRACE, asked.join_all()).await.with_context(|| format!("requests were unanswered after {GRACE:?}"))?;
    let seen = Arc::into_inner(seen).context("a request is still held")?;
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    ensure!(seen.answers() + seen.errors > 0, "nothing was asked");
    Ok((done, seen))
}

async fn ask(mut client: Client, request: Bytes, seen: Arc<Mutex<Seen>>) {
    let asked = Instant::now();
    let answer = client.call(MODEL_INFER, request).await;
    let answer = answer.and_then(|answer| {
        ModelInferResponse::decode(answer).map_err(|error| tonic::Status::internal(error.to_string()))
    });
    seen.lock().unwrap_or_else(PoisonError::into_inner).add(asked, answer);
}
