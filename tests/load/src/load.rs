//! A closed loop: a fixed number of requests in flight over one connection, each followed by the next once it is answered.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use hdrhistogram::Histogram;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};
use tonic::Status;

use crate::{client::Client, server::Server};

/// Comes before every measurement and does not count.
const WARM_UP: Duration = Duration::from_millis(300);
/// How long requests in flight may take to be answered after the measurement.
const GRACE: Duration = Duration::from_secs(10);
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
    /// Processor time of the server per answer, in microseconds.
    pub(crate) cpu: f64,
}

/// Keeps `in_flight` of the `requests` in flight for `time`, after a warm-up. One failed request fails the measurement.
pub(crate) async fn measure(
    server: &Server,
    requests: &Arc<[Bytes]>,
    in_flight: usize,
    time: Duration,
) -> anyhow::Result<Measured> {
    let client = Client::new(server.address())?;
    let begin = Instant::now() + WARM_UP;
    let window = Window { begin, end: begin + time };
    let latencies = Arc::new(Mutex::new(Histogram::new_with_bounds(1, LONGEST, 3)?));
    let mut lanes = JoinSet::new();
    for first in 0..in_flight {
        lanes.spawn(lane(client.clone(), Arc::clone(requests), first, window, Arc::clone(&latencies)));
    }
    sleep_until(window.begin).await;
    let before = server.cpu()?;
    sleep_until(window.end).await;
    let cpu = server.cpu()?.saturating_sub(before);
    let ends = timeout_at(window.end + GRACE, lanes.join_all()).await;
    let ends = ends.with_context(|| format!("requests were unanswered {GRACE:?} after the measurement"))?;
    let failures: Vec<_> = ends.into_iter().filter_map(Result::err).collect();
    if let Some(first) = failures.first() {
        anyhow::bail!("{} requests failed, the first one with: {first}", failures.len());
    }
    let latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
    summary(&latencies, time, cpu)
}

#[derive(Debug, Clone, Copy)]
struct Window {
    begin: Instant,
    end: Instant,
}

/// One request after the other until the window closes or one fails.
async fn lane(
    mut client: Client,
    requests: Arc<[Bytes]>,
    first: usize,
    window: Window,
    latencies: Arc<Mutex<Histogram<u64>>>,
) -> Result<(), Status> {
    for request in requests.iter().cycle().skip(first) {
        let asked = Instant::now();
        if asked >= window.end {
            break;
        }
        client.infer(request.clone()).await?;
        let answered = Instant::now();
        if answered >= window.begin && answered < window.end {
            let mut latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
            latencies.saturating_record((answered - asked).as_nanos() as u64);
        }
    }
    Ok(())
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
