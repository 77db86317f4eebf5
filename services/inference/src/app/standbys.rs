//! Standbys: keep the way back on the disk, verified and loadable.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lineal_kernel::Digest;
use tokio::time::{Instant, sleep, timeout};

use super::Replica;
use crate::{InferenceError, domain::Standing, error::chain};

/// The longest wait after a failure.
const RETRY: Duration = Duration::from_secs(15);

/// The bundles that are kept ready, as they were found last.
#[derive(Default)]
pub(super) struct Standbys(Mutex<BTreeMap<Digest, Standing>>);

impl Standbys {
    /// Everything that is known.
    pub(super) fn all(&self) -> Vec<(Digest, Standing)> {
        self.with(|all| all.iter().map(|(digest, standing)| (*digest, standing.clone())).collect())
    }

    fn with<T>(&self, change: impl FnOnce(&mut BTreeMap<Digest, Standing>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Replica {
    /// Looks after the standbys at an interval and after every reload, until it is dropped.
    pub(crate) async fn keep_standbys(&self) {
        let mut served = self.served.subscribe();
        loop {
            served.borrow_and_update();
            let whole = match self.try_standbys().await {
                Ok(whole) => whole,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "could not look after the standbys");
                    false
                }
            };
            let every = self.config.standby_every;
            let pause = if whole { every } else { every.min(RETRY) };
            // Woken early by a reload; what ends the other side of the channel ends this replica too.
            let _ = timeout(pause, served.changed()).await;
        }
    }

    /// Fetches what is missing and loads each standby once, one after the other; returns whether all are ready. What was loaded
    /// is freed again: memory belongs to what is served.
    async fn try_standbys(&self) -> Result<bool, InferenceError> {
        let wanted = self.registry.standbys().await.map_err(InferenceError::Registry)?;
        self.standbys.with(|all| all.retain(|digest, _| wanted.contains(digest)));
        let mut whole = true;
        for digest in wanted {
            let begun = Instant::now();
            let outcome = self.bundles.rehearse(digest).await.map_err(|error| chain(&error));
            if let Err(error) = &outcome {
                tracing::warn!(%digest, %error, "a standby is not ready");
                whole = false;
            }
            let now = self.clock.now();
            self.standbys.with(|all| {
                let standing = Standing::tried(now, outcome, all.get(&digest));
                all.insert(digest, standing);
            });
            // Half of one core at most, whatever has to be loaded.
            sleep(begun.elapsed()).await;
        }
        Ok(whole)
    }
}
