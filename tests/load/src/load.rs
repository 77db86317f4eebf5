//! A closed loop: a fixed number of requests in flight, each followed by the next once it is answered.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use crate::server::Server;

/// Comes before every measurement and does not count.
const WARM_UP: Duration = Duration::from_millis(300);
/// How long requests in flight may take to be answered after the measurement.
const GRACE: Duration = Duration::from_mins(1);
/// Longest latency that is told apart, in nanoseconds.
const LONGEST: u64 = 20_000_000_000;

/// What one measurement found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// Answers a second.
    pub(crate) rate: f64,
    /// Median latency in milliseconds.
    pub(crate) p50: f64,
    /// Latency that one of a hundred answers exceeds, in milliseconds.
    pub(crate) p99: f64,
    /// Processor time of the server per answer, in microseconds; 0 without a server of ours.
    pub(crate) cpu: f64,
}

/// The median over turns, of which there is an odd number.
pub(crate) fn middle(turns: &[Measured], of: fn(&Measured) -> f64) -> f64 {
    let mut values: Vec<_> = turns.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Whoever has one request in flight.
pub(crate) trait Asks: Send + 'static {
    /// Asks once and waits for the answer.
    fn ask(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Keeps one request of each of the `clients` in flight for `time`, after a warm-up. Requests that are asked in that time count, so
/// slow ones too, and at least one of each client. One failed request fails the measurement.
pub(crate) async fn measure(
    server: Option<&Server>,
    clients: Vec<impl Asks>,
    time: Duration,
) -> anyhow::Result<Measured> {
    let cpu = || server.map_or(Ok(Duration::ZERO), Server::cpu);
    let begin = Instant::now() + WARM_UP;
    let window = Window { begin, end: begin + time };
    let latencies = Arc::new(Mutex::new(Histogram::new_with_bounds(1, LONGEST, 3)?));
    let mut lanes = JoinSet::new();
    for client in clients {
        lanes.spawn(lane(client, window, Arc::clone(&latencies)));
    }
    sleep_until(window.begin).await;
    let before = cpu()?;
    let ends = timeout_at(window.end + GRACE, lanes.join_all()).await;
    let ends = ends.with_context(|| format!("requests were unanswered {GRACE:?} after the measurement"))?;
    let (time, cpu) = (window.begin.elapsed(), cpu()?.saturating_sub(before));
    let failures: Vec<_> = ends.into_iter().filter_map(Result::err).collect();
    if let Some(first) = failures.first() {
        anyhow::bail!("{} requests failed, the first one with: {first:#}", failures.len());
    }
    let latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
    summary(&latencies, time, cpu)
}

#[derive(Debug, Clone, Copy)]
struct Window {
    begin: Instant,
    end: Instant,
}

/// One request after the other until the window closes, at least one of them in it, or until one fails.
async fn lane(mut client: impl Asks, window: Window, latencies: Arc<Mutex<Histogram<u64>>>) -> anyhow::Result<()> {
    let mut counted = false;
    loop {
        let asked = Instant::now();
        if counted && asked >= window.end {
            return Ok(());
        }
        client.ask().await?;
        let latency = asked.elapsed();
        if asked >= window.begin {
            counted = true;
            let mut latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
            latencies.saturating_record(latency.as_nanos() as u64);
        }
    }
}

fn summary(latencies: &Histogram<u64>, time: Duration, cpu: Duration) -> anyhow::Result<Measured> {
    ensure!(!latencies.is_empty(), "no request was answered within {time:?}");
    let answers = latencies.len() as f64;
    let milliseconds = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e6;
    Ok(Measured {
        rate: answers / time.as_secs_f64(),
        p50: milliseconds(0.50),
        p99: milliseconds(0.99),
        cpu: cpu.as_secs_f64() * 1e6 / answers,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_per_second_and_per_answer() {
        let mut latencies = Histogram::new_with_bounds(1, LONGEST, 3).unwrap();
        latencies.record_n(2_000_000, 98).unwrap();
        latencies.record_n(30_000_000, 2).unwrap();
        let found = summary(&latencies, Duration::from_secs(2), Duration::from_millis(500)).unwrap();
        let close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 1e-3;
        assert!(close(found.rate, 50.0) && close(found.cpu, 5000.0), "{found:?}");
        assert!(close(found.p50, 2.0) && close(found.p99, 30.0), "{found:?}");
    }

    #[test]
    fn nothing_answered_is_an_error() {
        let latencies = Histogram::new_with_bounds(1, LONGEST, 3).unwrap();
        assert!(summary(&latencies, Duration::from_secs(1), Duration::ZERO).is_err());
    }
}
