//! Follow the registry: hold a lease, say what is served, catch up with the wanted generation.

use std::{cmp::Ordering, sync::Arc, time::Duration};

use lineal_kernel::{Digest, Name};
use tokio::time::{sleep, timeout};

use super::Replica;
use crate::{
    error::chain,
    registry::{Beat, RegistryError},
};

/// The first wait after a failure; it doubles with every further one.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// The longest wait.
const LAST_RETRY: Duration = Duration::from_secs(15);
/// How long the end may wait for the registry to hear something.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

impl Replica {
    /// Keeps a lease until it is dropped, through restarts of either side. What is served stays served meanwhile.
    pub(crate) async fn keep_lease(&self) {
        let mut failures = 0;
        loop {
            let error = self.hold_lease(&mut failures).await;
            tracing::warn!(error = chain(&error), "no lease");
            self.restore_if_new().await;
            self.expire();
            sleep(retry_delay(&self.config.replica, failures)).await;
            failures = failures.saturating_add(1);
        }
    }

    /// Reloads whenever the registry wants a later generation; a reload that failed is tried again at the next heartbeat.
    pub(crate) async fn catch_up(&self) {
        let mut wanted = self.wanted.subscribe();
        loop {
            let generation = *wanted.borrow_and_update();
            if let Some(generation) = generation {
                match self.reload(generation).await {
                    Ok(served) if served >= generation => self.say_ready().await,
                    Ok(served) => tracing::warn!(served, wanted = generation, "the registry's table is behind itself"),
                    Err(error) => tracing::warn!(error = chain(&error), wanted = generation, "could not catch up"),
                }
            }
            if wanted.changed().await.is_err() {
                return;
            }
        }
    }

    /// Gives the lease back, so that no promotion waits for this replica.
    pub(crate) async fn give_back_lease(&self) {
        match timeout(FAREWELL, self.registry.deregister(&self.config.replica)).await {
            Ok(Ok(())) => tracing::info!("gave the lease back"),
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "could not give the lease back; it will end by itself");
            }
            Err(_) => tracing::warn!("no time to give the lease back; it will end by itself"),
        }
    }

    /// Takes a lease and renews it at a third of its length, until that fails.
    async fn hold_lease(&self, failures: &mut u32) -> RegistryError {
        let replica = &self.config.replica;
        let lease = match self.registry.register(replica, &self.config.advertise).await {
            Ok(lease) => lease,
            Err(error) => return error,
        };
        *failures = 0;
        tracing::info!(duration = ?lease.duration, generation = lease.generation, "took a lease");
        self.wanted.send_replace(Some(lease.generation));
        loop {
            sleep(lease.duration / 3).await;
            self.expire();
            let served = self.generation();
            let beat = Beat { generation: served, problem: self.problem_text(), standbys: self.standbys.all() };
            match self.registry.heartbeat(replica, beat).await {
                Ok(wanted) => self.heard(served, wanted),
                Err(error) => return error,
            }
            // Only now: a file that is damaged on the disk can be fetched when the slot wakes.
            self.sleep_if_idle();
        }
    }

    /// Forgets what nobody waits for.
    fn expire(&self) {
        self.bundles.expire();
        self.wakes.expire();
    }

    /// Takes note of the generation to be served.
    fn heard(&self, served: u64, wanted: u64) {
        match wanted.cmp(&served) {
            // The registry had given `served` before it was asked, so it has lost what it knew.
            Ordering::Less => {
                let problem = format!(
                    "serves generation {served} while the registry is at {wanted}: if its database was replaced, empty \
                     the replica's cache folder and restart the replica"
                );
                self.problem.store(Some(Arc::new(problem)));
            }
            Ordering::Equal => self.problem.store(None),
            Ordering::Greater => {}
        }
        self.wanted.send_replace(Some(wanted));
    }

    /// Without a registry to ask, a replica that has served nothing yet serves what it served before its restart.
    async fn restore_if_new(&self) {
        if self.wanted.borrow().is_none() && self.generation() == 0 {
            self.restore().await;
            if self.generation() > 0 {
                self.say_ready().await;
            }
        }
    }
}

/// Doubles with the failures up to a limit, and up to a half more that differs between replicas: a registry that comes back
/// is not met by all of them at once.
fn retry_delay(replica: &Name, failures: u32) -> Duration {
    let delay = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures)).min(LAST_RETRY);
    let hex = Digest::of(format!("{replica}:{failures}").as_bytes()).hex();
    let share = u32::from_str_radix(&hex[..4], 16).unwrap_or(0);
    delay + delay.mul_f64(f64::from(share) / f64::from(u16::MAX)) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit_and_differ_between_replicas() {
        let (a, b) = (Name::new("replica-a").unwrap(), Name::new("replica-b").unwrap());
        let delays: Vec<_> = [0, 1, 2, 30, u32::MAX].map(|failures| retry_delay(&a, failures)).into();
        for (delay, base) in delays.iter().zip([0.1, 0.2, 0.4, 15.0, 15.0]) {
            assert!((base..=base * 1.5).contains(&delay.as_secs_f64()), "{delays:?}");
        }
        assert_ne!(retry_delay(&a, 3), retry_delay(&b, 3));
    }
}
