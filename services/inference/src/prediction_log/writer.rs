//! The one task that writes the prediction log.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use lineal_kernel::{Digest, ModelName, Name};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, MissedTickBehavior, interval},
};
use uuid::Uuid;

use super::{LogCounts, Logged, Message, PredictionLogConfig, file::LogFile};
use crate::InferenceError;

/// How often files are looked at for their age, at most.
const TICK: Duration = Duration::from_secs(1);
/// Answers that are taken from the queue together.
const AT_ONCE: usize = 256;

/// Answers of one version on one day.
type Key = (ModelName, Digest, String);

/// Writes files until it is told to close.
pub(super) struct Writer {
    config: PredictionLogConfig,
    replica: Name,
    counts: Arc<LogCounts>,
    files: HashMap<Key, LogFile>,
}

impl Writer {
    pub(super) fn new(config: PredictionLogConfig, replica: Name, counts: Arc<LogCounts>) -> Self {
        Self { config, replica, counts, files: HashMap::new() }
    }

    pub(super) async fn run(mut self, mut messages: UnboundedReceiver<Message>) {
        self.sweep().await;
        let mut ticks = interval(TICK.min(self.config.rotate_after));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut taken = Vec::with_capacity(AT_ONCE);
        loop {
            tokio::select! {
                count = messages.recv_many(&mut taken, AT_ONCE) => {
                    if count == 0 {
                        return self.finish_all().await;
                    }
                    for message in taken.drain(..) {
                        match message {
                            Message::Answer(answer) => self.add(*answer).await,
                            Message::Close(written) => {
                                self.finish_all().await;
                                // Whoever waited may have lost patience.
                                let _ = written.send(());
                            }
                        }
                    }
                }
                _ = ticks.tick() => self.finish_old().await,
            }
        }
    }

    async fn sweep(&mut self) {
        let (place, beginning) = (self.config.place.clone(), format!("{}-", self.replica));
        match tokio::task::spawn_blocking(move || place.sweep(&beginning)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(swept)) => tracing::info!(swept, "swept up what an earlier process left in the prediction log"),
            Ok(Err(error)) => tracing::warn!(%error, "could not sweep the prediction log"),
            Err(error) => tracing::error!(%error, "sweeping the prediction log ended without a result"),
        }
    }

    async fn add(&mut self, answer: Logged) {
        let rows = answer.frame.rows();
        self.counts.queued.fetch_sub(rows, Ordering::Relaxed);
        let facts = &answer.pedigree.target.entry.facts;
        let day: String = answer.pedigree.scored_time.to_string().chars().take(10).collect();
        let key = (facts.model.clone(), facts.digest, day);
        let file = match self.files.remove(&key) {
            Some(file) => Ok(file),
            None => LogFile::new(answer.pedigree.target.entry.model(), Instant::now()),
        };
        // Rows of a file that is lost are lost with it.
        let begun = file.as_ref().map_or(0, |file| file.rows);
        let added = match file {
            Ok(mut file) => {
                file.add(answer);
                if file.is_due() { encoded(file).await } else { Ok(file) }
            }
            Err(error) => Err(error.into()),
        };
        match added {
            Ok(file) if file.bytes() >= self.config.rotate_bytes => self.finish(&key, file).await,
            Ok(file) => drop(self.files.insert(key, file)),
            Err(error) => self.lost(begun + rows, &error),
        }
    }

    async fn finish_old(&mut self) {
        let old: Vec<Key> = self
            .files
            .iter()
            .filter(|(_, file)| file.since.elapsed() >= self.config.rotate_after)
            .map(|(key, _)| key.clone())
            .collect();
        self.finish_these(old).await;
    }

    async fn finish_all(&mut self) {
        self.finish_these(self.files.keys().cloned().collect()).await;
    }

    async fn finish_these(&mut self, keys: Vec<Key>) {
        for key in keys {
            if let Some(file) = self.files.remove(&key) {
                self.finish(&key, file).await;
            }
        }
    }

    /// Makes a file visible.
    async fn finish(&mut self, (model, _, day): &Key, file: LogFile) {
        let rows = file.rows;
        let place = self.config.place.child(&format!("model={model}")).child(&format!("day={day}"));
        let name = format!("{}-{}.parquet", self.replica, Uuid::now_v7());
        let written = async {
            let content = tokio::task::spawn_blocking(move || file.finish()).await??;
            Ok::<_, InferenceError>(place.put_new(&name, content).await?)
        };
        match written.await {
            Ok(_) => {
                self.counts.logged.fetch_add(rows as u64, Ordering::Relaxed);
                self.counts.files.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => self.lost(rows, &error),
        }
    }

    fn lost(&self, rows: usize, error: &InferenceError) {
        tracing::warn!(rows, error = crate::error::chain(error), "predictions could not be logged");
        self.counts.dropped.fetch_add(rows as u64, Ordering::Relaxed);
    }
}

/// Encodes off the serving threads.
async fn encoded(mut file: LogFile) -> Result<LogFile, InferenceError> {
    Ok(tokio::task::spawn_blocking(move || file.encode().map(|()| file)).await??)
}
