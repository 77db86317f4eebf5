//! Delivery: messages of the outbox leave in order, again and again until they are taken.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{
    Registry,
    domain::openlineage::KIND,
    sink::{NotTaken, Sink},
    store::RegistryStore,
};
use lineal_db::StoreError;

/// Messages that are kept while the sink is away; beyond that the oldest are given up.
const MOST: u64 = 100_000;
/// Messages that are held in memory at a time.
const AT_ONCE: u32 = 100;
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A pause that grows with each failure in a row.
#[derive(Debug, Clone, Copy)]
struct Pause {
    failures: u32,
    until: Instant,
}

impl Pause {
    /// The next one, doubled and spread over its second half, so that processes do not come back together.
    fn after(before: Option<&Self>, first: Duration) -> Self {
        let failures = before.map_or(0, |pause| pause.failures);
        let whole = first.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
        let pause = whole.mul_f64(rand::random_range(0.5..=1.0));
        Self { failures: failures + 1, until: Instant::now() + pause }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// The way out for messages of one kind.
struct Delivery {
    store: Arc<dyn RegistryStore>,
    sink: Arc<dyn Sink>,
    poll: Duration,
    /// While the sink is away.
    away: Option<Pause>,
    /// Subjects whose next message was refused; the others go on.
    refused: HashMap<String, Pause>,
}

impl Registry {
    /// Delivers messages of the outbox until `shutdown`. Returns at once without a sink.
    pub async fn deliver(&self, shutdown: CancellationToken) {
        let Some((sink, poll)) = self.sink.clone() else { return };
        let store = Arc::clone(&self.store);
        let mut delivery = Delivery { store, sink, poll, away: None, refused: HashMap::new() };
        let mut ticks = tokio::time::interval(poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let passed = shutdown.run_until_cancelled(delivery.pass()).await;
            if let Some(Err(error)) = passed {
                tracing::warn!(%error, "could not look after the outbox; trying again");
            }
        }
    }
}

impl Delivery {
    /// Tries every message once that does not wait behind a refused one. A stop between delivery and its record sends the
    /// message again, under the same id.
    async fn pass(&mut self) -> Result<(), StoreError> {
        if self.away.as_ref().is_some_and(|pause| !pause.is_over()) {
            return Ok(());
        }
        let mut last = 0;
        let mut messages = self.store.waiting(KIND, last, AT_ONCE).await?;
        if messages.is_empty() {
            return Ok(());
        }
        let Some(_lead) = self.store.lead(KIND).await? else { return Ok(()) };
        let dropped = self.store.trim(KIND, MOST).await?;
        if dropped > 0 {
            tracing::error!(dropped, "the outbox was full: the oldest messages were given up");
        }
        // What the other process delivered before the lead changed hands is not in there any more.
        messages = self.store.waiting(KIND, last, AT_ONCE).await?;
        let mut held: Vec<String> = Vec::new();
        while let Some(latest) = messages.last() {
            last = latest.sequence;
            for message in messages {
                let resting = self.refused.get(&message.subject).is_some_and(|pause| !pause.is_over());
                if resting || held.contains(&message.subject) {
                    held.push(message.subject);
                    continue;
                }
                match self.sink.deliver(&message.body).await {
                    Ok(()) => {
                        self.store.delivered(KIND, message.sequence).await?;
                        self.away = None;
                        self.refused.remove(&message.subject);
                    }
                    Err(NotTaken::Away(problem)) => {
                        self.away = Some(Pause::after(self.away.as_ref(), self.poll));
                        tracing::warn!(problem, "messages wait: the sink is away");
                        return Ok(());
                    }
                    Err(NotTaken::Refused(problem)) => {
                        let pause = Pause::after(self.refused.get(&message.subject), self.poll);
                        tracing::warn!(problem, subject = message.subject, "the sink refused a message; trying again");
                        self.refused.insert(message.subject.clone(), pause);
                        held.push(message.subject);
                    }
                }
            }
            messages = self.store.waiting(KIND, last, AT_ONCE).await?;
        }
        Ok(())
    }
}
